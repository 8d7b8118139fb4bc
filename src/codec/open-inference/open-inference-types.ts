/** Element types in the Open Inference Protocol's words. */
import type { DType } from '../../core/dtype.ts';

const DATATYPES: Readonly<Record<DType, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  bfloat16: 'BF16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

const DTYPES: ReadonlyMap<string, DType> = new Map(
  (Object.entries(DATATYPES) as [DType, string][]).map(([dtype, datatype]) => [datatype, dtype]),
);

/** float32 → 'FP32'. */
export function datatypeOf(dtype: DType): string {
  return DATATYPES[dtype];
}

/** 'FP32' → float32; undefined for what is none of the protocol's. */
export function dtypeOfDatatype(datatype: string): DType | undefined {
  return DTYPES.get(datatype);
}
