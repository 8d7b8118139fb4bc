/**
 * TensorFlow's element types: DataType numbers (tensorflow/core/framework/types.proto) and their DT_ names. TensorFlow
 * Serving's API and TensorFlow's files use them; all other code uses DType.
 */
import type { DType } from '../../../core/dtype.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';

/** DataType numbers by DType: float32 → 1. */
export const DATA_TYPES: Readonly<Record<DType, number>> = {
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

/** Names by DataType number: all values of the enum below the _REF ones. */
const NAMES: readonly string[] = (
  'DT_INVALID DT_FLOAT DT_DOUBLE DT_INT32 DT_UINT8 DT_INT16 DT_INT8 DT_STRING DT_COMPLEX64 DT_INT64 DT_BOOL ' +
  'DT_QINT8 DT_QUINT8 DT_QINT32 DT_BFLOAT16 DT_QINT16 DT_QUINT16 DT_UINT16 DT_COMPLEX128 DT_HALF DT_RESOURCE ' +
  'DT_VARIANT DT_UINT32 DT_UINT64 DT_FLOAT8_E5M2 DT_FLOAT8_E4M3FN DT_FLOAT8_E4M3FNUZ DT_FLOAT8_E4M3B11FNUZ ' +
  'DT_FLOAT8_E5M2FNUZ DT_INT4 DT_UINT4 DT_INT2 DT_UINT2 DT_FLOAT4_E2M1FN'
).split(' ');

/** The number of a reference type is that of its value type plus this. It occurs in graphs, never in a message. */
const REF_OFFSET = 100;

const BY_NUMBER: readonly (DType | undefined)[] = NAMES.map((_, number) =>
  (Object.keys(DATA_TYPES) as DType[]).find((dtype) => DATA_TYPES[dtype] === number),
);

/** 1 → float32; undefined for types without a DType (complex, quantized, 4-bit, …) and for unknown numbers. */
export function dtypeOf(dataType: number): DType | undefined {
  return BY_NUMBER[dataType];
}

/** float32 → 'DT_FLOAT'. */
export function dataTypeNameOf(dtype: DType): string {
  return NAMES[DATA_TYPES[dtype]]!;
}

/** 8 → 'DT_COMPLEX64', 101 → 'DT_FLOAT_REF', 77 → '77': for error texts about types without a DType. */
export function dataTypeName(dataType: number): string {
  const name = NAMES[dataType];
  if (name !== undefined) return name;
  const value = dataType > REF_OFFSET ? NAMES[dataType - REF_OFFSET] : undefined;
  return value === undefined ? String(dataType) : `${value}_REF`;
}

/**
 * The error for a number for which `dtypeOf` is undefined: `unsupported` for another type of TensorFlow's,
 * `invalid_request` for a type that no message may hold. `what` is the tensor, e.g. 'input "x"'.
 */
export function wrongDataType(what: string, dataType: number): ServingError {
  const known = Object.keys(DATA_TYPES).join(', ');
  if (dataType > 0 && dataType < NAMES.length) {
    return new ServingError('unsupported', `${what} has dtype ${dataTypeName(dataType)}; send one of ${known}`);
  }
  const said =
    dataType === 0 ? 'no dtype (DT_INVALID)' : `dtype ${dataTypeName(dataType)}, which a message cannot hold`;
  return invalidRequest(`${what} has ${said}; set dtype to one of ${known}`);
}
