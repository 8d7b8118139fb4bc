/**
 * The part of a lane's key for requests of a signature with batch axes of its own: dtype and shape beside the axis, and
 * the values of inputs that must be the same within a batch.
 *
 *   sr = 16000 ─▶ lane "…int64=803e000000000000"        sr = 8000 ─▶ lane "…int64=401f000000000000"
 *
 * A value of at most MAX_TEXT_BYTES is in the key itself. A larger one is there by its hash, and `haveSameValues` compares
 * its bytes with those of a task that waits in the lane: a hash alone would let two values meet, however rarely.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { shapesEqual } from '../../core/shape.ts';
import { axisOf, type BatchAxes } from '../../core/signature.ts';
import { byteLengthOf, type Tensor, type TensorMap } from '../../core/tensor.ts';

/** NUL separates the parts of a key: no model has it in a name. */
export const SEPARATOR = '\0';

const MAX_TEXT_BYTES = 64;

/** The key of these inputs beside their rows. It begins with a separator. */
export function keyAlongAxes(names: readonly string[], axes: BatchAxes, inputs: TensorMap): string {
  let key = '';
  for (const name of names) {
    const tensor = inputs.get(name)!;
    const axis = axisOf(axes, name);
    key += SEPARATOR + tensor.dtype;
    for (let i = 0; i < tensor.shape.length; i++) key += i === axis ? ',' : `,${tensor.shape[i]}`;
    if (axis === 'same') key += valueKey(tensor);
  }
  return key;
}

/** The two requests have the same value in each input that must be the same. */
export function haveSameValues(axes: BatchAxes, a: TensorMap, b: TensorMap): boolean {
  for (const [name, axis] of axes) {
    const tensor = a.get(name);
    // Outputs are in the map, too.
    if (axis === 'same' && tensor !== undefined && !isSameValue(tensor, b.get(name)!)) return false;
  }
  return true;
}

function isSameValue(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || !shapesEqual(a.shape, b.shape) || a.data.length !== b.data.length) return false;
  if (a.dtype !== 'string') return Buffer.compare(a.data, b.data as Uint8Array) === 0;
  return a.data.every((element, i) => Buffer.compare(element, b.data[i] as Uint8Array) === 0);
}

function valueKey(tensor: Tensor): string {
  const isShort = byteLengthOf(tensor) <= MAX_TEXT_BYTES && tensor.data.length <= MAX_TEXT_BYTES;
  if (tensor.dtype !== 'string') return isShort ? `=${hexOf(tensor.data)}` : `#${hashOf([tensor.data])}`;
  return isShort ? `=${tensor.data.map(hexOf).join(',')}` : `#${hashOf(lengthsAnd(tensor.data))}`;
}

function hexOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
}

function hashOf(chunks: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('base64');
}

/** Each string behind its length: ["ab", "c"] and ["a", "bc"] differ. */
function* lengthsAnd(strings: readonly Uint8Array[]): Iterable<Uint8Array> {
  for (const each of strings) {
    yield Buffer.from(`${each.byteLength}:`);
    yield each;
  }
}
