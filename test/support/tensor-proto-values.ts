/** A tensor's elements as @bufbuild/protobuf has them in a TensorProto: which field they stand in, and as what. */
import { bytesPerElement, type DType, typedArrayOf } from '../../src/core/dtype.ts';
import type { Tensor } from '../../src/core/tensor.ts';

/** The *_val field of each dtype. */
export const VALUE_NAMES: Readonly<Record<DType, string>> = {
  float32: 'floatVal',
  float64: 'doubleVal',
  int32: 'intVal',
  uint8: 'intVal',
  int16: 'intVal',
  int8: 'intVal',
  uint16: 'intVal',
  string: 'stringVal',
  int64: 'int64Val',
  bool: 'boolVal',
  float16: 'halfVal',
  bfloat16: 'halfVal',
  uint32: 'uint32Val',
  uint64: 'uint64Val',
};

/** The tensor's elements as @bufbuild/protobuf wants them. */
export function valuesOf(tensor: Tensor): unknown[] {
  if (tensor.dtype === 'string') return [...tensor.data];
  const array = new (typedArrayOf(tensor.dtype))(
    tensor.data.slice().buffer,
    0,
    tensor.data.length / bytesPerElement(tensor.dtype),
  );
  return tensor.dtype === 'bool' ? [...array].map(Boolean) : [...array];
}
