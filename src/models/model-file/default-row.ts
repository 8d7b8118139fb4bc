/**
 * The default of an input as the file has it → one row of it (where dim 0 is the batch), or the whole tensor.
 */
import type { YamlValue } from '../../config/yaml/yaml-document.ts';
import { formatShape, shapeFits } from '../../core/shape.ts';
import type { BatchAxis, TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { literalTensor } from './literal-tensor.ts';

/** The tensor, which has one row where there is a batch; or what is wrong. A row may be given with or without dim 0. */
export function rowDefault(value: YamlValue, spec: TensorSpec, batchAxis: BatchAxis): Tensor | string {
  const tensor = literalTensor(value, spec.dtype);
  if (typeof tensor === 'string') return tensor;
  const { shape } = spec;
  if (batchAxis.kind === 'none' || shape === undefined) {
    if (shapeFits(tensor.shape, shape)) return tensor;
    return `it is ${formatShape(tensor.shape)}, but the input is ${formatShape(shape)}`;
  }
  const row = shape.slice(1);
  if (shapeFits(tensor.shape, row)) return { ...tensor, shape: [1, ...tensor.shape] };
  if (tensor.shape[0] === 1 && shapeFits(tensor.shape.slice(1), row)) return tensor;
  return `it is ${formatShape(tensor.shape)}, but one row of the input is ${formatShape(row)}`;
}
