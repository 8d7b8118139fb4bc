/**
 * Another shape for the same elements: what requests send and get, where the model itself has another (`reshape` of a
 * Triton model). Free dims keep their order and sizes.
 *
 *   outside [-1, 3]   inside [3, -1, 1]      a request's [rows, 7, 3] is [rows, 3, 7, 1] for the model
 */
import type { Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';

export interface Reshape {
  /** Dims in front of both shapes that stay as they are: 1 for the rows, else 0. */
  readonly leading: number;
  /** The shape that requests have; -1 = any size. */
  readonly outside: Shape;
  /** The shape that the model has, with as many free dims. */
  readonly inside: Shape;
}

/** The request's tensor as the model wants it. Its shape fits `outside`. */
export function toInside(tensor: Tensor, { leading, outside, inside }: Reshape): Tensor {
  return reshaped(tensor, leading, outside, inside);
}

/** The model's tensor as the request wants it. */
export function toOutside(tensor: Tensor, { leading, outside, inside }: Reshape): Tensor {
  return reshaped(tensor, leading, inside, outside);
}

function reshaped(tensor: Tensor, leading: number, from: Shape, to: Shape): Tensor {
  const { shape } = tensor;
  // A model may give another rank than it declares: such an answer stays as it is.
  if (shape.length !== leading + from.length) return tensor;
  const sizes = shape.slice(leading).filter((_, i) => from[i] === -1);
  let next = 0;
  return { ...tensor, shape: [...shape.slice(0, leading), ...to.map((dim) => (dim === -1 ? sizes[next++]! : dim))] };
}
