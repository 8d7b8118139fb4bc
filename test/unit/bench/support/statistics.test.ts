import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, medianInterval } from '../../../../bench/support/statistics.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';

describe('medianInterval', () => {
  for (const { count, low, high } of [
    { count: 1, low: 1, high: 1 },
    { count: 3, low: 1, high: 3 },
    { count: 4, low: 1, high: 4 },
    { count: 8, low: 1, high: 8 },
    { count: 12, low: 2, high: 11 },
    { count: 16, low: 3, high: 14 },
  ]) {
    it(`of ${count} values goes from the ${low}. to the ${high}.`, () => {
      const values = Array.from({ length: count }, (_, i) => count - i);
      assert.deepEqual(medianInterval(values), [low, high]);
    });
  }

  for (const { count, share } of [
    { count: 4, share: 7 / 8 },
    { count: 8, share: 0.992 },
    { count: 12, share: 0.9937 },
  ]) {
    it(`of ${count} values of a skewed distribution holds its median in ${share} of all cases`, () => {
      const random = new SeededRandom(7);
      // Exponential, whose median is ln 2.
      const draw = (): number => -Math.log(1 - random.uniform());
      let held = 0;
      const tries = 4000;
      for (let i = 0; i < tries; i++) {
        const [low, high] = medianInterval(Array.from({ length: count }, draw));
        if (low <= Math.LN2 && Math.LN2 <= high) held += 1;
      }
      const error = Math.sqrt((share * (1 - share)) / tries);
      assert.ok(Math.abs(held / tries - share) < 4 * error, `held ${held} of ${tries}`);
    });
  }

  it('holds the median of the values', () => {
    const values = [0.91, 0.96, 1.02, 0.99, 0.93];
    const [low, high] = medianInterval(values);
    assert.ok(low <= median(values) && median(values) <= high);
  });
});
