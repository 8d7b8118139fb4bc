/** The suite of the package over a plug-in that knows nothing of it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { backendContract } from 'pillion/backend/contract';

const WORDS = ['plain', '0', '1', '303', '505'];

backendContract({
  kind: pathToFileURL(process.env.PLUG_IN).href,
  dtypes: ['string'],
  refusedDTypes: [],
  axes: [{ dims: ['N'], axis: { kind: 'dynamic', reason: 'each text is tokenized by itself' } }],
  inputName: 'text',
  outputNames: ['ids'],
  answer: ({ data }) => {
    const ids = data.flatMap((bytes) => {
      const words = new TextDecoder().decode(bytes).match(/\S+/g) ?? [];
      return [0, 1].map((i) => (words[i] === undefined ? 0n : BigInt(2 + WORDS.indexOf(words[i]) || 1)));
    });
    return { dtype: 'int64', shape: [data.length, 2], data: new Uint8Array(BigInt64Array.from(ids).buffer) };
  },
  hasByteStrings: false,
  refusesShapes: true,
  missingProvider: 'cuda',
  writeModel: (directory) =>
    writeFileSync(join(directory, 'vocabulary.json'), JSON.stringify({ length: 2, words: WORDS })),
  writeCorruptModel: (directory) => {
    writeFileSync(join(directory, 'vocabulary.json'), '{"words": [');
    return 'vocabulary.json';
  },
});
