import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { zipfCumulative } from '../../../../bench/support/zipf.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';

/** Chance that is fixed: a statistical bound must not fail once in a thousand runs. */
const FIXED = { seed: 7, numRuns: 20 } as const;
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

function meanAndDeviation(draw: () => number, count: number): [mean: number, deviation: number] {
  const values = Array.from({ length: count }, draw);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count)];
}

function near(actual: number, wanted: number, share: number): void {
  assert.ok(Math.abs(actual - wanted) <= share * Math.abs(wanted), `${actual} is not within ${share} of ${wanted}`);
}

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    const draw = (seed: number, stream?: number): number[] => {
      const random = new SeededRandom(seed, stream);
      return [random.uniform(), random.normal(), random.gamma(0.3, 2), random.exponential(5), random.fork(3).uniform()];
    };
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
    assert.notDeepEqual(draw(1, 0), draw(1, 1));
  });

  it('draws uniforms in [0, 1) with their mean and deviation', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new SeededRandom(seed);
        const [mean, deviation] = meanAndDeviation(() => {
          const value = random.uniform();
          assert.ok(value >= 0 && value < 1);
          return value;
        }, 20_000);
        near(mean, 0.5, 0.02);
        near(deviation, Math.sqrt(1 / 12), 0.02);
      }),
      FIXED,
    );
  });

  it('draws normal, exponential and gamma values with their means and deviations', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(0.05, 0.25, 1, 3), (seed, shape) => {
        const random = new SeededRandom(seed);
        const [normalMean, normalDeviation] = meanAndDeviation(() => random.normal(), 20_000);
        assert.ok(Math.abs(normalMean) < 0.04);
        near(normalDeviation, 1, 0.04);
        const [exponentialMean, exponentialDeviation] = meanAndDeviation(() => random.exponential(3), 20_000);
        near(exponentialMean, 3, 0.05);
        near(exponentialDeviation, 3, 0.07);
        const [gammaMean, gammaDeviation] = meanAndDeviation(() => random.gamma(shape, 2), 40_000);
        near(gammaMean, 2 * shape, 0.12);
        near(gammaDeviation, 2 * Math.sqrt(shape), 0.15);
      }),
      FIXED,
    );
  });

  it("picks by Zipf's law", () => {
    const cumulative = zipfCumulative(10, 1.1);
    const total = cumulative[9]!;
    const random = new SeededRandom(5);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.pick(cumulative)]! += 1;
    for (const [rank, count] of counts.entries()) near(count / 100_000, 1 / (rank + 1) ** 1.1 / total, 0.08);
  });

  it('picks all alike where the exponent is 0', () => {
    assert.deepEqual(zipfCumulative(4, 0), [1, 2, 3, 4]);
  });
});
