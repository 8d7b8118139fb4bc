/** Triton's data types and ours. Source: DataType of Triton's model_config.proto. */
import type { DType } from '../../../core/dtype.ts';

interface DataType {
  /** The name in a config.pbtxt. */
  readonly name: string;
  readonly dtype: DType;
}

/** The data types by the enum's number; 0 is TYPE_INVALID. */
const DATA_TYPES: ReadonlyMap<number, DataType> = new Map([
  [1, { name: 'TYPE_BOOL', dtype: 'bool' }],
  [2, { name: 'TYPE_UINT8', dtype: 'uint8' }],
  [3, { name: 'TYPE_UINT16', dtype: 'uint16' }],
  [4, { name: 'TYPE_UINT32', dtype: 'uint32' }],
  [5, { name: 'TYPE_UINT64', dtype: 'uint64' }],
  [6, { name: 'TYPE_INT8', dtype: 'int8' }],
  [7, { name: 'TYPE_INT16', dtype: 'int16' }],
  [8, { name: 'TYPE_INT32', dtype: 'int32' }],
  [9, { name: 'TYPE_INT64', dtype: 'int64' }],
  [10, { name: 'TYPE_FP16', dtype: 'float16' }],
  [11, { name: 'TYPE_FP32', dtype: 'float32' }],
  [12, { name: 'TYPE_FP64', dtype: 'float64' }],
  [13, { name: 'TYPE_STRING', dtype: 'string' }],
  [14, { name: 'TYPE_BF16', dtype: 'bfloat16' }],
]);

/** Undefined for TYPE_INVALID and for numbers that are no type. */
export function dtypeOf(dataType: number): DType | undefined {
  return DATA_TYPES.get(dataType)?.dtype;
}

/** TYPE_FP32, or TYPE_INVALID. */
export function dataTypeName(dataType: number): string {
  return DATA_TYPES.get(dataType)?.name ?? 'TYPE_INVALID';
}

/** The number of our dtype; 0 for one that Triton does not have. */
export function dataTypeOf(dtype: DType): number {
  for (const [number, type] of DATA_TYPES) if (type.dtype === dtype) return number;
  return 0;
}
