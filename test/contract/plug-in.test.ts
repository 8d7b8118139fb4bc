/** The suite over examples/tokenizer: it imports nothing of Pillion, takes no numbers, and does not copy its input. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendContract } from '../../src/api/contract/backend-contract.ts';
import type { StringTensor, Tensor } from '../../src/core/tensor.ts';

const FILE = 'vocabulary.json';
const VOCABULARY = { length: 2, words: ['plain', '0', '1', '303', '505'] };

backendContract({
  kind: new URL('../../../examples/tokenizer/tokenizer-backend.mjs', import.meta.url).href,
  dtypes: ['string'],
  // Its files declare no dtypes.
  refusedDTypes: [],
  axes: [{ dims: ['N'], axis: { kind: 'dynamic', reason: 'each text is tokenized by itself' } }],
  inputName: 'text',
  outputNames: ['ids'],
  answer: idsOf,
  hasByteStrings: false,
  refusesShapes: true,
  missingProvider: 'cuda',
  writeModel: (directory) => writeFileSync(join(directory, FILE), JSON.stringify(VOCABULARY)),
  writeCorruptModel: (directory) => {
    writeFileSync(join(directory, FILE), '{"words": [');
    return FILE;
  },
});

function idsOf(x: Tensor): Tensor {
  const { data } = x as StringTensor;
  const ids = data.flatMap((bytes) => {
    const words = new TextDecoder().decode(bytes).match(/\S+/g) ?? [];
    return [0, 1].map((i) => (words[i] === undefined ? 0n : idOf(words[i])));
  });
  return { dtype: 'int64', shape: [data.length, 2], data: new Uint8Array(BigInt64Array.from(ids).buffer) };
}

function idOf(word: string): bigint {
  const index = VOCABULARY.words.indexOf(word);
  return index === -1 ? 1n : BigInt(2 + index);
}
