import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ArrivalSpan, type Arrivals, arrivalTimes, readTrace } from '../../../../bench/overload/arrivals.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** Chance that is fixed: a statistical bound must not fail once in a thousand runs. */
const FIXED = { seed: 11, numRuns: 15 } as const;
const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const kinds = fc.oneof(
  fc.constant<Arrivals>({ kind: 'poisson' }),
  fc.double({ min: 0.5, max: 8, noNaN: true }).map((cv): Arrivals => ({ kind: 'gamma', cv })),
  fc.constant<Arrivals>({ kind: 'bursts', factor: 3, onMs: 200, offMs: 400 }),
  fc.constant<Arrivals>({ kind: 'azure-like' }),
  fc.constant<Arrivals>({ kind: 'trace', times: [0, 1, 1, 5, 30, 31] }),
);

function timesOf(arrivals: Arrivals, span: Partial<ArrivalSpan>, seed: number): Float64Array {
  return arrivalTimes(arrivals, { leadInMs: 0, lengthMs: 60_000, ratePerMs: 1, ...span }, new SeededRandom(seed));
}

function variationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) / mean;
}

function gapsOf(times: Float64Array): number[] {
  return Array.from(times.subarray(1), (time, i) => time - times[i]!);
}

/** Variance ÷ mean of the counts in windows; 1 for Poisson. */
function dispersionOf(times: Float64Array, windowMs: number, lengthMs: number): number {
  const counts = new Array<number>(Math.floor(lengthMs / windowMs)).fill(0);
  for (const time of times) counts[Math.min(counts.length - 1, Math.floor(time / windowMs))]! += 1;
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length / mean;
}

function countBetween(times: Float64Array, from: number, until: number): number {
  return times.filter((time) => time >= from && time < until).length;
}

describe('arrival times', () => {
  it('ascend within the run and its lead-in, whatever the process, and repeat with their seed', () => {
    const profile = [
      { share: 0.5, factor: 1 },
      { share: 0.2, factor: 3 },
      { share: 0.3, factor: 0.5 },
    ];
    fc.assert(
      fc.property(kinds, seeds, fc.boolean(), (arrivals, seed, isStepped) => {
        const span = { leadInMs: 500, lengthMs: 2000, ...(isStepped && { profile }) };
        const times = timesOf(arrivals, span, seed);
        assert.deepEqual(timesOf(arrivals, span, seed), times);
        assert.deepEqual(Float64Array.from(times).sort(), times);
        for (const time of times) assert.ok(time >= -500 && time < 2000, String(time));
      }),
    );
  });

  it('have the mean rate that is wanted', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const [arrivals, share] of [
          [{ kind: 'poisson' }, 0.03],
          [{ kind: 'gamma', cv: 4 }, 0.1],
          [{ kind: 'bursts', factor: 3, onMs: 20, offMs: 40 }, 0.1],
          [{ kind: 'trace', times: [0, 4, 5, 20] }, 0.001],
        ] as const) {
          const { length } = timesOf(arrivals, {}, seed);
          assert.ok(Math.abs(length / 60_000 - 1) < share, `${arrivals.kind}: ${length} in 60,000 ms at 1 a ms`);
        }
      }),
      FIXED,
    );
  });

  it('have gaps with the coefficient of variation that is wanted', () => {
    for (const cv of [1, 2, 4, 8]) {
      const arrivals: Arrivals = cv === 1 ? { kind: 'poisson' } : { kind: 'gamma', cv };
      const measured = variationOf(gapsOf(timesOf(arrivals, { lengthMs: 300_000 }, 3)));
      assert.ok(Math.abs(measured / cv - 1) < 0.15, `wanted ${cv}, got ${measured}`);
    }
  });

  it('of bursts clump where those of Poisson do not', () => {
    const bursts: Arrivals = { kind: 'bursts', factor: 3, onMs: 200, offMs: 400 };
    assert.ok(dispersionOf(timesOf(bursts, {}, 1), 100, 60_000) > 20);
    const poisson = dispersionOf(timesOf({ kind: 'poisson' }, {}, 1), 100, 60_000);
    assert.ok(poisson > 0.8 && poisson < 1.2, String(poisson));
  });

  it('of bursts that cannot keep the mean go on between them', () => {
    const times = timesOf({ kind: 'bursts', factor: 1.5, onMs: 100, offMs: 100 }, {}, 1);
    assert.ok(Math.abs(times.length / 60_000 - 1) < 0.05);
    assert.ok(dispersionOf(times, 100, 60_000) > 1.5);
  });

  it('follow the profile: three times as many where the factor is 3', () => {
    const profile = [
      { share: 0.25, factor: 1 },
      { share: 0.25, factor: 3 },
      { share: 0.5, factor: 1 },
    ];
    const times = timesOf({ kind: 'poisson' }, { lengthMs: 40_000, leadInMs: 5000, profile }, 2);
    const near = (count: number, wanted: number): void =>
      assert.ok(Math.abs(count / wanted - 1) < 0.06, `${count}, not ${wanted}`);
    near(countBetween(times, -5000, 0), 5000);
    near(countBetween(times, 0, 10_000), 10_000);
    near(countBetween(times, 10_000, 20_000), 30_000);
    near(countBetween(times, 20_000, 40_000), 20_000);
  });

  it("keep a trace's gaps in proportion, and repeat a trace that is too short", () => {
    const times = timesOf({ kind: 'trace', times: [0, 1, 4] }, { lengthMs: 6, ratePerMs: 1 }, 1);
    assert.equal(times.length, 6);
    const gaps = gapsOf(times);
    assert.ok(Math.abs(gaps[1]! / gaps[0]! - 3) < 1e-9);
    assert.ok(Math.abs(gaps[3]! / gaps[0]! - 1) < 1e-9);
  });
});

describe('a trace file', () => {
  const read = (t: Parameters<typeof tempDirectory>[0], text: string): number[] => {
    const file = join(tempDirectory(t), 'trace.csv');
    writeFileSync(file, text);
    return readTrace(file);
  };

  it('is read by its timestamp column, to the last digit of its dates', (t) => {
    const times = read(t, 'id,TIMESTAMP\n1,2023-11-16 18:17:03.9799600\n2,2023-11-16 18:17:04.0319600\n');
    assert.equal(times.length, 2);
    assert.ok(Math.abs(times[1]! - 52) < 1e-3, String(times[1]));
  });

  it('may have numbers, no head, any order and empty lines', (t) => {
    assert.deepEqual(read(t, '12.5\r\n10\r\n\r\n11\r\n'), [0, 1, 2.5]);
  });

  it('that cannot be read says in which line', (t) => {
    assert.throws(() => read(t, 'timestamp\n1\nsoon\n'), /line 3: "soon" is no time; wanted is a number or a date/);
    assert.throws(() => read(t, 'timestamp\n1\nInfinity\n'), /line 3/);
    assert.throws(() => read(t, 'timestamp\n1\n'), /1 arrival times; a trace needs at least two/);
    assert.throws(() => read(t, 'timestamp\n1\n1\n'), /all arrival times are the same/);
  });
});
