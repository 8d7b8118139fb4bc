import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientLeft } from '../../../../src/core/cancel.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { STAGE_EXECUTE } from '../../../../src/ledger/stage-clock.ts';
import { Forecast } from '../../../../src/scheduler/admission/forecast.ts';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  type HarnessOptions,
  SchedulerHarness,
  type Submitted,
  settle,
  taskContext,
} from '../../../support/scheduler-harness.ts';

/** A run of any size takes 8 ms: the lead is 2. */
const SEEDS = [1, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 8 }));

function harness(options: HarnessOptions = {}): SchedulerHarness {
  return new SchedulerHarness({ takesNext: true, seeds: SEEDS, ...options });
}

/** One row that runs from now on, and one that waits. */
function runningAndWaiting(h: SchedulerHarness): [Submitted, Submitted] {
  const running = h.submitRows([1]);
  h.turn();
  const waiting = h.submitRows([2]);
  h.turn();
  assert.deepEqual([h.executor.active.length, h.scheduler.queuedTasks], [1, 1]);
  return [running, waiting];
}

describe('A worker gets its next batch', () => {
  it('shortly before the one that runs is expected to end', async () => {
    const h = harness();
    const [first, second] = runningAndWaiting(h);
    h.clock.advance(5.9);
    assert.equal(h.executor.ahead.length, 0);
    h.clock.advance(0.2);
    assert.deepEqual([h.executor.active.length, h.executor.ahead.length], [1, 1]);
    assert.equal(h.scheduler.runningBatches, 2);
    h.clock.advance(2);
    h.executor.active[0]!.complete();
    assert.deepEqual(await first.values(), [1]);
    h.clock.advance(8);
    h.executor.active[0]!.complete();
    assert.deepEqual(await second.values(), [2]);
    assert.equal(h.clock.armed, 0);
  });

  it('and does not count as beside others before it begins', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(3, clock);
    const h = harness({ clock, coreSlots, slots: 3 });
    for (let i = 0; i < 3; i++) {
      h.submitRows([1]);
      h.turn();
    }
    for (let i = 0; i < 3; i++) h.submitRows([1, 2, 3, 4]);
    h.turn();
    for (let i = 0; i < 3; i++) {
      clock.advance(i === 0 ? 6.1 : 0.1);
      h.submitRows([1]);
      h.turn();
    }
    assert.equal(h.executor.ahead.length, 3);
    for (let i = 0; i < 3; i++) {
      clock.advance(i === 0 ? 1.7 : 0);
      h.executor.active[0]!.complete();
      await settle();
    }
    clock.advance(8);
    const begun = coreSlots.uses.filter(({ after }) => after === undefined);
    const besides = begun.map((use) => coreSlots.besideOf(use, clock.nowMs()));
    assert.deepEqual(besides, [2, 2, 2]);
  });

  it('and its run is counted from the end of the one before', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(1, clock);
    const h = harness({ clock, coreSlots });
    const [, second] = runningAndWaiting(h);
    clock.advance(7);
    assert.deepEqual([h.executor.ahead.length, coreSlots.free], [1, -1]);
    clock.advance(1);
    const endedAt = clock.nowMs();
    h.executor.active[0]!.complete();
    await settle();
    assert.equal(coreSlots.free, 0);
    clock.advance(8);
    h.executor.active[0]!.complete();
    await settle();
    assert.equal(second.context.stages.startOf(STAGE_EXECUTE), endedAt);
    assert.equal(h.batches[1]!.executeStart, endedAt);
    assert.equal(coreSlots.free, 1);
  });

  it('with the requests that have come until then; later requests are in the batch after it', async () => {
    const h = harness();
    runningAndWaiting(h);
    h.clock.advance(1);
    h.submitRows([3]);
    h.turn();
    h.clock.advance(6);
    h.submitRows([4]);
    h.turn();
    assert.deepEqual(
      h.executor.runs.map(({ batch }) => batch.size),
      [1, 2],
    );
    assert.equal(h.scheduler.queuedTasks, 1);
    h.executor.active[0]!.complete();
    await settle();
    h.clock.advance(7);
    assert.equal(h.executor.ahead.length, 1);
  });

  it('also when the first task comes within the lead', () => {
    const h = harness();
    h.submitRows([1]);
    h.turn();
    h.clock.advance(7);
    h.submitRows([2]);
    assert.equal(h.executor.ahead.length, 0, 'not before the end of the turn');
    h.turn();
    assert.equal(h.executor.ahead.length, 1);
  });

  it('behind the run that should end first, of several', () => {
    const h = harness({ slots: 2 });
    h.submitRows([1]);
    h.turn();
    h.clock.advance(3);
    h.submitRows([2]);
    h.turn();
    h.submitRows([3]);
    h.turn();
    h.clock.advance(4);
    assert.equal(h.executor.ahead[0]?.after, h.executor.runs[0]);
  });

  it('which runs also when the one before failed', async () => {
    const h = harness();
    const [first, second] = runningAndWaiting(h);
    h.clock.advance(7);
    h.executor.active[0]!.fail(new ServingError('backend_unavailable', 'told to'));
    assert.equal((await first.error()).kind, 'backend_unavailable');
    h.executor.active[0]!.complete();
    assert.deepEqual(await second.values(), [2]);
  });
});

describe('No batch is assembled early', () => {
  const cases: Readonly<Record<string, HarnessOptions>> = {
    'where the executor takes none': { takesNext: false },
    'where the length of runs is unknown': { seeds: [] },
  };
  for (const [name, options] of Object.entries(cases)) {
    it(name, () => {
      const h = harness(options);
      runningAndWaiting(h);
      h.clock.advance(8);
      assert.equal(h.executor.runs.length, 1);
    });
  }

  for (const [givenMs, runs] of [
    [80, 1],
    [85, 2],
  ] as const) {
    it(`${runs === 1 ? 'where' : 'but not where'} clients give ${givenMs} ms, and runs take 8`, () => {
      const h = harness();
      h.submitRows([1], taskContext(h.clock, { deadline: h.clock.nowMs() + givenMs }));
      h.turn();
      h.submitRows([2]);
      h.turn();
      h.clock.advance(8);
      assert.equal(h.executor.runs.length, runs);
    });
  }

  it('where another model has used the slots lately', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(1, clock);
    const [h, other] = [harness({ clock, coreSlots }), harness({ clock, coreSlots })];
    other.submitRows([9]);
    other.turn();
    clock.advance(8);
    other.executor.active[0]!.complete();
    await settle();
    runningAndWaiting(h);
    clock.advance(8);
    assert.equal(h.executor.runs.length, 1);
    h.executor.active[0]!.complete();
    await settle();
    assert.equal(h.executor.runs.length, 2);
  });

  it('after a run that is well over its time', () => {
    const h = harness();
    h.submitRows([1]);
    h.turn();
    h.clock.advance(11);
    h.submitRows([2]);
    h.turn();
    assert.equal(h.executor.runs.length, 1);
  });

  it('of tasks that have left', () => {
    const h = harness();
    const [, second] = runningAndWaiting(h);
    second.context.cancel.cancel(clientLeft('queue'));
    assert.equal(h.clock.armed, 0);
    h.clock.advance(8);
    assert.equal(h.executor.runs.length, 1);
  });
});

describe('A forecast', () => {
  it('lets a slot come free when what follows there has ended', () => {
    const forecast = new Forecast();
    const running = { expectedEnd: 10 };
    const next = { expectedEnd: 18, after: running };
    const latency = { isKnown: true, meanMs: () => 8, highMs: () => 8, rowsWithin: () => 4 };
    const numbers = {
      now: 8,
      slots: 1,
      maxBatchSize: 4,
      aheadRows: 0,
      rows: 1,
      arrivalRows: 0,
      othersMs: 0,
      passingShare: 0,
    };
    const question = { ...numbers, latency, overheadMs: 0, aroundMs: 0 };
    forecast.ask({ ...question, uses: [next, { ...running, next }] });
    assert.deepEqual([forecast.start, forecast.finish], [18, 26]);
    forecast.ask({ ...question, slots: 2, uses: [next, { ...running, next }, { expectedEnd: 12 }] });
    assert.equal(forecast.start, 12);
  });
});
