import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../../../../src/core/repeatable/virtual-clock.ts';

describe('a virtual clock', () => {
  it('fires timers at their instants, in order, those set meanwhile too', () => {
    const clock = new VirtualClock();
    const start = clock.nowMs();
    const seen: string[] = [];
    const note = (name: string) => (): void => void seen.push(`${name} ${clock.nowMs() - start}`);
    clock.setTimer(start + 5, note('b'));
    clock.setTimer(start + 5, note('c'));
    clock.setTimer(start + 3, () => {
      note('a')();
      clock.setTimer(start + 4, note('set by a'));
    });
    clock.setTimer(start + 20, note('later'));
    const cancelled = clock.setTimer(start + 4, note('cancelled'));
    cancelled.cancel();
    assert.deepEqual([clock.nextAt - start, clock.armed], [3, 4]);
    clock.advance(10);
    assert.deepEqual(seen, ['a 3', 'set by a 4', 'b 5', 'c 5']);
    assert.deepEqual([clock.nowMs() - start, clock.nextAt - start, clock.armed], [10, 20, 1]);
  });

  it('moves the wall clock as much', () => {
    const clock = new VirtualClock();
    const before = clock.wallMs();
    clock.advance(1500);
    assert.equal(clock.wallMs() - before, 1500);
    assert.equal(clock.nextAt, Infinity);
  });
});
