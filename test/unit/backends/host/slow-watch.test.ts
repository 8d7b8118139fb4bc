import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SlowWatch } from '../../../../src/backends/host/slow-watch.ts';

const FAST = 0.1;
const SLOW = 5;

describe('SlowWatch', () => {
  it('forgets pauses, however long they are', () => {
    const watch = new SlowWatch(0.3);
    for (let i = 0; i < 100; i++) {
      assert.equal(watch.isSlowAfter(1000), false);
      for (let k = 0; k < 20; k++) assert.equal(watch.isSlowAfter(FAST), false);
    }
  });

  it('tells when one run in ten is slow', () => {
    const watch = new SlowWatch(0.3);
    let runs = 0;
    while (!watch.isSlowAfter(runs % 10 === 0 ? SLOW : FAST)) runs++;
    assert.ok(runs < 200, `after ${runs} runs`);
  });

  it('tells at the eighth slow run in a row, and not before', () => {
    const watch = new SlowWatch(0.3);
    for (let i = 0; i < 7; i++) assert.equal(watch.isSlowAfter(SLOW), false);
    assert.equal(watch.isSlowAfter(SLOW), true);
    assert.equal(watch.isSlowAfter(SLOW), true);
    assert.equal(watch.isSlowAfter(0.3), true);
  });

  it('never tells without a limit', () => {
    const watch = new SlowWatch(Infinity);
    for (let i = 0; i < 100; i++) assert.equal(watch.isSlowAfter(1e6), false);
  });
});
