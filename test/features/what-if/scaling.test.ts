import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { slowDown, speedUp } from '../../../src/features/what-if/simulation/scaling.ts';

describe('scaling', () => {
  it('is what was measured of two, and bends for more', () => {
    const scaling = { twoThreads: 1.83, twoAtOnce: 1.4 };
    assert.equal(speedUp(scaling, 1), 1);
    assert.ok(Math.abs(speedUp(scaling, 2) - 1.83) < 1e-12);
    assert.ok(speedUp(scaling, 4) > 3 && speedUp(scaling, 4) < 3.3);
    assert.deepEqual([slowDown(scaling, 0), slowDown(scaling, 1)], [1, 1.4]);
    // Four at once: 4 ÷ 2.2 times the work of one.
    assert.ok(Math.abs(slowDown(scaling, 3) - 2.2) < 1e-12);
  });

  it('may be perfect, or none at all', () => {
    assert.equal(speedUp({ twoThreads: 2, twoAtOnce: 1 }, 8), 8);
    assert.equal(speedUp({ twoThreads: 1, twoAtOnce: 1 }, 8), 1);
    assert.equal(slowDown({ twoAtOnce: 1 }, 7), 1);
  });
});
