import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startProcessHost } from '../../../../src/backends/host/process/process-host.ts';
import type { ElasticOptions, PlanEvent } from '../../../../src/backends/host/sessions/elastic-options.ts';
import { GROW_AGAIN_MS, IDLE_SESSION_MS } from '../../../../src/backends/host/sessions/session-growth.ts';
import { CHANGE_AGAIN_MS, type SessionThreads } from '../../../../src/backends/host/sessions/session-threads.ts';
import { startThreadHost, type ThreadHostOptions } from '../../../../src/backends/host/thread/thread-host.ts';
import { CoreBudget } from '../../../../src/core/core-budget.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { BatchResult } from '../../../../src/core/executor.ts';
import { FAKE_FILE, type FakeModel } from '../../../support/fake-backend.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchOf, fakeModel, WHEN, yOf } from '../../../support/fake-model.ts';
import { StillGroup } from '../../../support/still-group.ts';

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
  const inThreads = { skip: place.startHost !== startThreadHost };

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

    it(
      'stay as they are where memory is short: that is said once, and tried again after a minute',
      inThreads,
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
          clock.advance(GROW_AGAIN_MS);
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

    it('are closed when they are not needed for some minutes', inThreads, async (t) => {
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
      const { executor, host, events, clock } = await start(t, place, { cores: 2 });
      executor.grow?.();
      await turns();
      await host.close();
      await turns();
      assert.deepEqual(events, []);
      assert.equal(clock.armed, 0);
    });
  });

  describe(`the threads of runs, ${place.where}`, () => {
    it('change by a trial while batches run, and none is lost; the better plan stays alone', async (t) => {
      const { executor, host, events, heard, clock } = await start(t, place, { cores: 2 });
      executor.grow?.();
      await until(() => executor.slots === 2);
      let isOver = false;
      const load = async (): Promise<void> => {
        // Other numbers than those that ask for a fault.
        for (let i = 0; !isOver; i = (i + 1) % 50) assert.deepEqual(yOf(await executor.run(batchOf(i))), [i / 2 + 2]);
      };
      const loads = [load(), load(), load()];
      const plan = host.plan!;
      // Two sessions that are busy, with half-full batches.
      drive(plan, clock, { rows: 4, everyMs: 10, runMs: 20, forMs: 2600 });
      await until(() => executor.threads === 2);
      assert.deepEqual([executor.slots, whats(events)], [1, ['grown', 'tried']]);
      assert.equal(await threadsOf(executor), 2);
      drive(plan, clock, { rows: 8, everyMs: 15, runMs: 15, forMs: 1000 });
      assert.deepEqual(whats(events), ['grown', 'tried', 'changed']);
      isOver = true;
      await Promise.all(loads);
      assert.deepEqual(heard.at(-1), [1, 2]);
      assert.match(plan.reason, /1 session of 2 threads: it answered more/);
    });

    it('are those of before when the trial brings nothing, without another load', async (t) => {
      const { executor, host, events, clock, directory } = await start(t, place, { cores: 2 });
      executor.grow?.();
      await until(() => executor.slots === 2);
      drive(host.plan!, clock, { rows: 4, everyMs: 10, runMs: 20, forMs: 2600 });
      await until(() => executor.threads === 2);
      rmSync(join(directory, FAKE_FILE));
      drive(host.plan!, clock, { rows: 4, everyMs: 15, runMs: 15, forMs: 1000 });
      assert.deepEqual([executor.slots, executor.threads], [2, 1]);
      assert.equal(await threadsOf(executor), 1);
      assert.deepEqual(whats(events), ['grown', 'tried', 'kept']);
    });

    it('are not tried where the other plan does not load, and not again for a minute', inThreads, async (t) => {
      const { executor, host, events, clock, directory } = await start(t, place, { cores: 2 });
      rmSync(join(directory, FAKE_FILE));
      drive(host.plan!, clock, { rows: 4, everyMs: 20, runMs: 20, forMs: 2600 });
      await until(() => events.length === 1);
      drive(host.plan!, clock, { rows: 4, everyMs: 20, runMs: 20, forMs: CHANGE_AGAIN_MS - 5000 });
      await turns();
      assert.deepEqual([executor.threads, whats(events)], [1, ['unchanged']]);
      drive(host.plan!, clock, { rows: 4, everyMs: 20, runMs: 20, forMs: 20_000 });
      await until(() => events.length === 2);
      assert.deepEqual(yOf(await executor.run(batchOf(2))), [3]);
    });

    it('are no more than the cores', async (t) => {
      const { executor, host, budget, clock, events } = await start(t, place, { cores: 4 });
      drive(host.plan!, clock, { rows: 4, everyMs: 20, runMs: 20, forMs: 2600 });
      await until(() => executor.threads === 4);
      drive(host.plan!, clock, { rows: 8, everyMs: 10, runMs: 10, forMs: 1000 });
      budget.cores = 1;
      await until(() => executor.threads === 1);
      assert.equal(await threadsOf(executor), 1);
      assert.match(events.at(-1)!.reason, /the budget is 1 core now/);
    });

    it('are one where they are not to be planned, or there is one core', async (t) => {
      for (const setting of [{ cores: 1 }, { cores: 2, arePlanned: false }]) {
        const { executor, host, clock } = await start(t, place, setting);
        drive(host.plan!, clock, { rows: 4, everyMs: 20, runMs: 20, forMs: 10_000 });
        await turns();
        assert.equal(executor.threads, 1);
      }
    });
  });
}

interface Drive {
  /** Of each run. */
  readonly rows: number;
  readonly everyMs: number;
  readonly runMs: number;
  readonly forMs: number;
}

/** Runs that end one after the other, as the host would be told of them. */
function drive(plan: SessionThreads, clock: FakeClock, { rows, everyMs, runMs, forMs }: Drive): void {
  const batch = batchOf(...new Array<number>(rows).fill(0));
  for (let passed = 0; passed < forMs; passed += everyMs) {
    clock.advance(everyMs);
    plan.ran(batch, runMs);
  }
}

describe('a fixed number of sessions', () => {
  it('does not grow', async (t) => {
    const options = fakeModel(t);
    const host = await startThreadHost({ ...options, slots: 2, clock: new FakeClock() });
    t.after(() => host.close());
    host.executor.grow?.();
    await turns();
    assert.deepEqual([host.executor.slots, host.executor.threads, host.plan], [2, 1, undefined]);
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
  const elastic = { budget, arePlanned, maxBatchSize: 8, reserveSession, onPlan };
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

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
