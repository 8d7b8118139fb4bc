import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import fc from 'fast-check';
import { atOnce } from '../../../src/core/in-slices.ts';
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
      const { rows, rowOf } = atOnce(readTexts(inputs, SETTINGS));
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

it('large texts are read in steps, and a fault in them is found at its character', () => {
  const texts = Array.from({ length: 40 }, (_, i) => Buffer.from(`${i} ${'東'.repeat(99_000)}`));
  const steps = readTexts(new Map([['text', stringTensor([texts.length], texts)]]), SETTINGS);
  let count = 0;
  for (; steps.next().done !== true; count++);
  assert.ok(count >= 2 * texts.length, `${count}`);
  for (const [before, byte] of [
    [0, 0],
    [5000, 15_000],
    [99_998, 299_994],
  ] as const) {
    const bad = Buffer.concat([Buffer.from('東'.repeat(before)), Buffer.from([0xff]), Buffer.from('a')]);
    assert.throws(
      () => atOnce(readTexts(new Map([['text', stringTensor([1], [bad])]]), SETTINGS)),
      new RegExp(`text 0 is not valid UTF-8 at character ${before} .byte ${byte}.`),
    );
  }
});
