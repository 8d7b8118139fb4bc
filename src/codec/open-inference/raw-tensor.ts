/**
 * Raw tensor contents → Tensor, as in gRPC's raw_input_contents and in REST's binary tensor data: little-endian,
 * row-major, without padding. Numbers become views of the message. Each string stands after its length in four bytes.
 */
import { Buffer } from 'node:buffer';
import { bytesPerElement, type DType } from '../../core/dtype.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { atOnce, type Steps } from '../../core/in-slices.ts';
import { cutName, quoteName } from '../../core/list-names.ts';
import { elementCount, formatShape, type Shape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { chargeTensor, type TensorBudget } from '../tensorflow/tensor-proto/tensor-budget.ts';
import { countElements } from '../tensorflow/tensor-proto/tensor-proto-reader.ts';
import { DATATYPES } from './datatypes.ts';

/** Bytes of the length before each string. */
export const LENGTH_BYTES = 4;

/** All of a tensor but its elements. */
export interface TensorHead {
  /** The word for the tensor in error texts. Default: 'input'. */
  readonly what?: 'input' | 'output';
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * The elements that the shape has, charged to the request's budget before anything is allocated. Throws ServingError:
 * invalid_request for a negative dim, too_large.
 */
export function chargedCount({ what, name, dtype, shape }: TensorHead, budget: TensorBudget): number {
  const count = countElements(shape, name, what);
  chargeTensor(budget, name, dtype, shape, count, undefined);
  return count;
}

/** `raw` are all bytes of this input; the tensor is a view of them. Throws ServingError (invalid_request, too_large). */
export function rawTensor(head: TensorHead, raw: Uint8Array, budget: TensorBudget): Tensor {
  const { dtype, shape } = head;
  const count = chargedCount(head, budget);
  if (dtype === 'string') return { dtype, shape, data: atOnce(cutStrings(head, count, raw)) };
  checkLength(head, count * bytesPerElement(dtype), raw);
  return { dtype, shape, data: raw };
}

/** Like `rawTensor`, in steps; the tensor is charged already. Throws `invalid_request`. */
export function* rawTensorSteps(head: TensorHead, raw: Uint8Array): Steps<Tensor> {
  const { dtype, shape } = head;
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: yield* cutStrings(head, count, raw) };
  checkLength(head, count * bytesPerElement(dtype), raw);
  return { dtype, shape, data: raw };
}

/** The strings that one step cuts. */
const STEP_STRINGS = 2048;

/** `count` strings as views of `raw`. */
function* cutStrings(head: TensorHead, count: number, raw: Uint8Array): Steps<Uint8Array[]> {
  const { buffer, byteOffset, byteLength } = raw;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const strings: Uint8Array[] = [];
  let at = 0;
  while (at < byteLength) {
    if (strings.length === count) throw wrongStrings(head, `goes on after element ${count - 1}, the last one`);
    const start = at + LENGTH_BYTES;
    const length = start <= byteLength ? bytes.readUInt32LE(at) : Infinity;
    if (start + length > byteLength) throw wrongStrings(head, `ends within element ${strings.length}`);
    strings.push(new Uint8Array(buffer, byteOffset + start, length));
    at = start + length;
    if (strings.length % STEP_STRINGS === 0) yield;
  }
  if (strings.length < count) throw wrongStrings(head, `has ${strings.length} elements, and its shape has ${count}`);
  return strings;
}

/** A tensor of no elements. */
export function emptyTensor({ dtype, shape }: TensorHead): Tensor {
  return dtype === 'string' ? { dtype, shape, data: [] } : { dtype, shape, data: new Uint8Array(0) };
}

/** 'input "x"', the beginning of error texts. */
export function nameOf({ what = 'input', name }: TensorHead): string {
  return `${what} ${quoteName(name)}`;
}

function checkLength(head: TensorHead, want: number, { byteLength }: Uint8Array): void {
  if (byteLength === want) return;
  const { what = 'input', name, dtype, shape } = head;
  throw invalidRequest(
    `${what} byte size mismatch for ${what} '${cutName(name)}'. Expected ${want}, got ${byteLength}: ` +
      `${DATATYPES[dtype]} ${formatShape(shape)} takes ${want} bytes of raw contents; send exactly those`,
  );
}

function wrongStrings(head: TensorHead, problem: string): ServingError {
  return invalidRequest(
    `${nameOf(head)}, BYTES ${formatShape(head.shape)}: its raw contents ${problem}; send each element after its ` +
      'length in 4 bytes, little-endian',
  );
}
