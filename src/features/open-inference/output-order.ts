/**
 * The outputs of an answer, as Triton's clients know them: by name, byte by byte, where the request names none; and a
 * scalar has the shape [1], as there are no tensors without dims.
 */
import { Buffer } from 'node:buffer';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';

/** The names in order, or undefined if the signature has them so. Made with the first such answer of a signature. */
const orders = new WeakMap<ServedSignature, { readonly names: readonly string[] | undefined }>();

/** `areNamed`: the request names its outputs, and they are in that order. */
export function answerOutputs(served: ServedSignature, outputs: TensorMap, areNamed: boolean): TensorMap {
  const ordered = areNamed || outputs.size < 2 ? outputs : byName(served, outputs);
  for (const { shape } of ordered.values()) if (shape.length === 0) return withoutScalars(ordered);
  return ordered;
}

function byName(served: ServedSignature, outputs: TensorMap): TensorMap {
  let order = orders.get(served);
  if (order === undefined) {
    order = { names: unlessSorted(served.outputNames) };
    orders.set(served, order);
  }
  if (order.names === undefined) return outputs;
  const sorted = new Map<string, Tensor>();
  for (const name of order.names) {
    const tensor = outputs.get(name);
    // A step of a sequence has no outputs that are its next state.
    if (tensor !== undefined) sorted.set(name, tensor);
  }
  return sorted;
}

function unlessSorted(names: readonly string[]): readonly string[] | undefined {
  const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return sorted.every((name, i) => name === names[i]) ? undefined : sorted;
}

function withoutScalars(outputs: TensorMap): TensorMap {
  return new Map([...outputs].map(([name, each]) => [name, each.shape.length > 0 ? each : { ...each, shape: [1] }]));
}
