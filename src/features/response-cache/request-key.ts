/**
 * When two requests are the same: the same signature, outputs and order of outputs, and the same name, dtype, shape and
 * bytes of each input. A hash finds the candidate; then everything is compared, so that no collision gives one caller
 * the answer to another question.
 */
import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import { shapesEqual } from '../../core/shape.ts';
import { copyOf, type Tensor, type TensorMap } from '../../core/tensor.ts';

/** The part of a request that its answer depends on, within one loaded version. */
export interface KeyedRequest {
  readonly signatureName: string;
  /** The inputs in the signature's order. */
  readonly inputs: TensorMap;
  readonly isOddShape?: boolean;
  /** The outputs in the order of the answer. */
  readonly outputs: readonly string[];
}

/**
 * Requests with more bytes of inputs are neither kept nor joined: hashing and comparing happen on the event loop, where
 * this much takes about a millisecond.
 */
export const MOST_KEYED_BYTES = 2 ** 20;

/** A text that differs for different requests, but for collisions of SHA-256. */
export function digestOf(request: KeyedRequest): string {
  const hash = createHash('sha256');
  const { signatureName, isOddShape = false, outputs, inputs } = request;
  hash.update(JSON.stringify([signatureName, isOddShape, outputs]));
  for (const [name, tensor] of inputs) addTensor(hash, name, tensor);
  return hash.digest('base64');
}

function addTensor(hash: Hash, name: string, tensor: Tensor): void {
  hash.update(JSON.stringify([name, tensor.dtype, tensor.shape]));
  if (tensor.dtype !== 'string') {
    hash.update(tensor.data);
    return;
  }
  for (const element of tensor.data) {
    hash.update(`${element.byteLength} `);
    hash.update(element);
  }
}

export function isSameRequest(a: KeyedRequest, b: KeyedRequest): boolean {
  if (a.signatureName !== b.signatureName || (a.isOddShape === true) !== (b.isOddShape === true)) return false;
  if (a.outputs.length !== b.outputs.length || a.inputs.size !== b.inputs.size) return false;
  if (a.outputs.some((name, i) => name !== b.outputs[i])) return false;
  for (const [name, tensor] of a.inputs) {
    const other = b.inputs.get(name);
    if (other === undefined || !isSameTensor(tensor, other)) return false;
  }
  return true;
}

function isSameTensor(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || !shapesEqual(a.shape, b.shape)) return false;
  if (a.dtype !== 'string') return b.dtype !== 'string' && Buffer.compare(a.data, b.data) === 0;
  const others = b.data as readonly Uint8Array[];
  return a.data.length === others.length && a.data.every((each, i) => Buffer.compare(each, others[i]!) === 0);
}

/** The same with memory of its own: the request's may be reused when it has ended. */
export function keptCopy({ signatureName, inputs, isOddShape, outputs }: KeyedRequest): KeyedRequest {
  const copies = new Map([...inputs].map(([name, tensor]) => [name, copyOf(tensor)]));
  return { signatureName, outputs, inputs: copies, ...(isOddShape === true && { isOddShape }) };
}
