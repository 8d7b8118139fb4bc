import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import fc from 'fast-check';
import { stringTensor } from '../../../src/core/tensor.ts';
import type { TextSettings } from '../../../src/features/text/files/settings.ts';
import { readTexts } from '../../../src/features/text/run/read-texts.ts';

const SETTINGS = {
  task: 'classification',
  prompts: new Map(),
  defaultPrompt: '',
  truncates: true,
  limits: { texts: 2048, charactersPerText: 100_000, characters: 4_000_000, tokens: 500_000 },
} as unknown as TextSettings;

/** Few characters, so that one row's parts look like another's. */
const part = fc.string({ unit: fc.constantFrom('1', '2', ' ', '-', 'a'), maxLength: 4 });

it('rows of a request are run once each, and only equal ones are one', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(part, part), { minLength: 1, maxLength: 12 }), (pairs) => {
      const column = (at: 0 | 1) =>
        stringTensor(
          [pairs.length],
          pairs.map((pair) => Buffer.from(pair[at])),
        );
      const inputs = new Map([
        ['text', column(0)],
        ['text_pair', column(1)],
      ]);
      const { rows, rowOf } = readTexts(inputs, SETTINGS);
      assert.equal(rows.length, new Set(pairs.map((pair) => JSON.stringify(pair))).size);
      pairs.forEach(([text, pair], i) => {
        const row = rows[rowOf[i]!]!;
        assert.equal(Buffer.from(row.text).toString(), text);
        assert.equal(row.pair === undefined ? '' : Buffer.from(row.pair).toString(), pair);
      });
    }),
    {
      examples: [
        [
          [
            ['3 abcxyz', ''],
            ['abc', 'xyz'],
          ],
        ],
      ],
    },
  );
});
