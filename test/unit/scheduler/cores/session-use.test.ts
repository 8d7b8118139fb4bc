import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { SessionDemand } from '../../../../src/scheduler/cores/session-use.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { SchedulerHarness, settle } from '../../../support/scheduler-harness.ts';

describe('The demand for sessions', () => {
  it('is there when batches wait beside a free core for much of the time', () => {
    const demand = new SessionDemand(0);
    const answers: boolean[] = [];
    for (let at = 0; at < 3000; at += 10) answers.push(demand.note(at % 100 < 50 && at >= 1000, at));
    assert.equal(answers.slice(0, 104).includes(true), false);
    assert.equal(answers.slice(110, 200).includes(true), true);
  });

  it('is not there for the moments between two batches', () => {
    const demand = new SessionDemand(0);
    for (let at = 0; at < 3000; at += 10) {
      assert.equal(demand.note(true, at), false);
      assert.equal(demand.note(false, at + 1), false);
    }
  });

  it('asks the executor for one more, but not where all cores are taken', async () => {
    for (const [cores, wants] of [
      [2, true],
      [1, false],
    ] as const) {
      const clock = new FakeClock();
      const h = new SchedulerHarness({ clock, coreSlots: new CoreSlots(cores, clock), slots: 1 });
      for (let i = 0; i < 100; i++) {
        for (let row = 0; row < 3; row++) h.submitRows([1, 2, 3, 4]);
        h.turn();
        clock.advance(20);
        h.executor.active[0]?.complete();
        await settle();
      }
      assert.equal(h.executor.growths > 0, wants);
    }
  });

  it('is there beside another model also while a session of all cores is still open', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(4, clock);
    const h = new SchedulerHarness({ clock, coreSlots, slots: 1 });
    const plans = [1, 4].map((threads) => ({ threads, sessions: 1 }));
    h.executor.become({ plans, widestThreads: 4 });
    const other = new SchedulerHarness({ clock, coreSlots, slots: 1 });
    for (let i = 0; i < 100; i++) {
      for (const each of [h, other]) {
        for (let row = 0; row < 3; row++) each.submitRows([1, 2, 3, 4]);
        each.turn();
      }
      clock.advance(20);
      for (const { executor } of [h, other]) executor.active[0]?.complete();
      await settle();
    }
    assert.equal(h.executor.threads, 1);
    assert.ok(h.executor.growths > 0);
  });

  it('starts what waits as soon as the session is there', () => {
    const clock = new FakeClock();
    const h = new SchedulerHarness({ clock, coreSlots: new CoreSlots(2, clock), slots: 1 });
    for (let i = 0; i < 2; i++) h.submitRows([1, 2, 3, 4]);
    h.turn();
    assert.equal(h.executor.active.length, 1);
    h.executor.slots = 2;
    h.executor.onSlots?.();
    assert.equal(h.executor.active.length, 2);
  });
});
