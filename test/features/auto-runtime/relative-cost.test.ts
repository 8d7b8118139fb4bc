import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mediansOf, relativeCost, type Timing } from '../../../src/features/auto-runtime/relative-cost.ts';

/** Each size ran three times: once slowly, as when something else had the core. */
function timing(sizes: Readonly<Record<number, number>>, signatureName = 's'): Timing {
  return Object.entries(sizes).map(([rows, ms]) => ({
    signatureName,
    rows: Number(rows),
    runMs: [ms, 50 * ms, ms / 2],
  }));
}

function near(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}

describe('the relative cost of two runtimes', () => {
  it('takes the median of each size, so that a stall counts for nothing', () => {
    assert.deepEqual(mediansOf(timing({ 1: 2 })), [{ signature: 's', rows: 1, ms: 2 }]);
  });

  it('weighs one row and the largest batch alike', () => {
    near(relativeCost(timing({ 1: 1, 64: 8 }), timing({ 1: 2, 64: 8 }), undefined), Math.sqrt(1 / 2));
    near(relativeCost(timing({ 1: 1, 8: 99, 64: 8 }), timing({ 1: 2, 8: 1, 64: 4 }), undefined), 1);
  });

  it('looks at the largest batch that both have run', () => {
    near(relativeCost(timing({ 1: 1, 16: 4, 64: 1000 }), timing({ 1: 1, 16: 1 }), undefined), 2);
  });

  it('looks at the batches that the model has had, between two sizes and beyond the last', () => {
    const a = timing({ 1: 1, 3: 3, 5: 3 });
    near(relativeCost(a, timing({ 1: 1, 5: 1 }), 1), 1);
    near(relativeCost(a, timing({ 1: 1, 5: 1 }), 2), 2);
    near(relativeCost(a, timing({ 1: 1, 5: 1 }), 10), 3);
  });

  it('lets each signature count once, and passes over those that only one has run', () => {
    const a = [...timing({ 1: 4 }, 'x'), ...timing({ 1: 1 }, 'y'), ...timing({ 1: 9 }, 'mine')];
    const b = [...timing({ 1: 1 }, 'x'), ...timing({ 1: 1 }, 'y')];
    near(relativeCost(a, b, undefined), 2);
    assert.equal(relativeCost(timing({ 1: 1 }, 'mine'), b, undefined), undefined);
    assert.equal(relativeCost([], b, undefined), undefined);
  });

  it('is a number where the clock saw nothing pass', () => {
    near(relativeCost(timing({ 1: 0 }), timing({ 1: 0 }), undefined), 1);
  });
});
