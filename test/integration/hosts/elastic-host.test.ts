import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startProcessHost } from '../../../src/backends/host/process/process-host.ts';
import type { ElasticOptions, PlanEvent } from '../../../src/backends/host/sessions/elastic-options.ts';
import {
  IDLE_SESSION_MS,
  OPEN_AGAIN_MS,
  SOON_MS,
  UNUSED_PLAN_MS,
} from '../../../src/backends/host/sessions/session-growth.ts';
import { startThreadHost, type ThreadHostOptions } from '../../../src/backends/host/thread/thread-host.ts';
import { CoreBudget } from '../../../src/core/core-budget.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { BatchResult } from '../../../src/core/executor.ts';
import { FAKE_FILE, type FakeModel } from '../../support/fake-backend.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchOf, fakeModel, holdLoads, WHEN, yOf } from '../../support/fake-model.ts';
import { StillGroup } from '../../support/still-group.ts';
import { until } from '../../support/turns.ts';

type Start = (options: ThreadHostOptions) => ReturnType<typeof startThreadHost>;

const HOSTS: readonly { readonly where: string; readonly startHost: Start }[] = [
  { where: 'in threads', startHost: startThreadHost },
  { where: 'in processes', startHost: startProcessHost },
  {
    where: 'in a process that is shared',
    startHost: (options) => startProcessHost({ ...options, processGroup: new StillGroup('g') }),
  },
];

for (const place of HOSTS) {
  // A process sends no heartbeat in minutes that pass on the fake clock only.
  const itInThreads = place.startHost === startThreadHost ? it : (): void => undefined;

  describe(`sessions by demand, ${place.where}`, () => {
    it('begin with one; each call of grow opens one, up to the cores', async (t) => {
      const { executor, events, heard } = await start(t, place, { cores: 2 });
      assert.deepEqual([executor.slots, executor.threads], [1, 1]);
      executor.grow?.();
      executor.grow?.();
      await until(() => executor.slots === 2);
      executor.grow?.();
      await turns();
      assert.deepEqual(whats(events), ['grown']);
      assert.deepEqual(heard, [[2, 1]]);
      const results = await Promise.all([1, 2, 3].map((x) => executor.run(batchOf(x))));
      assert.deepEqual(results.map(yOf), [[2.5], [3], [3.5]]);
    });

    it('grow again when there are more cores', async (t) => {
      const { executor, budget } = await start(t, place, { cores: 1 });
      executor.grow?.();
      await turns();
      assert.equal(executor.slots, 1);
      budget.cores = 2;
      executor.grow?.();
      await until(() => executor.slots === 2);
    });

    itInThreads(
      'stay as they are where memory is short: that is said once, and tried again after a minute',
      async (t) => {
        let tries = 0;
        const reserveSession = async () => {
          tries += 1;
          throw new ServingError('insufficient_memory', 'model "m" does not fit');
        };
        const { executor, events, clock } = await start(t, place, { cores: 2, reserveSession });
        for (let minute = 0; minute < 3; minute++) {
          for (let i = 0; i < 3; i++) {
            executor.grow?.();
            await turns();
          }
          clock.advance(OPEN_AGAIN_MS);
        }
        assert.equal(tries, 3);
        assert.deepEqual(whats(events), ['not_grown']);
        assert.match(events[0]!.reason, /does not fit/);
        assert.equal(executor.slots, 1);
      },
    );

    it('survive one that does not load or dies as it starts, and give its memory back', async (t) => {
      let reserved = 0;
      const reserveSession = async () => {
        reserved += 1;
        return () => {
          reserved -= 1;
        };
      };
      const { executor, events, directory } = await start(t, place, { cores: 2, reserveSession });
      rmSync(join(directory, FAKE_FILE));
      executor.grow?.();
      await until(() => events.length === 1);
      assert.deepEqual([whats(events), executor.slots, reserved], [['not_grown'], 1, 0]);
      assert.deepEqual(yOf(await executor.run(batchOf(2))), [3]);

      // The first run of a new session is of zeros. A process that is shared ends with all its sessions.
      if (place.where.endsWith('shared')) return;
      const dying = await start(t, place, { cores: 2 }, { faults: [{ whenFirstIs: 0, effect: 'exit' }] });
      dying.executor.grow?.();
      await until(() => dying.events.length === 1);
      assert.deepEqual([whats(dying.events), dying.executor.slots], [['not_grown'], 1]);
      assert.deepEqual(yOf(await dying.executor.run(batchOf(2))), [3]);
    });

    itInThreads('are closed when they are not needed for some minutes', async (t) => {
      const { executor, events, clock } = await start(t, place, { cores: 2 });
      executor.grow?.();
      await until(() => executor.slots === 2);
      for (let i = 0; i < 3; i++) {
        clock.advance(IDLE_SESSION_MS - 60_000);
        await Promise.all([executor.run(batchOf(1)), executor.run(batchOf(2))]);
      }
      assert.equal(executor.slots, 2, 'both were needed');
      for (let i = 0; i < 10; i++) {
        clock.advance(IDLE_SESSION_MS / 5);
        await executor.run(batchOf(1));
      }
      assert.equal(executor.slots, 1);
      assert.deepEqual(whats(events), ['grown', 'shrunk']);
      assert.equal(clock.armed, 0);
      assert.deepEqual(yOf(await executor.run(batchOf(2))), [3]);
    });

    it('end with the host, also one that loads', async (t) => {
      const { executor, host, events, clock, directory } = await start(t, place, { cores: 2 });
      holdLoads(directory);
      executor.grow?.();
      await turns();
      await host.close();
      await turns();
      assert.deepEqual(events, []);
      assert.equal(clock.armed, 0);
    });
  });

  describe(`a session of all cores, ${place.where}`, () => {
    it('is opened once, is used when it is told to be, and no batch is lost by the change', async (t) => {
      const { executor, events, heard } = await start(t, place, { cores: 2 });
      executor.widen?.();
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      assert.deepEqual([whats(events), heard], [['grown'], [[1, 1]]]);
      assert.deepEqual(executor.plans, [
        { threads: 1, sessions: 1 },
        { threads: 2, sessions: 1 },
      ]);
      assert.equal(await threadsOf(executor), 1);
      const answers = Array.from({ length: 60 }, (_, i) => {
        if (i % 10 === 0) executor.use?.(i % 20 === 0 ? 2 : 1);
        return executor.run(batchOf(i));
      });
      for (const [i, answer] of (await Promise.all(answers)).entries()) assert.deepEqual(yOf(answer), [i / 2 + 2]);
      executor.use?.(2);
      assert.deepEqual([executor.slots, executor.threads, await threadsOf(executor)], [1, 2, 2]);
      executor.use?.(7);
      assert.equal(executor.threads, 2, 'there is none of seven threads');
    });

    it('grows beside it: the sessions of one thread are as many as the cores', async (t) => {
      const { executor } = await start(t, place, { cores: 2 });
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      executor.grow?.();
      await until(() => executor.slots === 2);
      executor.use?.(2);
      executor.grow?.();
      await turns();
      assert.deepEqual(executor.plans, [
        { threads: 1, sessions: 2 },
        { threads: 2, sessions: 1 },
      ]);
    });

    it('says why each one was opened', async (t) => {
      const { executor, events } = await start(t, place, { cores: 2 });
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      executor.use?.(2);
      executor.grow?.();
      await until(() => executor.plans?.[0]?.sessions === 2);
      const waited = await start(t, place, { cores: 2 });
      waited.executor.grow?.();
      await until(() => waited.executor.slots === 2);
      const reasons = [...events, ...waited.events].map(({ reason }) => reason.split(' now: ')[1]);
      assert.deepEqual(reasons, [
        'it is busy',
        'runs of one thread should do more',
        'batches waited while cores were free',
      ]);
    });

    it('ends when the cores are fewer, also while it is used', async (t) => {
      const { executor, budget, events } = await start(t, place, { cores: 4 });
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      executor.use?.(4);
      budget.cores = 3;
      assert.deepEqual([executor.threads, executor.plans?.length], [1, 1]);
      assert.match(events.at(-1)!.reason, /1 session of 1 thread now: the budget is 3 now/);
      assert.equal(await threadsOf(executor), 1);
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      assert.equal(executor.plans![1]!.threads, 3);
    });

    itInThreads('is closed when the others have been used for a while, and they when it has', async (t) => {
      for (const threads of [1, 2]) {
        const { executor, events, clock } = await start(t, place, { cores: 2 });
        executor.widen?.();
        await until(() => executor.plans?.length === 2);
        executor.use?.(threads);
        clock.advance(UNUSED_PLAN_MS - 1);
        assert.equal(executor.plans!.length, 2);
        for (let i = 0; i < 10; i++) {
          clock.advance(IDLE_SESSION_MS / 3);
          await executor.run(batchOf(1));
        }
        assert.deepEqual([executor.plans, clock.armed], [[{ threads, sessions: 1 }], 0]);
        assert.deepEqual([whats(events), await threadsOf(executor)], [['grown', 'shrunk'], threads]);
      }
    });

    itInThreads('gives way to several of one thread, however long the second of these takes to load', async (t) => {
      let held = Promise.resolve();
      const reserveSession = async () => {
        await held;
        return () => undefined;
      };
      const { executor, clock } = await start(t, place, { cores: 2, reserveSession });
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      executor.use?.(2);
      clock.advance(UNUSED_PLAN_MS + 1000);
      assert.deepEqual(executor.plans, [{ threads: 2, sessions: 1 }]);
      clock.advance(SOON_MS);
      executor.grow?.();
      await until(() => executor.plans?.length === 2);
      let release = (): void => undefined;
      held = new Promise((resolve) => {
        release = resolve;
      });
      executor.grow?.();
      clock.advance(SOON_MS);
      release();
      await until(() => executor.plans?.[0]?.sessions === 2);
      clock.advance(UNUSED_PLAN_MS - 1);
      assert.equal(executor.plans?.length, 2, 'there is time to choose them');
      clock.advance(2000);
      assert.deepEqual(executor.plans, [{ threads: 2, sessions: 1 }]);
    });

    itInThreads('is kept for longer when it is soon opened again', async (t) => {
      const { executor, clock } = await start(t, place, { cores: 2 });
      const keptMs: number[] = [];
      for (let round = 0; round < 6; round++) {
        executor.widen?.();
        await until(() => executor.plans?.length === 2);
        const openedAt = clock.nowMs();
        while (executor.plans!.length === 2) clock.advance(1000);
        keptMs.push(clock.nowMs() - openedAt);
        if (round === 4) clock.advance(SOON_MS);
      }
      assert.deepEqual(keptMs, [2000, 8000, 32_000, 128_000, IDLE_SESSION_MS, UNUSED_PLAN_MS]);
    });

    itInThreads('gives way to one of one thread when the cores are fewer', async (t) => {
      const { executor, budget, clock, events } = await start(t, place, { cores: 2 });
      executor.widen?.();
      await until(() => executor.plans?.length === 2);
      executor.use?.(2);
      clock.advance(UNUSED_PLAN_MS + 1000);
      assert.deepEqual(executor.plans, [{ threads: 2, sessions: 1 }]);
      budget.cores = 1;
      assert.deepEqual(yOf(await executor.run(batchOf(2))), [3], 'it serves meanwhile');
      await until(() => executor.threads === 1);
      assert.deepEqual(executor.plans, [{ threads: 1, sessions: 1 }]);
      assert.match(events.at(-1)!.reason, /1 session of 1 thread now: the budget is 1 now/);
      assert.deepEqual(yOf(await executor.run(batchOf(2))), [3]);
    });

    it('is not opened on one core, nor where threads are configured, nor where memory is short', async (t) => {
      const reserveSession = (): Promise<never> =>
        Promise.reject(new ServingError('insufficient_memory', 'model "m" does not fit'));
      for (const setting of [{ cores: 1 }, { cores: 2, arePlanned: false }, { cores: 2, reserveSession }]) {
        const { executor } = await start(t, place, setting);
        executor.widen?.();
        await turns();
        assert.equal(executor.plans?.length, 1);
      }
    });
  });
}

describe('a fixed number of sessions', () => {
  it('does not grow', async (t) => {
    const options = fakeModel(t);
    const host = await startThreadHost({ ...options, slots: 2, clock: new FakeClock() });
    t.after(() => host.close());
    host.executor.grow?.();
    await turns();
    host.executor.widen?.();
    assert.deepEqual([host.executor.slots, host.executor.threads, host.executor.plans], [2, 1, undefined]);
  });
});

interface Setting extends Pick<ElasticOptions, 'reserveSession'> {
  readonly cores: number;
  readonly arePlanned?: boolean;
}

async function start(
  t: TestContext,
  { startHost }: (typeof HOSTS)[number],
  { cores, reserveSession, arePlanned = true }: Setting,
  model: Partial<FakeModel> = {},
) {
  const clock = new FakeClock();
  const budget = new CoreBudget(cores);
  const events: PlanEvent[] = [];
  const options = fakeModel(t, model);
  const onPlan = (event: PlanEvent): number => events.push(event);
  const elastic = { budget, arePlanned, reserveSession, onPlan };
  const host = await startHost({ ...options, slots: 1, clock, elastic });
  t.after(() => host.close());
  const heard: (readonly [number, number | undefined])[] = [];
  const { executor } = host;
  executor.onSlots = () => heard.push([executor.slots, executor.threads]);
  return { host, executor, clock, budget, events, heard, directory: options.versionDirectory };
}

function whats(events: readonly PlanEvent[]): readonly string[] {
  return events.map(({ what }) => what);
}

/** The threads that the session was opened with. */
async function threadsOf(executor: { run(batch: ReturnType<typeof batchOf>): Promise<BatchResult> }): Promise<number> {
  const [told] = await Promise.allSettled([executor.run(batchOf(WHEN.threads))]);
  assert.equal(told.status, 'rejected');
  return Number(/threads: (\d+)/.exec((told.reason as Error).message)![1]);
}

/** Some turns of the event loop, in which nothing should happen. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
