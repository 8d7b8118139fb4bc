/**
 * The Open Inference Protocol's names of element types, and our dtypes.
 *
 * https://github.com/kserve/open-inference-protocol, "Tensor Data Types"; BF16 is Triton's addition.
 */
import type { DType } from '../../core/dtype.ts';
import { invalidRequest } from '../../core/errors.ts';
import { cutName, quoteName } from '../../core/list-names.ts';

/** The datatype of each dtype: float32 → 'FP32'. */
export const DATATYPES: Readonly<Record<DType, string>> = {
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

/** 'FP32' → float32; undefined for a name that the protocol does not have. */
export function dtypeOfDatatype(datatype: string): DType | undefined {
  return DTYPES.get(datatype);
}

/** The dtype of an input's `datatype`. Throws `invalid_request` for a name that the protocol does not have. */
export function inputDtype(name: string, datatype: string): DType {
  const dtype = DTYPES.get(datatype);
  if (dtype !== undefined) return dtype;
  const sent = datatype === '' ? 'has no datatype' : `has the datatype ${quoteName(datatype)}`;
  throw invalidRequest(
    `invalid datatype for input ${cutName(name)}: it ${sent}; send one of ${[...DTYPES.keys()].join(', ')}`,
  );
}
