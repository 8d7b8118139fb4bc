import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { SharedCores } from '../../../src/features/what-if/simulation/shared-cores.ts';
import { SimulatedLoop } from '../../../src/features/what-if/simulation/simulated-loop.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('a simulated event loop', () => {
  let clock: FakeClock;
  let cores: SharedCores;
  let loop: SimulatedLoop;
  let seen: string[];

  beforeEach(() => {
    clock = new FakeClock();
    cores = new SharedCores(clock, 2);
    loop = new SimulatedLoop(clock, cores);
    seen = [];
  });

  const note = (name: string) => (): void => void seen.push(`${name} ${clock.nowMs() - 1000}`);
  const settle = (): void => {
    while (loop.next());
  };
  /** Until `ms`, stopping at every timer as a simulation does. */
  const runTo = (ms: number): void => {
    settle();
    while (clock.nextAt <= 1000 + ms) {
      clock.advance(Math.max(0, clock.nextAt - clock.nowMs()));
      settle();
    }
    clock.advance(1000 + ms - clock.nowMs());
  };

  it('does one job after the other, each with its effect at its end', () => {
    loop.post(2, note('a'));
    loop.post(3, note('b'));
    runTo(1);
    loop.post(1, note('c'));
    runTo(100);
    assert.deepEqual(seen, ['a 2', 'b 5', 'c 6']);
    assert.equal(cores.loopMs, 6);
  });

  it('runs what was deferred once the turn has ended, before what came meanwhile', () => {
    loop.post(1, () => {
      note('a')();
      loop.defer(note('deferred'));
    });
    loop.post(1, note('b'));
    runTo(0.5);
    loop.post(1, note('later'));
    runTo(100);
    assert.deepEqual(seen, ['a 1', 'b 2', 'deferred 2', 'later 3']);
  });

  it('fires timers when it is free, and none that was cancelled meanwhile', () => {
    loop.setTimer(1001, note('timer'));
    const cancelled = loop.setTimer(1002, note('cancelled'));
    loop.post(5, () => cancelled.cancel());
    runTo(100);
    assert.deepEqual(seen, ['timer 5']);
  });

  it('takes a request to have come now if it slept, else halfway through the last turn', () => {
    const came: number[] = [];
    const read = (): void => void came.push(loop.cameAt - 1000);
    runTo(10);
    loop.post(4, read);
    loop.post(4, read);
    runTo(11);
    loop.post(1, read);
    runTo(30);
    loop.post(1, read);
    runTo(40);
    assert.deepEqual(came, [10, 10, 14, 30]);
  });

  it('slows runs down while it works, and is slower itself on less than a core', () => {
    let endedAt = Number.NaN;
    for (let i = 0; i < 2; i++) cores.start({ workMs: 10 }, () => (endedAt = clock.nowMs() - 1000));
    loop.post(6, note('a'));
    runTo(100);
    assert.equal(endedAt, 13);
    cores = new SharedCores(clock, 0.5);
    loop = new SimulatedLoop(clock, cores);
    loop.post(6, note('b'));
    runTo(200);
    assert.deepEqual(seen, ['a 6', 'b 112']);
  });
});
