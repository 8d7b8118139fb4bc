/**
 * Describes numeric tensors in 32-bit words, one tensor after the other; their bytes are in a slab:
 *
 *     | byte offset in the slab | byte length | rank | dim 0 | dim 1 | … |   next tensor …
 *
 * Names and dtypes are left out, since both sides have the signature. A batch that does not fit goes by message.
 */
import type { NumericDType } from '../../../core/dtype.ts';
import type { NumericTensor, Tensor, TensorMap } from '../../../core/tensor.ts';

const WORDS_BESIDE_DIMS = 3;
const LARGEST_WORD = 2 ** 31 - 1;

/** A tensor of a signature, which both sides of a mailbox know. */
export interface KnownTensor {
  readonly name: string;
  readonly dtype: NumericDType;
}

/** Writes a tensor whose bytes are at `byteOffset`. Returns the index after it, or -1 if it or a dim does not fit. */
export function writeTensor(words: Int32Array, at: number, { shape, data }: NumericTensor, byteOffset: number): number {
  const rank = shape.length;
  const end = at + WORDS_BESIDE_DIMS + rank;
  if (end > words.length) return -1;
  words[at] = byteOffset;
  words[at + 1] = data.byteLength;
  words[at + 2] = rank;
  for (let i = 0; i < rank; i++) {
    const dim = shape[i]!;
    // A dim of an empty tensor may be of any size.
    if (dim > LARGEST_WORD) return -1;
    words[at + WORDS_BESIDE_DIMS + i] = dim;
  }
  return end;
}

/** The tensors written from `at` on, as views of `bytes`, a copy of the slab. */
export function readTensors(
  words: Int32Array,
  at: number,
  known: readonly KnownTensor[],
  bytes: Uint8Array<ArrayBuffer>,
): TensorMap {
  const tensors = new Map<string, Tensor>();
  let next = at;
  for (let t = 0; t < known.length; t++) {
    const { name, dtype } = known[t]!;
    const start = bytes.byteOffset + words[next]!;
    const data = new Uint8Array(bytes.buffer, start, words[next + 1]!);
    const rank = words[next + 2]!;
    const shape: number[] = [];
    for (let i = 0; i < rank; i++) shape.push(words[next + WORDS_BESIDE_DIMS + i]!);
    tensors.set(name, { dtype, shape, data });
    next += WORDS_BESIDE_DIMS + rank;
  }
  return tensors;
}
