import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { EfficientBatchSize } from '../../src/scheduler/batch/efficient-batch-size.ts';

/** Starts of the server: each has its own chance. */
const STARTS = Array.from({ length: 60 }, (_, i) => i);

/**
 * The size that is left after so many runs in a crowd whose runs have another one beside them or not by chance, and mostly
 * one where they are large; with the noise and the stalls of a shared machine.
 */
function sizeAfter(runs: number, runMs: (rows: number) => number, isLarge: boolean, start: number): number {
  const random = new SeededRandom(start);
  const twoAtOnce = 1 + random.uniform();
  const size = new EfficientBatchSize({ maxRows: 32, isLarge, maxBytes: 2 ** 30, readResident: () => 0 });
  let now = 0;
  for (let i = 0; i < runs; i++) {
    const rows = size.rowsToTry(1, 100, now) || size.rowsOf(1);
    const level = size.onStart(1, rows, 1);
    const beside = random.uniform() < (rows === 32 ? 0.8 : 0.2) ? 1 : 0;
    const chance = Math.exp(0.2 * random.normal()) * (random.uniform() < 0.02 ? 3 : 1);
    const took = runMs(rows) * chance * (beside === 1 ? twoAtOnce : 1);
    now += took;
    size.onRun({ threads: 1, size: rows, level, beside, runMs: took }, now);
  }
  return size.rowsOf(1);
}

function sizesOf(runMs: (rows: number) => number, isLarge: boolean, runs = 2000): number[] {
  return STARTS.map((start) => sizeAfter(runs, runMs, isLarge, start));
}

describe('The size of batches that is worth it, by chance', () => {
  it('is the largest of a model whose rows get much cheaper in company, in each start', () => {
    const runMs = (rows: number): number => 13 + 0.48 * rows;
    for (const isLarge of [false, true]) assert.deepEqual([...new Set(sizesOf(runMs, isLarge))], [32]);
  });

  it('is one row of a model whose rows get dearer in company, in each start', () => {
    const runMs = (rows: number): number => 20 * rows ** 1.25;
    for (const isLarge of [false, true]) assert.deepEqual([...new Set(sizesOf(runMs, isLarge))], [1]);
  });

  it('is one large row, and as many small ones as wait, where rows cost the same, in most', () => {
    const runMs = (rows: number): number => 20 * rows;
    const isUsual = (rows: number): boolean => rows === 1 || rows === 32;
    for (const isLarge of [false, true]) {
      const sizes = sizesOf(runMs, isLarge);
      assert.ok(sizes.filter(isUsual).length >= 0.8 * STARTS.length, `${sizes}`);
    }
  });
});
