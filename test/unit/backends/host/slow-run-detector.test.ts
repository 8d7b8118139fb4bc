import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SlowRunDetector } from '../../../../src/backends/host/slow-run-detector.ts';

const FAST = 0.1;
const SLOW = 5;

describe('SlowRunDetector', () => {
  it('forgets pauses, however long they are', () => {
    const detector = new SlowRunDetector(0.3);
    for (let i = 0; i < 100; i++) {
      assert.equal(detector.isSlowAfter(1000), false);
      for (let k = 0; k < 20; k++) assert.equal(detector.isSlowAfter(FAST), false);
    }
  });

  it('reports when one run in ten is slow', () => {
    const detector = new SlowRunDetector(0.3);
    let runs = 0;
    while (!detector.isSlowAfter(runs % 10 === 0 ? SLOW : FAST)) runs++;
    assert.ok(runs < 200, `after ${runs} runs`);
  });

  it('reports at the eighth consecutive slow run, and not before', () => {
    const detector = new SlowRunDetector(0.3);
    for (let i = 0; i < 7; i++) assert.equal(detector.isSlowAfter(SLOW), false);
    assert.equal(detector.isSlowAfter(SLOW), true);
    assert.equal(detector.isSlowAfter(SLOW), true);
    assert.equal(detector.isSlowAfter(0.3), true);
  });

  it('never reports without a limit', () => {
    const detector = new SlowRunDetector(Infinity);
    for (let i = 0; i < 100; i++) assert.equal(detector.isSlowAfter(1e6), false);
  });
});
