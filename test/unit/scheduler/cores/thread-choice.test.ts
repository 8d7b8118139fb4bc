import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { ThreadChoice, type ThreadFacts } from '../../../../src/scheduler/cores/thread-choice.ts';
import { ThreadCurves } from '../../../../src/scheduler/latency/thread-curves.ts';
import {
  FIRST_PROOF_MS,
  LATER_PROOF_MS,
  MAX_PROBE_PAUSE_MS,
  PLAN_KEPT_MS,
  PLAN_KEPT_RUNS,
  PROBE_PAUSE_FACTOR,
  PROBE_PAUSE_MS,
  PROBE_RUN_MS,
  PROBE_RUNS,
} from '../../../../src/scheduler/tuning.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { type HarnessOptions, SchedulerHarness, settle } from '../../../support/scheduler-harness.ts';

const PLANS = [
  { threads: 1, sessions: 2 },
  { threads: 2, sessions: 1 },
];

/** A run takes `fixed` and `perRow` for each row, on one thread and on two. */
function curvesOf(narrow: readonly [number, number], wide: readonly [number, number]): ThreadCurves {
  const curves = new ThreadCurves(64, []);
  for (const [threads, [fixed, perRow]] of [[1, narrow] as const, [2, wide] as const]) {
    const buckets = [1, 2, 4, 8, 16, 32, 64].map((rows) => ({
      rows,
      meanMs: fixed + perRow * rows,
      deviationMs: 0,
      runs: 3,
    }));
    curves.import(threads, buckets);
  }
  return curves;
}

/** Most of a run does not depend on its rows, and two threads are 1.8 times as fast. */
const NETWORK = curvesOf([2, 0.2], [1.1, 0.1]);
/** Each row costs the same, and two threads are 1.4 times as fast. */
const IMAGES = curvesOf([0.001, 0.1], [0.001, 0.07]);

function facts(change: Partial<ThreadFacts>): ThreadFacts {
  const usual = { plans: PLANS, threads: 1, narrow: 1, wide: 2, rows: 1, mostRows: () => 64, curves: NETWORK };
  return { ...usual, isContended: false, ...change };
}

describe('The choice of threads', () => {
  const cases: readonly (readonly [string, Partial<ThreadFacts>, number])[] = [
    ['all cores for a single row', { rows: 1 }, 2],
    ['all cores for what fills one batch', { rows: 64 }, 2],
    ['one thread while full batches follow each other', { rows: 64 * 4, curves: curvesOf([2, 0.2], [1.3, 0.13]) }, 1],
    ['one thread where batches bring nothing and threads little', { rows: 32, mostRows: () => 8, curves: IMAGES }, 1],
    ['all cores for a single image', { rows: 1, curves: IMAGES }, 2],
    ['one thread where a neighbour makes wide runs long', { rows: 32, curves: curvesOf([2, 0.2], [2.2, 0.3]) }, 1],
    ['one thread where other models use the cores', { rows: 1, isContended: true }, 1],
    [
      'all cores where memory had room for one session of one thread',
      { rows: 32, curves: IMAGES, plans: [{ threads: 1, sessions: 1 }, PLANS[1]!] },
      2,
    ],
  ];
  for (const [name, change, want] of cases) {
    it(`is ${name}, whichever is in use`, () => {
      for (const threads of [1, 2]) {
        const choice = new ThreadChoice();
        choice.choose(facts({ ...change, threads }), 0);
        // A first look may be a probe of the other one.
        assert.equal(choice.choose(facts({ ...change, threads }), PROBE_RUN_MS + PLAN_KEPT_MS + 1), want, `${threads}`);
      }
    });
  }

  it('stays for a while, and where both are about as fast', () => {
    const choice = new ThreadChoice();
    assert.equal(choice.choose(facts({}), 0), 2);
    const few = facts({ threads: 2, rows: 64, curves: curvesOf([0.2, 0.02], [0.24, 0.024]) });
    assert.equal(choice.choose(few, PLAN_KEPT_MS - 1), 2);
    assert.equal(choice.choose(few, PLAN_KEPT_MS), 1);
    const even = facts({ threads: 1, rows: 256, curves: curvesOf([0.2, 0.02], [0.1, 0.01]) });
    assert.equal(choice.choose(even, 2 * PLAN_KEPT_MS), 1);
  });

  it('stays for several runs where these are long: each change leaves a core idle for one of them', () => {
    const choice = new ThreadChoice();
    assert.equal(choice.choose(facts({}), 0), 2);
    const curves = curvesOf([2, 5], [2, 6]);
    const keptMs = PLAN_KEPT_RUNS * (2 + 6 * 64);
    for (const [now, want] of [[PLAN_KEPT_MS, 2] as const, [keptMs - 1, 2] as const, [keptMs, 1] as const]) {
      assert.equal(choice.choose(facts({ threads: 2, rows: 64, curves }), now), want);
    }
  });

  it('is one thread at once for more rows than one run takes, unless all cores are known as faster', () => {
    for (const [wide, isKnown, want] of [
      [[1.01, 0.101], true, 1],
      [[0.95, 0.095], true, 2],
      [[1.01, 0.101], false, 2],
    ] as const) {
      const choice = new ThreadChoice();
      assert.equal(choice.choose(facts({}), 0), 2);
      const curves = curvesOf([2, 0.2], wide);
      if (isKnown) for (let i = 0; i < 30; i++) curves.learn(1, 64, 1, 14.8, false, 1);
      assert.equal(choice.choose(facts({ threads: 2, rows: 256, curves }), 1), want);
    }
  });

  it('is all cores where runs beside each other are slower than they are alone', () => {
    const curves = curvesOf([2, 0.2], [1.2, 0.12]);
    const crowded = facts({ threads: 2, rows: 256, curves });
    assert.equal(new ThreadChoice().choose(crowded, 0), 1, 'a guess: they are hardly slower');
    for (let i = 0; i < 30; i++) curves.learn(1, 64, 1, 1.4 * 14.8, false, 1);
    assert.equal(new ThreadChoice().choose({ ...crowded, threads: 1 }, 0), 2);
    const choice = new ThreadChoice();
    choice.choose(crowded, 0);
    assert.equal(choice.choose({ ...crowded, threads: 1 }, PROBE_RUNS * 1.4 * 14.8), 2, 'also after a probe');
  });

  it('lacks sessions that are not open where they would be clearly better', () => {
    for (const [change, want] of [
      [{ threads: 1, plans: [PLANS[0]!] }, true],
      [{ threads: 1, plans: [PLANS[0]!], isContended: true }, false],
      [{ threads: 2, plans: [PLANS[1]!], rows: 64 }, false],
      [{ threads: 2, plans: [PLANS[1]!], rows: 64, curves: IMAGES }, true],
      [{ threads: 2, plans: [PLANS[1]!], isContended: true }, true],
    ] as const) {
      const choice = new ThreadChoice();
      assert.equal(choice.choose(facts(change), 0), change.threads);
      choice.choose(facts(change), LATER_PROOF_MS);
      assert.equal(choice.isLacking, want, JSON.stringify(change));
    }
  });

  it('looks once more at one thread while its session is open, though it would not be better by itself', () => {
    const choice = new ThreadChoice();
    const both = { threads: 2, rows: 64, plans: [{ threads: 1, sessions: 1 }, PLANS[1]!] };
    choice.onUse(0);
    assert.equal(choice.choose(facts(both), PROBE_PAUSE_MS - 1), 2);
    assert.deepEqual([choice.choose(facts(both), PROBE_PAUSE_MS), choice.isSecondLook], [1, true]);
    const ended = PROBE_PAUSE_MS + PROBE_RUN_MS + PLAN_KEPT_RUNS * 20;
    assert.deepEqual([choice.choose(facts({ ...both, threads: 1 }), ended), choice.isSecondLook], [2, false]);
    assert.equal(choice.choose(facts(both), ended + 2 * PROBE_PAUSE_MS), 2, 'once');
  });

  it('lacks more copies of the weights only where they would have been better at every look for a while', () => {
    const slow = { threads: 2, plans: [PLANS[1]!], rows: 64, curves: IMAGES };
    const fast = { ...slow, curves: NETWORK };
    const firstLack = (looks: (now: number) => Partial<ThreadFacts>): number => {
      const choice = new ThreadChoice();
      choice.choose(facts({ threads: 1, curves: NETWORK }), 0);
      for (let now = PLAN_KEPT_MS; now < 60_000; now += PLAN_KEPT_MS) {
        assert.equal(choice.choose(facts(looks(now)), now), 2);
        if (choice.isLacking) return now;
      }
      return Infinity;
    };
    assert.equal(
      firstLack(() => slow),
      PLAN_KEPT_MS + FIRST_PROOF_MS,
    );
    assert.equal(
      firstLack((now) => (now < 2 * FIRST_PROOF_MS ? fast : slow)),
      2 * FIRST_PROOF_MS + LATER_PROOF_MS,
    );
    assert.equal(
      firstLack((now) => (now % 1000 < 900 ? slow : fast)),
      Infinity,
    );
  });

  it('lacks them also where crowds come and go, and what lies between them would be slower so', () => {
    const bursts = { threads: 2, plans: [PLANS[1]!], curves: IMAGES, mostRows: () => 16 };
    const firstLack = (isCrowded: (now: number) => boolean): number => {
      const choice = new ThreadChoice();
      choice.choose(facts({ threads: 1, curves: NETWORK }), 0);
      for (let now = PLAN_KEPT_MS; now < 20_000; now += PLAN_KEPT_MS) {
        choice.choose(facts({ ...bursts, rows: isCrowded(now) ? 64 : 1 }), now);
        if (choice.isLacking) return now;
      }
      return Infinity;
    };
    assert.ok(firstLack((now) => now % 1000 < 500) <= 1000 + LATER_PROOF_MS);
    assert.equal(
      firstLack((now) => now % 1000 === 0),
      Infinity,
      'a single look between quiet ones says nothing',
    );
  });

  it('goes back from sessions of one thread that were no better, and lacks them no more for as long as it tries none', () => {
    const choice = new ThreadChoice();
    const curves = curvesOf([2, 0.2], [1.05, 0.105]);
    let threads = choice.choose(facts({ threads: 1, curves: NETWORK }), 0);
    const at = FIRST_PROOF_MS + 2 * PLAN_KEPT_MS;
    const guessed = facts({ threads, rows: 64, curves: curvesOf([2, 0.2], [2.2, 0.22]) });
    threads = choice.choose(guessed, at);
    assert.equal(threads, 1, 'they look better');
    threads = choice.choose(facts({ threads, rows: 64, curves }), at + PROBE_RUN_MS);
    assert.equal(threads, 2, 'they were not');
    const closed = { threads, plans: [PLANS[1]!], rows: 64, curves: curvesOf([2, 0.2], [2.2, 0.22]) };
    for (let ms = 0; ms < PROBE_PAUSE_FACTOR * PROBE_PAUSE_MS; ms += PLAN_KEPT_MS) {
      choice.choose(facts(closed), at + PROBE_RUN_MS + ms);
      assert.equal(choice.isLacking, false, `${ms}`);
    }
    choice.choose(facts(closed), at + PROBE_RUN_MS + PROBE_PAUSE_FACTOR * PROBE_PAUSE_MS);
    assert.equal(choice.isLacking, true);
  });

  it('tries the other one now and then, more and more seldom while it is no better', () => {
    const choice = new ThreadChoice();
    const curves = curvesOf([2, 0.2], [1.05, 0.105]);
    const starts: number[] = [];
    let threads = 1;
    let wideMs = 0;
    for (let now = 0; now < 1_000_000; now += 5) {
      const next = choice.choose(facts({ rows: 256, curves, threads }), now);
      if (next > threads) starts.push(now);
      threads = next;
      if (threads === 2) wideMs += 5;
    }
    const pauses = starts.slice(1).map((at, i) => at - starts[i]! - PROBE_RUN_MS);
    const wanted = [1, 2, 3, 4].map((power) => PROBE_PAUSE_FACTOR ** power * PROBE_PAUSE_MS);
    for (const [i, want] of wanted.entries()) {
      assert.ok(Math.abs(pauses[i]! - Math.min(MAX_PROBE_PAUSE_MS, want)) <= 5, `${pauses}`);
    }
    assert.ok(wideMs <= starts.length * (PROBE_RUN_MS + 5), `${wideMs}`);
  });

  it('takes the other one as soon as a probe shows that it is better', () => {
    const choice = new ThreadChoice();
    const slow = curvesOf([2, 0.2], [3, 0.3]);
    let threads = choice.choose(facts({ rows: 256, curves: slow }), 0);
    assert.equal(threads, 2, 'a probe');
    const fast = curvesOf([2, 0.2], [0.8, 0.08]);
    threads = choice.choose(facts({ rows: 256, curves: fast, threads }), PROBE_RUN_MS);
    assert.equal(threads, 2);
    assert.equal(choice.choose(facts({ rows: 256, curves: fast, threads }), PROBE_RUN_MS + PROBE_PAUSE_MS / 2), 2);
  });

  it('has nothing to choose with one plan', () => {
    assert.equal(new ThreadChoice().choose(facts({ plans: [PLANS[0]!] }), 0), 1);
  });
});

describe('A scheduler with sessions of one thread and one of all cores', () => {
  function setUp(options: HarnessOptions = {}) {
    const clock = new FakeClock();
    const seeds = [1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 8 + rows }));
    const coreSlots = new CoreSlots(2, clock);
    const h = new SchedulerHarness({ clock, coreSlots, slots: 2, seeds, maxBatchSize: 4, ...options });
    h.executor.become({ plans: PLANS, widestThreads: 2 });
    return h;
  }

  it('gives a lone batch all cores, and asks for such a session when it is busy', async () => {
    const h = setUp();
    h.submitRows([1]);
    h.turn();
    assert.deepEqual([h.executor.threads, h.executor.active.length], [2, 1]);
    h.executor.use(1);
    h.executor.become({ plans: [PLANS[0]!] });
    for (let i = 0; i < 40; i++) {
      h.clock.advance(9);
      h.executor.active[0]?.complete();
      await settle();
      h.submitRows([1]);
      h.turn();
    }
    assert.ok(h.executor.widenings > 0);
  });

  it('has them to choose from also where an earlier scheduler has left the executor with all cores', async () => {
    const clock = new FakeClock();
    const seeds = [1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 8 + rows }));
    const h = new SchedulerHarness({ clock, coreSlots: new CoreSlots(2, clock), seeds, maxBatchSize: 4, threads: 2 });
    h.executor.become({ plans: [{ threads: 2, sessions: 1 }], widestThreads: 2 });
    for (let i = 0; i < 500; i++) {
      for (let request = 0; request < 3; request++) h.submitRows([1, 2, 3, 4]);
      h.turn();
      clock.advance(12);
      h.executor.active[0]?.complete();
      await settle();
    }
    assert.ok(h.executor.growths > 0);
  });

  it('changes only when nothing runs, and starts all the same', async () => {
    const h = setUp();
    // On two threads it is as slow as on one: with more than one batch there, one thread is better.
    const curves = h.scheduler.latency.curveOf('serving_default', 4, []);
    for (let i = 0; i < 20; i++) curves.learn(2, 4, 0, 12, false);
    h.submitRows([1]);
    h.turn();
    h.clock.advance(PLAN_KEPT_MS + PROBE_RUN_MS + 1);
    for (let i = 0; i < 6; i++) h.submitRows([1, 2, 3, 4]);
    h.turn();
    assert.deepEqual([h.executor.threads, h.executor.active.length], [2, 1], 'it waits for the run');
    h.executor.active[0]?.complete();
    await settle();
    assert.deepEqual([h.executor.threads, h.executor.active.length], [1, 2]);
    while (h.executor.active.length > 0) {
      h.executor.active[0]?.complete();
      await settle();
    }
    assert.equal(h.scheduler.queuedTasks, 0);
    const [first, ...others] = h.batches.map(({ threads }) => threads);
    assert.deepEqual([first, new Set(others)], [2, new Set([1])], 'each record has its own');
  });

  it('defers no dispatch while a change waits for a run that is about to end', async () => {
    const seeds = [1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 200 + rows }));
    const h = setUp({ takesNext: true, seeds });
    const curves = h.scheduler.latency.curveOf('serving_default', 4, []);
    for (let i = 0; i < 20; i++) curves.learn(2, 4, 0, 204, false);
    curves.learn(1, 4, 0, 204, false, 1);
    h.submitRows([1]);
    h.turn();
    h.clock.advance(curves.meanMsOf(2, 1) - 1);
    for (let i = 0; i < 6; i++) h.submitRows([1, 2, 3, 4]);
    assert.equal(h.deferred, 1);
    h.turn();
    assert.deepEqual([h.executor.threads, h.executor.active.length, h.executor.ahead.length], [2, 1, 0]);
    h.submitRows([1, 2, 3, 4]);
    assert.equal(h.deferred, 0);
    h.executor.active[0]?.complete();
    await settle();
    assert.deepEqual([h.executor.threads, h.executor.active.length], [1, 2]);
  });

  it('asks for no session while it has nothing to do, whatever it lacked when it had', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(2, clock);
    const seeds = [1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 8 + rows }));
    const seldom = new SchedulerHarness({ clock, coreSlots, seeds, maxBatchSize: 4, threads: 2 });
    seldom.executor.become({ plans: [{ threads: 2, sessions: 1 }], widestThreads: 2 });
    const other = new SchedulerHarness({ clock, coreSlots, seeds, maxBatchSize: 4 });
    for (let i = 0; i < 200; i++) {
      for (const h of i % 20 === 0 ? [other, seldom] : [other]) {
        h.submitRows([1]);
        h.turn();
        clock.advance(5);
        h.executor.active[0]?.complete();
        await settle();
      }
      clock.advance(5);
    }
    assert.equal(seldom.executor.runs.length, 10);
    assert.equal(seldom.executor.growths, 0);
  });
});
