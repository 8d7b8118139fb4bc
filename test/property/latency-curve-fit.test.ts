/** Isotonic regression against its definition: of all rising sequences the nearest one, by weighted squares. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MonotoneFit } from '../../src/scheduler/latency/monotone-fit.ts';

const POINTS = fc.array(
  fc.record({
    value: fc.double({ min: 0, max: 100, noNaN: true }),
    weight: fc.double({ min: 0.1, max: 10, noNaN: true }),
  }),
  { minLength: 1, maxLength: 10 },
);

test('it never falls, and each value is the highest of the lowest means around it', () => {
  fc.assert(
    fc.property(POINTS, (points) => {
      const fitted = Float64Array.from(points, ({ value }) => value);
      new MonotoneFit(points.length).fit(
        fitted,
        Float64Array.from(points, ({ weight }) => weight),
      );
      for (const [i, value] of fitted.entries()) {
        assert.ok(i === 0 || value >= fitted[i - 1]!);
        assert.ok(Math.abs(value - minimax(points, i)) < 1e-6, `${i}: ${value}, wanted ${minimax(points, i)}`);
      }
    }),
  );
});

/** The max-min formula: over all starts at or before i, the least mean to any end at or after it. */
function minimax(points: readonly { readonly value: number; readonly weight: number }[], i: number): number {
  const starts = points.slice(0, i + 1).map((_, start) => {
    const ends = points.slice(i).map((_, more) => mean(points.slice(start, i + more + 1)));
    return Math.min(...ends);
  });
  return Math.max(...starts);
}

function mean(points: readonly { readonly value: number; readonly weight: number }[]): number {
  const weight = points.reduce((sum, point) => sum + point.weight, 0);
  return points.reduce((sum, point) => sum + point.value * point.weight, 0) / weight;
}
