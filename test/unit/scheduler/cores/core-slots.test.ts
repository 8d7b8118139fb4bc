import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Priority } from '../../../../src/core/priority.ts';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { type HarnessOptions, SchedulerHarness, settle, taskContext } from '../../../support/scheduler-harness.ts';

/** Three runs of each size, as at load. */
const SEEDS = [1, 4, 1, 4, 1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 }));

function setUp(slots: number, ...models: HarnessOptions[]) {
  const clock = new FakeClock();
  const coreSlots = new CoreSlots(slots, clock);
  const harnesses = models.map(
    (options) => new SchedulerHarness({ clock, coreSlots, slots: 4, seeds: SEEDS, ...options }),
  );
  const turn = (): void => {
    for (const harness of harnesses) harness.turn();
  };
  const running = (): number[] => harnesses.map(({ executor }) => executor.active.length);
  return { clock, coreSlots, harnesses, turn, running };
}

describe('CoreSlots', () => {
  it('know how long all cores together need for what waits', () => {
    const [seed] = SEEDS;
    const { coreSlots, harnesses, turn } = setUp(2, {}, {});
    assert.equal(coreSlots.waitingMs(), 0);
    for (const harness of harnesses) harness.submitRows([1]);
    assert.equal(coreSlots.waitingMs(), (2 * seed!.runMs) / 2);
    turn();
    assert.equal(coreSlots.waitingMs(), 0, 'it runs');
  });

  it('know it of a model that runs elsewhere by the runs that go there at once', () => {
    const [seed] = SEEDS;
    const { coreSlots, harnesses } = setUp(2, {}, {});
    harnesses[1]!.executor.become({ isInline: true });
    harnesses[1]!.submitRows([1]);
    assert.equal(coreSlots.waitingMs(), seed!.runMs / 4);
    harnesses[0]!.submitRows([1]);
    assert.equal(coreSlots.waitingMs(), seed!.runMs / 2, 'the cores need longer');
  });

  it('run what waits for its batch to fill when its time has come, though another wake-up came first', async () => {
    const [seed] = SEEDS;
    const options = { kind: 'greedy', batchTimeoutMicros: 20_000, takesNext: true } as const;
    const { clock, harnesses, turn } = setUp(1, options, {});
    const h = harnesses[0]!;
    const full = h.submitRows([1, 2, 3, 4]);
    turn();
    const waiting = h.submitRows([5]);
    turn();
    // It ends before the instant at which its worker would be given the next batch.
    clock.advance(seed!.runMs / 10);
    h.executor.active[0]!.complete();
    await full.values();
    assert.deepEqual([h.executor.active.length, h.scheduler.queuedTasks], [0, 1], 'it waits for others');
    clock.advance(18);
    assert.equal(h.executor.active.length, 0);
    clock.advance(2);
    assert.equal(h.executor.active.length, 1);
    h.executor.active[0]!.complete();
    assert.deepEqual(await waiting.values(), [5]);
    assert.equal(clock.armed, 0);
  });

  it('know how many batches ran beside one, as a mean over its time', async () => {
    const { clock, coreSlots, harnesses, turn } = setUp(2, {}, {});
    const [a, b] = harnesses;
    const end = async (h = a!): Promise<void> => {
      h.executor.active[0]!.complete();
      await settle();
    };
    a!.submitRows([1]);
    turn();
    const [first] = coreSlots.uses;
    assert.equal(coreSlots.besideOf(first!, clock.nowMs()), 0, 'it has only begun');
    b!.submitRows([1]);
    turn();
    const second = coreSlots.uses[1]!;
    clock.advance(10);
    assert.deepEqual(
      [first, second].map((use) => coreSlots.besideOf(use!, clock.nowMs())),
      [1, 1],
    );
    await end(b);
    clock.advance(9);
    assert.equal(coreSlots.besideOf(first!, clock.nowMs()), 1, 'one was there for more than half of its time');
    clock.advance(2);
    assert.equal(coreSlots.besideOf(first!, clock.nowMs()), 0);
  });

  it('never run more batches than there are, whatever each executor could take', async () => {
    const { harnesses, turn, running, coreSlots } = setUp(2, {}, {});
    for (const h of harnesses) for (let i = 0; i < 3; i++) h.submitRows([1, 2, 3, 4]);
    turn();
    assert.deepEqual(
      running().reduce((a, b) => a + b),
      2,
    );
    assert.equal(coreSlots.free, 0);
    for (let i = 0; i < 20; i++) {
      harnesses.find((h) => h.executor.active.length > 0)?.executor.active[0]?.complete();
      await settle();
      assert.ok(running().reduce((a, b) => a + b) <= 2);
    }
    assert.equal(coreSlots.free, 2);
    assert.deepEqual(
      harnesses.map((h) => h.scheduler.queuedTasks),
      [0, 0],
    );
  });

  it('weigh a run by its threads, and start one while a core is free', async () => {
    const { harnesses, turn, running, coreSlots } = setUp(2, { threads: 2 }, {});
    const [wide, narrow] = harnesses as [SchedulerHarness, SchedulerHarness];
    for (let i = 0; i < 3; i++) wide.submitRows([1, 2, 3, 4]);
    turn();
    assert.deepEqual([running(), coreSlots.free], [[1, 0], 0]);
    narrow.submitRows([1], taskContext(narrow.clock, { priority: Priority.critical }));
    turn();
    assert.deepEqual(running(), [1, 0]);
    wide.executor.active[0]?.complete();
    await settle();
    assert.deepEqual([running(), coreSlots.free], [[1, 1], -1], 'the wide one takes more than the core that was free');
  });

  it('charge a wide run for each of its threads', async () => {
    const loadOf = async (threads: number): Promise<number> => {
      const { harnesses, turn, clock, coreSlots } = setUp(4, { threads });
      const [model] = harnesses as [SchedulerHarness];
      for (let i = 0; i < 50; i++) {
        model.submitRows([1]);
        turn();
        clock.advance(10);
        model.executor.active[0]?.complete();
        await settle();
      }
      return coreSlots.load(clock.nowMs());
    };
    assert.equal(await loadOf(2), 2 * (await loadOf(1)));
  });

  it('give to other models what they are to have before a request is there, where they have used less', async () => {
    const { harnesses, turn, clock, coreSlots } = setUp(1, {}, {});
    const [hot, cold] = harnesses as [SchedulerHarness, SchedulerHarness];
    for (let i = 0; i < 60; i++) {
      const one = i % 5 === 0 ? cold : hot;
      one.submitRows([1]);
      turn();
      clock.advance(10);
      one.executor.active[0]?.complete();
      await settle();
    }
    // Alone in the queue, a request of the hot model waits for nobody; what is yet to come of the cold one counts.
    coreSlots.onRefusal(clock.nowMs());
    const shares = coreSlots.tenants.map((tenant) => coreSlots.passingShare(tenant, clock.nowMs()));
    assert.ok(shares[0]! > 0.1 && shares[0]! < 0.25, `${shares[0]}`);
    assert.equal(shares[1], 0);
  });

  it('pass a slot that one model frees to the other', async () => {
    const { harnesses, turn, running } = setUp(1, {}, {});
    const [a, b] = harnesses as [SchedulerHarness, SchedulerHarness];
    a.submitRows([1]);
    turn();
    b.submitRows([2]);
    turn();
    assert.deepEqual(running(), [1, 0]);
    a.executor.active[0]?.complete();
    await settle();
    assert.deepEqual(running(), [0, 1]);
  });

  it('go to the more important head, then to the more urgent one', async () => {
    const { harnesses, turn, running, clock } = setUp(1, {}, {}, {});
    const [a, b, c] = harnesses as [SchedulerHarness, SchedulerHarness, SchedulerHarness];
    a.submitRows([0]);
    turn();
    const at = (ms: number) => ({ deadline: clock.nowMs() + ms });
    a.submitRows([1], taskContext(clock, at(200)));
    b.submitRows([2], taskContext(clock, at(150)));
    c.submitRows([3], taskContext(clock, { ...at(300), priority: Priority.critical }));
    for (const want of [
      [0, 0, 1],
      [0, 1, 0],
      [1, 0, 0],
    ]) {
      harnesses.find((h) => h.executor.active.length > 0)?.executor.active[0]?.complete();
      await settle();
      assert.deepEqual(running(), want);
    }
  });

  for (const where of ['isInline', 'isOnDevice']) {
    it(`are not taken by what runs on the event loop or a device: ${where}`, () => {
      const { harnesses, turn, running, coreSlots } = setUp(1, {}, {});
      const [a, b] = harnesses as [SchedulerHarness, SchedulerHarness];
      b.executor.become({ [where]: true });
      a.submitRows([1]);
      turn();
      b.submitRows([2]);
      turn();
      assert.deepEqual(running(), [1, 1]);
      assert.equal(coreSlots.free, 0);
    });
  }

  it('in overload go to who has used less, once that is urgent; by weight', async () => {
    for (const [weight, first] of [
      [1, 'cold'],
      [1000, 'hot'],
    ] as const) {
      const { harnesses, turn, running, clock, coreSlots } = setUp(1, { weight }, {});
      const [hot, cold] = harnesses as [SchedulerHarness, SchedulerHarness];
      // The cold one is up to date; then only the hot one works, for 300 ms.
      hot.submitRows([1]);
      turn();
      for (let i = 0; i < 30; i++) {
        hot.submitRows([1]);
        clock.advance(10);
        hot.executor.active[0]?.complete();
        await settle();
      }
      coreSlots.onRefusal(clock.nowMs());
      const soon = { deadline: clock.nowMs() + 24 };
      cold.submitRows([2], taskContext(clock, soon));
      hot.submitRows([1], taskContext(clock, { deadline: clock.nowMs() + 23.5 }));
      clock.advance(2);
      hot.executor.active[0]?.complete();
      await settle();
      assert.deepEqual(running(), first === 'cold' ? [0, 1] : [1, 0], first);
    }
  });

  it('may become more, at once, and fewer, as batches end', async () => {
    const { harnesses, turn, running, coreSlots } = setUp(1, {}, {});
    for (const h of harnesses) for (let i = 0; i < 4; i++) h.submitRows([1, 2, 3, 4]);
    turn();
    assert.equal(
      running().reduce((a, b) => a + b),
      1,
    );
    coreSlots.resize(3);
    assert.equal(
      running().reduce((a, b) => a + b),
      3,
    );
    coreSlots.resize(1);
    assert.equal(coreSlots.free, -2);
    for (const left of [2, 1, 1]) {
      harnesses.find((h) => h.executor.active.length > 0)?.executor.active[0]?.complete();
      await settle();
      assert.equal(
        running().reduce((a, b) => a + b),
        left,
      );
    }
  });

  it('forget a model that was unloaded', async () => {
    const { harnesses, coreSlots } = setUp(1, {}, {});
    assert.equal(coreSlots.isShared, true);
    await harnesses[0]!.scheduler.close();
    assert.equal(coreSlots.isShared, false);
    await harnesses[1]!.scheduler.close();
    assert.equal(coreSlots.queuedBytes, 0);
  });
});
