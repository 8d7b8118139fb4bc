import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Rows } from '../../support/row-models.ts';
import { proofOf } from './proof-of.ts';

/** A layer: y = tanh(weights · x + bias), for each row. */
const layer = fc.record({
  weights: fc.array(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }), {
    minLength: 4,
    maxLength: 4,
  }),
  bias: fc.double({ min: -1, max: 1, noNaN: true }),
});
type Layer = typeof layer extends fc.Arbitrary<infer T> ? T : never;

/** The input is added to each layer's output, so that no layer makes the rows equal. */
function rowwise(layers: readonly Layer[]): (x: Rows) => Rows {
  const apply = (row: readonly number[], { weights, bias }: Layer): number[] =>
    weights.map((w, i) => row[i]! + Math.tanh(w.reduce((sum, v, j) => sum + v * row[j]!, bias)));
  return (x) => x.map((row) => layers.reduce<readonly number[]>(apply, row));
}

/** How much of row b reaches row a, of `count` rows. */
const MIXES: Readonly<Record<string, (a: number, b: number, count: number) => number>> = {
  mean: (_a, _b, count) => 1 / count,
  before: (a, b) => (b === a - 1 ? 1 : 0),
  after: (a, b) => (b === a + 1 ? 1 : 0),
  last: (_a, b, count) => (b === count - 1 ? 1 : 0),
  first: (_a, b) => (b === 0 ? 1 : 0),
  fourth: (a, b) => (b === 3 && a !== 3 ? 1 : 0),
};

it('accepts random functions of a row, and rejects those in which rows reach each other', async () => {
  const layers = fc.array(layer, { minLength: 1, maxLength: 3 });
  const mix = fc.record({
    kind: fc.constantFrom(...Object.keys(MIXES)),
    share: fc.double({ min: 0.02, max: 1, noNaN: true }),
    column: fc.nat({ max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(layers, mix, fc.boolean(), async (all, { kind, share, column }, isBefore) => {
      const model = rowwise(all);
      const accepted = await proofOf(model);
      assert.equal(accepted.kind, 'accepted', accepted.reason);
      // One column of other rows is added to another column of each row.
      const mixed = (x: Rows): Rows =>
        x.map((row, a) =>
          row.map((v, i) =>
            i === column
              ? v + share * x.reduce((sum, other, b) => sum + MIXES[kind]!(a, b, x.length) * other[(i + 1) % 4]!, 0)
              : v,
          ),
        );
      const rejected = await proofOf((x) => (isBefore ? model(mixed(x)) : mixed(model(x))));
      assert.equal(rejected.kind, 'rejected', rejected.reason);
    }),
    { numRuns: 60 },
  );
});
