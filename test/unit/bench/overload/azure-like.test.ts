/** The look-alike has the figures that it was fitted to: those of 8,819 requests in 57 minutes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arrivalTimes } from '../../../../bench/overload/arrivals.ts';
import { azureLikeTimes } from '../../../../bench/overload/azure-like.ts';
import { median } from '../../../../bench/support/statistics.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';

const REQUESTS = 8819;
const SECONDS = 3436;

function trace(seed: number): number[] {
  const times = azureLikeTimes(REQUESTS, new SeededRandom(seed));
  return times.map((at) => (at * SECONDS) / times[times.length - 1]!);
}

function spread(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

function countsIn(times: readonly number[], windowS: number): number[] {
  const counts = new Array<number>(Math.floor(SECONDS / windowS)).fill(0);
  for (const at of times) {
    const window = Math.floor(at / windowS);
    if (window < counts.length) counts[window]! += 1;
  }
  return counts;
}

function dispersion(times: readonly number[], windowS: number): number {
  const { mean, variance } = spread(countsIn(times, windowS));
  return variance / mean;
}

function gapVariation(times: readonly number[]): number {
  const { mean, variance } = spread(times.slice(1).map((at, i) => at - times[i]!));
  return Math.sqrt(variance) / mean;
}

const TRACES = Array.from({ length: 30 }, (_, seed) => trace(seed + 1));
const medianOf = (figure: (times: readonly number[]) => number): number => median(TRACES.map(figure));

function assertNear(value: number, wanted: number, share: number): void {
  assert.ok(Math.abs(value / wanted - 1) <= share, `${value} is not within ${share * 100} % of ${wanted}`);
}

describe('arrivals like the recorded ones', () => {
  it('have gaps as unlike each other', () => {
    assertNear(medianOf(gapVariation), 13.2, 0.1);
  });

  it('have counts as unlike each other, in short and in long windows', () => {
    assertNear(
      medianOf((times) => dispersion(times, 1)),
      13.1,
      0.15,
    );
    assertNear(
      medianOf((times) => dispersion(times, 10)),
      71,
      0.2,
    );
    assertNear(
      medianOf((times) => dispersion(times, 60)),
      164,
      0.2,
    );
  });

  it('have as high a peak', () => {
    const peak = (times: readonly number[]): number => Math.max(...countsIn(times, 1)) / (REQUESTS / SECONDS);
    assertNear(medianOf(peak), 26.6, 0.15);
  });

  it('are ascending, as many as are asked for, and the same for the same seed', () => {
    const [times, again] = [7, 7].map((seed) => azureLikeTimes(500, new SeededRandom(seed)));
    assert.deepEqual(times, again);
    assert.equal(times!.length, 500);
    assert.equal(times![0], 0);
    assert.ok(times!.every((at, i) => i === 0 || at >= times![i - 1]!));
  });

  it('fill a run with the mean rate', () => {
    const span = { leadInMs: 500, lengthMs: 2000, ratePerMs: 2 };
    const times = arrivalTimes({ kind: 'azure-like' }, span, new SeededRandom(3));
    assert.equal(times.length, 5000);
    assert.ok(times[0]! >= -500 && times[4999]! < 2000);
  });
});
