/**
 * Element types in TensorFlow's words: DataType numbers (tensorflow/core/framework/types.proto) and their DT_ names.
 * Both surfaces of TensorFlow Serving's API and TensorFlow's own files speak them; all else knows our own DType.
 */
import type { DType } from '../../../core/dtype.ts';
import { ServingError } from '../../../core/errors.ts';

/** DataType numbers of what we can hold. */
const NUMBERS: Readonly<Record<DType, number>> = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  float16: 19,
  uint32: 22,
  uint64: 23,
};

/** Index = DataType number. Every value of the enum below the _REF ones, ours or not. */
const NAMES = [
  'DT_INVALID',
  'DT_FLOAT',
  'DT_DOUBLE',
  'DT_INT32',
  'DT_UINT8',
  'DT_INT16',
  'DT_INT8',
  'DT_STRING',
  'DT_COMPLEX64',
  'DT_INT64',
  'DT_BOOL',
  'DT_QINT8',
  'DT_QUINT8',
  'DT_QINT32',
  'DT_BFLOAT16',
  'DT_QINT16',
  'DT_QUINT16',
  'DT_UINT16',
  'DT_COMPLEX128',
  'DT_HALF',
  'DT_RESOURCE',
  'DT_VARIANT',
  'DT_UINT32',
  'DT_UINT64',
  'DT_FLOAT8_E5M2',
  'DT_FLOAT8_E4M3FN',
  'DT_FLOAT8_E4M3FNUZ',
  'DT_FLOAT8_E4M3B11FNUZ',
  'DT_FLOAT8_E5M2FNUZ',
  'DT_INT4',
  'DT_UINT4',
  'DT_INT2',
  'DT_UINT2',
  'DT_FLOAT4_E2M1FN',
] as const;

/** A reference type is its value type plus this; it belongs in graphs, never in a message. */
const REF_OFFSET = 100;

const BY_NUMBER: readonly (DType | undefined)[] = NAMES.map((_, number) =>
  (Object.keys(NUMBERS) as DType[]).find((dtype) => NUMBERS[dtype] === number),
);

/** float32 → 1. */
export function dataTypeOf(dtype: DType): number {
  return NUMBERS[dtype];
}

/** 1 → float32; undefined for what we cannot hold (complex, quantized, 4-bit, …) and for numbers that are no type. */
export function dtypeOf(dataType: number): DType | undefined {
  return BY_NUMBER[dataType];
}

/** float32 → 'DT_FLOAT'. */
export function dataTypeNameOf(dtype: DType): string {
  return NAMES[NUMBERS[dtype]]!;
}

/** 8 → 'DT_COMPLEX64', 101 → 'DT_FLOAT_REF', 77 → '77': for messages about types that we do not hold. */
export function dataTypeName(dataType: number): string {
  const name = NAMES[dataType];
  if (name !== undefined) return name;
  const value = dataType > REF_OFFSET ? NAMES[dataType - REF_OFFSET] : undefined;
  return value === undefined ? String(dataType) : `${value}_REF`;
}

/**
 * The error for a number that `dtypeOf` has no type for: `unsupported` for a type of TensorFlow's that we do not hold,
 * `invalid_request` for what no tensor in a message may have. `what` is the tensor, e.g. 'input "x"'.
 */
export function wrongDataType(what: string, dataType: number): ServingError {
  const known = Object.keys(NUMBERS).join(', ');
  if (dataType > 0 && dataType < NAMES.length) {
    return new ServingError('unsupported', `${what} has dtype ${dataTypeName(dataType)}; send one of ${known}`);
  }
  const said =
    dataType === 0 ? 'no dtype (DT_INVALID)' : `dtype ${dataTypeName(dataType)}, which a message cannot hold`;
  return new ServingError('invalid_request', `${what} has ${said}; set dtype to one of ${known}`);
}
