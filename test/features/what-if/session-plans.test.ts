import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { SessionPlan } from '../../../src/core/executor.ts';
import { type PlannedModel, PlannedSessions } from './planned-sessions.ts';

/** A network of 50 MB: a run on two threads is nearly twice as fast, and two runs share the memory's bandwidth. */
const NETWORK: PlannedModel = {
  workMs: (rows) => 4 + 0.25 * rows,
  scaling: { twoThreads: 1.83, twoAtOnce: 1.4 },
  readMs: 0.05,
};
/** A transformer: each row costs the same, and two threads often wait for each other. */
const TRANSFORMER: PlannedModel = {
  workMs: (rows) => 2 + 8 * rows,
  scaling: { twoThreads: 1.6, twoAtOnce: 1.03 },
  maxBatchSize: 8,
};
/** Large images of which little is computed: the event loop reads them for longer than they run. */
const IMAGES: PlannedModel = {
  workMs: (rows) => 0.05 + 0.12 * rows,
  scaling: { twoThreads: 1.5, twoAtOnce: 1.2 },
  readMs: 0.25,
};
const ONE = { threads: 1, sessions: 1 };
const WIDE = { threads: 2, sessions: 1 };
const TWO = { threads: 1, sessions: 2 };

async function started(t: TestContext, model: PlannedModel, fixed?: SessionPlan): Promise<PlannedSessions> {
  const sessions = new PlannedSessions(fixed === undefined ? model : { ...model, fixed });
  await sessions.start(t);
  return sessions;
}

function sum(plans: readonly SessionPlan[]): number {
  return plans.reduce((all, { sessions }) => all + sessions, 0);
}

describe('The sessions of a model by itself, whose callers wait for each answer', () => {
  for (const [name, model, callers, best, others] of [
    ['one of all cores, where runs beside each other are slower', NETWORK, 64, WIDE, [TWO]],
    ['one of all cores, also for more rows than one run takes', { ...NETWORK, maxBatchSize: 32 }, 64, WIDE, []],
    ['one for each core, where these do more', TRANSFORMER, 32, TWO, [WIDE]],
  ] as const) {
    it(`are ${name}`, async (t) => {
      const chosen = await started(t, model);
      const rate = await chosen.ask(callers, 10_000);
      const fixed = await (await started(t, model, best)).ask(callers, 2000);
      assert.ok(rate > 0.95 * fixed, `${rate} in the first ten seconds, ${fixed} with ${JSON.stringify(best)}`);
      assert.deepEqual(chosen.plans, [best]);
      for (const other of others) {
        const less = await (await started(t, model, other)).ask(callers, 1000);
        assert.ok(less < 0.9 * fixed, `${less} with ${JSON.stringify(other)}, ${fixed}`);
      }
      const before = chosen.events.length;
      await chosen.ask(callers, 2000);
      assert.equal(chosen.events.length, before, 'they stay');
    });
  }

  it('are never more than two, where one of all cores does most and others take a core now and then', async (t) => {
    const chosen = await started(t, NETWORK);
    const most = (): number => Math.max(...chosen.events.map(({ plans }) => sum(plans)));
    await chosen.ask(64, 300);
    for (const [foreign, ms] of [
      [1, 1200],
      [0, 5000],
      [2, 800],
      [0, 2000],
      [1, 1000],
      [0, 5000],
    ] as const) {
      chosen.cores.setForeign(foreign);
      await chosen.ask(64, ms);
    }
    assert.equal(most(), 2, JSON.stringify(chosen.events));
    assert.deepEqual(chosen.plans, [WIDE]);
  });

  it('are the first one, where the event loop is what takes long', async (t) => {
    const chosen = await started(t, IMAGES);
    const rate = await chosen.ask(32, 2000);
    const fixed = await (await started(t, IMAGES, ONE)).ask(32, 2000);
    assert.ok(rate > 0.98 * fixed, `${rate}, ${fixed}`);
    assert.deepEqual([chosen.plans, chosen.events], [[ONE], []]);
  });

  it('answer bursts about as fixed ones do', async (t) => {
    const model = { ...NETWORK, scaling: { twoThreads: 1.83, twoAtOnce: 1.09 }, maxBatchSize: 32 };
    const inTime = async (fixed?: SessionPlan): Promise<number> => {
      const sessions = await started(t, model, fixed);
      await sessions.offer(100, 1000, 50);
      let count = 0;
      for (let i = 0; i < 3; i++) {
        count += await sessions.offer(9000, 400, 50);
        await sessions.offer(100, 800, 50);
      }
      return count;
    };
    const [chosen, fixed] = [await inTime(), await inTime(TWO)];
    assert.ok(chosen > 0.9 * fixed, `${chosen}, ${fixed}`);
  });
});
