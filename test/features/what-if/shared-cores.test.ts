import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SharedCores } from '../../../src/features/what-if/simulation/shared-cores.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('shared cores', () => {
  it('run as many as there are at full pace, and more of them slower alike', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 2);
    const ends: string[] = [];
    const start = (name: string, workMs: number): void =>
      cores.start({ workMs }, () => ends.push(`${name} ${clock.nowMs() - 1000}`));
    start('a', 10);
    start('b', 10);
    clock.advance(5);
    start('c', 2);
    clock.advance(100);
    // Three on two cores: c needs 3 ms, a and b have 2 of 5 done by then and the rest takes 3.
    assert.deepEqual(ends, ['c 8', 'a 11', 'b 11']);
    assert.ok(Math.abs(cores.busyMs - 22) < 1e-9);
    assert.equal(clock.armed, 0);
  });

  it('are slower beside a neighbour, for as long as it is there', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 2);
    let endedAt = Number.NaN;
    cores.setForeign(3);
    cores.start({ workMs: 4 }, () => (endedAt = clock.nowMs() - 1000));
    clock.advance(4);
    cores.setForeign(0);
    clock.advance(10);
    assert.equal(endedAt, 6);
  });

  it('give the event loop its core first', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 2);
    const ends: number[] = [];
    for (let i = 0; i < 2; i++) cores.start({ workMs: 10 }, () => ends.push(clock.nowMs() - 1000));
    cores.setLoopBusy(true);
    clock.advance(4);
    cores.setLoopBusy(false);
    clock.advance(100);
    // Of the 4 ms that the loop worked, each run got 2.
    assert.deepEqual(ends, [12, 12]);
    assert.deepEqual([cores.busyMs, cores.loopMs], [20, 4]);
  });

  it('run nothing while the event loop has the only one', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 1);
    let endedAt = Number.NaN;
    cores.setLoopBusy(true);
    cores.start({ workMs: 3 }, () => (endedAt = clock.nowMs() - 1000));
    clock.advance(50);
    assert.ok(Number.isNaN(endedAt));
    cores.setLoopBusy(false);
    clock.advance(50);
    assert.equal(endedAt, 53);
  });

  it('run two threads as much faster as was measured, at half of it on one core', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 2);
    const scaling = { twoThreads: 1.6, twoAtOnce: 1 };
    const ends: number[] = [];
    const start = (): void =>
      cores.start({ workMs: 16, threads: 2, scaling }, () => ends.push(Math.round((clock.nowMs() - 1000) * 1e6) / 1e6));
    start();
    clock.advance(100);
    cores.setLoopBusy(true);
    start();
    clock.advance(100);
    assert.deepEqual(ends, [10, 120]);
  });

  it('slow runs down that share the memory, only while they do', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 4);
    const scaling = { twoThreads: 2, twoAtOnce: 1.4 };
    const ends: string[] = [];
    const start = (name: string, workMs: number): void =>
      cores.start({ workMs, scaling }, () => ends.push(`${name} ${(clock.nowMs() - 1000).toFixed(3)}`));
    start('a', 10);
    start('b', 5);
    clock.advance(100);
    assert.deepEqual(ends, ['b 7.000', 'a 12.000']);
  });

  it('do all work that they are given, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 50, noNaN: true }), fc.double({ min: 0, max: 20, noNaN: true }))),
        (list) => {
          const clock = new FakeClock();
          const cores = new SharedCores(clock, 2);
          let ended = 0;
          for (const [pause, work] of list) {
            clock.advance(pause);
            cores.start({ workMs: work }, () => (ended += 1));
          }
          clock.advance(1e6);
          assert.equal(ended, list.length);
          assert.equal(clock.armed, 0);
          const work = list.reduce((sum, [, ms]) => sum + ms, 0);
          assert.ok(Math.abs(cores.busyMs - work) < 1e-6 * Math.max(1, work));
        },
      ),
    );
  });
});
