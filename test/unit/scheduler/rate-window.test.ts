import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RateWindow, RecentMinimum } from '../../../src/scheduler/rate-window.ts';

describe('RateWindow', () => {
  it('tells a steady rate, whenever it is asked', () => {
    const rate = new RateWindow(100, 0);
    for (let at = 0; at < 1000; at++) {
      rate.add(3, at);
      if (at > 150) assert.ok(Math.abs(rate.perMs(at) - 3) < 0.1, `${rate.perMs(at)} at ${at}`);
    }
  });

  it('is not misled by its first moments, and forgets in two spans', () => {
    const rate = new RateWindow(100, 0);
    rate.add(10, 1);
    assert.equal(rate.perMs(1), 0.4);
    assert.equal(rate.perMs(150), 0.05);
    assert.equal(rate.perMs(200), 0);
    assert.equal(rate.perMs(1e9), 0);
  });
});

describe('RecentMinimum', () => {
  it('keeps the least for one to two spans', () => {
    const least = new RecentMinimum(100, 0);
    assert.equal(least.least(0), Infinity);
    least.add(25, 10);
    least.add(200, 50);
    assert.equal(least.least(90), 25);
    assert.equal(least.least(150), 25);
    least.add(200, 150);
    assert.equal(least.least(250), 200);
    assert.equal(least.least(500), Infinity);
  });
});
