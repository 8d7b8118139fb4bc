/**
 * The calls of the tokenizers' process, as tensors: it is hosted as a model is, so that it can be ended, bounded and
 * replaced.
 *
 *   encode    texts, pairs [n] string, flags [n] uint8: FLAG_…       counts, cuts [n], ids, types [all]; with offsets also
 *                                                                     offsets [2 all], special [all], words [all]
 *   texts     ids [all] int32, counts [n]                             texts [n] string
 *   ids       texts [n] string                                        ids [n] int32; -1 = there is no such token
 */
import {
  type NumericTensor,
  numericTensor,
  type StringTensor,
  type Tensor,
  type TensorMap,
} from '../../../core/tensor.ts';
import type { Encoded } from '../exported/text-model.ts';

export const CALLS = {
  encode: 'encode',
  encodeWithOffsets: 'encode_with_offsets',
  texts: 'texts',
  ids: 'ids',
} as const;
export type CallName = (typeof CALLS)[keyof typeof CALLS];

/** Names of the parameters that the process is started with. */
export const PARAMETERS = {
  file: 'file',
  maxTokens: 'max_tokens',
  cuts: 'cuts',
  strips: 'strips',
  takesPairs: 'takes_pairs',
} as const;

export const FLAG_PAIR = 1;
export const FLAG_PLAIN = 2;

export const ENCODE_OUTPUTS = ['counts', 'cuts', 'ids', 'types'] as const;
export const OFFSET_OUTPUTS = [...ENCODE_OUTPUTS, 'offsets', 'special', 'words'] as const;

export function int32s(values: Int32Array): NumericTensor {
  return numericTensor('int32', [values.length], values);
}

export function uint8s(values: Uint8Array): NumericTensor {
  return numericTensor('uint8', [values.length], values);
}

export function strings(data: readonly Uint8Array[]): StringTensor {
  return { dtype: 'string', shape: [data.length], data };
}

/** The numbers of an int32 tensor, in memory of their own. */
export function numbersOf(tensor: Tensor | undefined): Int32Array {
  if (tensor === undefined || tensor.dtype !== 'int32') return new Int32Array(0);
  return new Int32Array(new Uint8Array(tensor.data).buffer);
}

/** The answer of a call `encode`. */
export function encodedTensors(all: readonly Encoded[], hasOffsets: boolean): TensorMap {
  const joined = (arrays: readonly Int32Array[]): Int32Array => {
    const whole = new Int32Array(arrays.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const array of arrays) {
      whole.set(array, at);
      at += array.length;
    }
    return whole;
  };
  const tensors = new Map<string, Tensor>([
    ['counts', int32s(Int32Array.from(all, ({ ids }) => ids.length))],
    ['cuts', int32s(Int32Array.from(all, ({ cutAt }) => cutAt))],
    ['ids', int32s(joined(all.map(({ ids }) => ids)))],
    ['types', int32s(joined(all.map(({ typeIds }) => typeIds)))],
  ]);
  if (!hasOffsets) return tensors;
  tensors.set('offsets', int32s(joined(all.map(({ offsets }) => offsets))));
  tensors.set('special', uint8s(Uint8Array.from(joined(all.map(({ special }) => Int32Array.from(special))))));
  tensors.set('words', int32s(joined(all.map(({ words }) => words))));
  return tensors;
}

/** The texts of such an answer. */
export function encodedFrom(tensors: TensorMap): readonly Encoded[] {
  const counts = numbersOf(tensors.get('counts'));
  const cuts = numbersOf(tensors.get('cuts'));
  const ids = numbersOf(tensors.get('ids'));
  const types = numbersOf(tensors.get('types'));
  const offsets = numbersOf(tensors.get('offsets'));
  const words = numbersOf(tensors.get('words'));
  const special = (tensors.get('special') as NumericTensor | undefined)?.data ?? new Uint8Array(0);
  let at = 0;
  return Array.from(counts, (count, i) => {
    const from = at;
    at += count;
    const to = at;
    return {
      ids: ids.subarray(from, to),
      typeIds: types.subarray(from, to),
      offsets: offsets.subarray(2 * from, 2 * to),
      special: special.subarray(from, to),
      words: words.subarray(from, to),
      cutAt: cuts[i]!,
    };
  });
}
