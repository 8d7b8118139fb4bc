import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientLeft } from '../../../../src/core/cancel.ts';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import type { Batch, BatchOrigin } from '../../../../src/core/executor.ts';
import type { Quarantine } from '../../../../src/scheduler/task.ts';
import type { PuppetRun } from '../../../support/puppet-executor.ts';
import {
  floats,
  type HarnessOptions,
  SchedulerHarness,
  type Submitted,
  settle,
  taskContext,
} from '../../../support/scheduler-harness.ts';

/** A row of this value, or above it, is one that the runtime cannot take. */
const POISON = 1000;
const AT_FAULT =
  'the model failed for the values of this request and works for others, so send other values: cannot take ';

function valuesOf({ inputs }: Batch): number[] {
  return floats(inputs.get('x'));
}

function failure(values: readonly number[], kind: ErrorKind = 'backend_failed'): ServingError {
  return new ServingError(kind, `cannot take ${values.filter((value) => value >= POISON)}`);
}

/** Ends every run that goes on, as a runtime that cannot take POISON would; returns what was in them. */
async function endRuns(h: SchedulerHarness): Promise<number[][]> {
  const ended: number[][] = [];
  for (const run of h.executor.active) {
    const values = valuesOf(run.batch);
    ended.push(values);
    end(run, values);
  }
  await settle();
  return ended;
}

/** Ends every run that goes on, as a runtime that is broken would. */
async function failRuns(h: SchedulerHarness): Promise<void> {
  for (const run of h.executor.active) run.fail(failure([]));
  await settle();
}

function end(run: PuppetRun, values: readonly number[]): void {
  if (values.some((value) => value >= POISON)) run.fail(failure(values));
  else run.complete();
}

/** Lets all that waits run; returns the rows of each run, in order. */
async function drain(h: SchedulerHarness): Promise<number[][]> {
  const all: number[][] = [];
  h.turn();
  for (let ended = await endRuns(h); ended.length > 0; ended = await endRuns(h)) all.push(...ended);
  return all;
}

function submitEach(h: SchedulerHarness, values: readonly number[]): Submitted[] {
  return values.map((value) => h.submitRows([value]));
}

function harness(options: HarnessOptions = {}): SchedulerHarness {
  return new SchedulerHarness({ maxBatchSize: 32, ...options });
}

describe('A batch that fails for one member’s values', () => {
  it('fails that member alone, with the runtime’s words of its own run', async () => {
    const h = harness();
    const requests = submitEach(h, [1, 2, POISON, 4]);
    assert.deepEqual(await drain(h), [[1, 2, POISON, 4], [1, 2], [POISON, 4], [POISON], [4]]);
    for (const [i, value] of [1, 2, undefined, 4].entries()) {
      if (value !== undefined) assert.deepEqual(await requests[i]!.values(), [value]);
    }
    const error = await requests[2]!.error();
    assert.equal(error.kind, 'invalid_request');
    assert.equal(error.message, AT_FAULT + POISON);
    assert.equal(h.executor.loaned.size, 0);
  });

  it('costs about twice the logarithm of its members in runs', async () => {
    const h = harness();
    const values = Array.from({ length: 32 }, (_, i) => (i === 21 ? POISON : i));
    const requests = submitEach(h, values);
    const runs = await drain(h);
    assert.equal(runs.length, 1 + 2 * 5);
    const failed = requests.filter(({ outcome }) => outcome?.error !== undefined);
    assert.deepEqual(failed, [requests[21]]);
  });

  it('finds each of several', async () => {
    const h = harness();
    const requests = submitEach(h, [POISON, 1, 2, POISON + 1, 4, POISON + 2, 6]);
    await drain(h);
    const texts = await Promise.all(
      requests.map(async ({ settled }) => {
        const outcome = await settled;
        return outcome.error?.message ?? floats(outcome.outputs?.get('y')).join();
      }),
    );
    const at = (value: number): string => AT_FAULT + value;
    assert.deepEqual(texts, [at(POISON), '1', '2', at(POISON + 1), '4', at(POISON + 2), '6']);
  });

  it('is run again in the order in which its members are due', async () => {
    const h = harness();
    const now = h.clock.nowMs();
    const submit = (value: number, ms: number) => h.submitRows([value], taskContext(h.clock, { deadline: now + ms }));
    const all = [submit(1, 900), submit(2, 100), submit(3, 500), submit(POISON, 300)];
    const runs = await drain(h);
    assert.deepEqual(runs[1], [2, POISON]);
    await Promise.all(all.map(({ settled }) => settled));
  });

  it('waits like all else: what came meanwhile does not join its parts', async () => {
    const h = harness({ slots: 1 });
    submitEach(h, [1, POISON]);
    h.turn();
    h.clock.advance(5);
    const later = h.submitRows([3]);
    const runs = await drain(h);
    assert.deepEqual(runs, [[1, POISON], [1], [POISON], [3]]);
    assert.deepEqual(await later.values(), [3]);
  });

  it('is run in whole parts, also when these go before a crowd', async () => {
    const h = harness({ slots: 1, maxBatchSize: 8 });
    const of = (caller: string) => taskContext(h.clock, { caller });
    for (const value of [1, 2, 3, 4, 5, 6, 7, POISON]) h.submitRows([value], of('meek'));
    h.turn();
    await endRuns(h);
    for (let i = 0; i < 16; i++) h.submitRows([50], of('crowd'));
    const runs = await drain(h);
    assert.deepEqual(runs[0], [1, 2, 3, 4]);
    assert.deepEqual(new Set(runs[1]), new Set([5, 6, 7, POISON]));
  });

  it('keeps to the sizes that are allowed', async () => {
    const h = harness({ maxBatchSize: 8, allowedBatchSizes: [2, 8] });
    submitEach(h, [1, 2, 3, 4, POISON]);
    assert.deepEqual(
      (await drain(h)).map(({ length }) => length),
      [8, 8, 2, 2, 2],
    );
  });

  it('runs the part of a large request again, and joins it', async () => {
    const h = harness({ maxBatchSize: 4 });
    const large = h.submitRows([1, 2, 3, 4, 5]);
    const bad = h.submitRows([POISON]);
    await drain(h);
    assert.deepEqual(await large.values(), [1, 2, 3, 4, 5]);
    assert.equal((await bad.error()).kind, 'invalid_request');
  });

  it('runs again on a worker that has its next batch already', async () => {
    const h = harness({
      takesNext: true,
      seeds: [1, 32].map((rows) => ({ signature: 'serving_default', rows, runMs: 8 })),
    });
    submitEach(h, [1, POISON]);
    h.turn();
    h.clock.advance(7);
    const next = h.submitRows([3]);
    h.turn();
    assert.equal(h.executor.ahead.length, 1);
    assert.deepEqual(await drain(h), [[1, POISON], [3], [1], [POISON]]);
    assert.deepEqual(await next.values(), [3]);
  });
});

it('members whose batch was too large are run again in parts, and one that is too large alone fails alone', async () => {
  const h = harness();
  const [small, large] = submitEach(h, [1, 2]);
  h.turn();
  const error = failure([], 'too_large');
  h.executor.runs[0]!.fail(error);
  await settle();
  h.turn();
  for (const run of h.executor.active) {
    if (valuesOf(run.batch).includes(2)) run.fail(error);
    else run.complete();
  }
  await settle();
  h.turn();
  for (const run of h.executor.active) run.fail(error);
  assert.deepEqual(await small!.values(), [1]);
  assert.equal(await large!.error(), error);
  assert.equal(h.executor.runs.length, 3);
});

describe('A batch that failed is not run again', () => {
  for (const kind of ['worker_lost', 'backend_unavailable', 'deadline_exceeded', 'cancelled', 'overloaded'] as const) {
    it(`for ${kind}: no values are at fault`, async () => {
      const h = harness();
      const requests = submitEach(h, [1, 2]);
      h.turn();
      const error = failure([], kind);
      h.executor.runs[0]!.fail(error);
      for (const request of requests) assert.equal(await request.error(), error);
      assert.equal(h.executor.runs.length, 1);
      assert.equal(h.batches[0]!.isolation, undefined);
    });
  }

  it('for outputs that cannot be cut: the run was well', async () => {
    const h = harness();
    const requests = submitEach(h, [1, 2]);
    h.turn();
    h.executor.runs[0]!.complete({ outputs: new Map() });
    for (const request of requests) assert.match((await request.error()).message, /gave no output/);
    assert.equal(h.executor.runs.length, 1);
  });

  it('when all of its members have left', async () => {
    const h = harness();
    const requests = submitEach(h, [1, 2]);
    h.turn();
    for (const { context } of requests) context.cancel.cancel(clientLeft('execute'));
    h.executor.runs[0]!.fail(failure([]));
    await settle();
    assert.equal(h.executor.runs.length, 1);
    assert.equal(h.scheduler.runningBatches, 0);
  });
});

describe('While a batch is run again', () => {
  it('a member that leaves is run no more', async () => {
    const h = harness();
    const [first, bad, left] = submitEach(h, [1, POISON, 3]);
    h.turn();
    await endRuns(h);
    left!.context.cancel.cancel(clientLeft('execute'));
    assert.deepEqual(await drain(h), [[1], [POISON]]);
    assert.equal((await left!.error()).kind, 'cancelled');
    assert.deepEqual(await first!.values(), [1]);
    assert.equal((await bad!.error()).kind, 'invalid_request');
  });

  it('the other members do not wait for more rows when a member leaves', async () => {
    for (const kind of ['slack', 'greedy'] as const) {
      const h = harness({ kind, maxBatchSize: 5, batchTimeoutMicros: 60_000_000 });
      const requests = submitEach(h, [1, 2, 3, POISON, 5]);
      h.turn();
      const run = h.executor.active[0]!;
      run.fail(failure([POISON]));
      await settle();
      assert.deepEqual(
        h.executor.active.map(({ batch }) => valuesOf(batch)),
        [[1, 2, 3]],
      );
      requests[4]!.context.cancel.cancel(clientLeft('execute'));
      assert.deepEqual(await drain(h), [[1, 2, 3], [POISON]]);
      assert.equal((await requests[3]!.error()).kind, 'invalid_request');
    }
  });

  it('a member without time for another run is shed, and not run', async () => {
    const h = harness({ seeds: [1, 32].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 })) });
    const now = h.clock.nowMs();
    const tight = h.submitRows([1], taskContext(h.clock, { deadline: now + 15 }));
    const others = submitEach(h, [POISON, 3]);
    h.turn();
    h.clock.advance(10);
    await endRuns(h);
    assert.equal((await tight.error()).kind, 'deadline_exceeded');
    await drain(h);
    assert.ok(h.executor.runs.slice(1).every((run) => !valuesOf(run.batch).includes(1)));
    assert.deepEqual(await others[1]!.values(), [3]);
  });

  it('closing waits for it', async () => {
    const h = harness();
    const [good] = submitEach(h, [1, POISON]);
    h.turn();
    let isClosed = false;
    const closed = h.scheduler.close().then(() => {
      isClosed = true;
    });
    await endRuns(h);
    assert.equal(isClosed, false);
    await drain(h);
    await closed;
    assert.deepEqual(await good!.values(), [1]);
  });

  it('nothing is learned of when batches start, and each run that ends well teaches its length', async () => {
    const h = harness();
    submitEach(h, [1, POISON]);
    h.turn();
    h.clock.advance(500);
    await endRuns(h);
    assert.deepEqual(h.scheduler.latency.export().signatures, {}, 'a failed run teaches nothing');
    h.clock.advance(4);
    await endRuns(h);
    const [estimate] = h.scheduler.latency.estimates().get('serving_default')!;
    assert.equal(Math.round(estimate!.meanMs), 4);
  });
});

describe('What is written down of it', () => {
  it('marks the batch, the runs of its parts and the requests', async () => {
    const h = harness();
    const [good, bad] = submitEach(h, [1, POISON]);
    h.turn();
    h.clock.advance(5);
    const alone = h.submit(new Map([['x', { dtype: 'float32', shape: [1, 2], data: new Uint8Array(8) } as const]]));
    await drain(h);
    const records = h.batches.map(({ reason, outcome, isolation, tasks }) => [reason, outcome, isolation, tasks]);
    assert.deepEqual(records, [
      ['slot_free', 'backend_failed', 'run_again', 2],
      ['isolation', 'ok', undefined, 1],
      ['isolation', 'invalid_request', 'values', 1],
      ['slot_free', 'ok', undefined, 1],
    ]);
    const isolation = { at: 1005, kind: 'backend_failed', tasks: 2 };
    assert.deepEqual([good!.context.isolation, bad!.context.isolation], [isolation, isolation]);
    assert.equal(good!.context.batch, h.batches[1]);
    assert.equal(alone.context.isolation, undefined);
  });
});

describe('Whose fault it was', () => {
  /** An executor that asks about each first run that fails. */
  function judged(h: SchedulerHarness): (boolean | undefined)[] {
    const verdicts: (boolean | undefined)[] = [];
    h.executor.onRun = ({ origin }) => {
      assert.ok(origin !== undefined);
      if (origin.isRerun !== true) (origin as BatchOrigin).onJudged = (isOfInputs) => verdicts.push(isOfInputs);
    };
    return verdicts;
  }

  it('is the inputs’ as soon as a part was answered, and is reported once', async () => {
    const h = harness();
    const verdicts = judged(h);
    submitEach(h, [POISON, 1, POISON, 3, 4, 5]);
    h.turn();
    await endRuns(h);
    assert.deepEqual(verdicts, []);
    await drain(h);
    assert.deepEqual(verdicts, [true]);
  });

  it('is the inputs’ when all parts fail and a known good request does not', async () => {
    const h = harness();
    const verdicts = judged(h);
    submitEach(h, [POISON, POISON, POISON, POISON]);
    await drain(h);
    assert.deepEqual(verdicts, [true]);
  });

  it('is the runtime’s when a known good request fails too', async () => {
    const h = harness();
    submitEach(h, [1]);
    await drain(h);
    h.clock.advance(1000);
    const verdicts = judged(h);
    const requests = submitEach(h, [2, 3]);
    h.turn();
    await failRuns(h);
    assert.deepEqual(
      h.executor.active.map(({ batch }) => valuesOf(batch)),
      [[1]],
    );
    assert.deepEqual(verdicts, []);
    await failRuns(h);
    assert.deepEqual(verdicts, [false]);
    for (const request of requests) assert.equal((await request.error()).kind, 'backend_failed');
    assert.equal(h.executor.runs.length, 3, 'nothing was run again');
  });

  it('is unknown where nothing has been answered, and zeros fail too', async () => {
    const h = harness();
    const verdicts = judged(h);
    const request = h.submitRows([1]);
    h.turn();
    await failRuns(h);
    assert.deepEqual(
      h.executor.active.map(({ batch }) => valuesOf(batch)),
      [[0]],
    );
    await failRuns(h);
    assert.equal((await request.error()).kind, 'backend_failed');
    assert.deepEqual(verdicts, [false]);
  });

  it('is the runtime’s for workers that died, and for a batch that is not run again', async () => {
    const h = harness();
    const verdicts = judged(h);
    submitEach(h, [1, 2]);
    h.turn();
    h.executor.active[0]!.fail(failure([], 'worker_lost'));
    await settle();
    assert.deepEqual(verdicts, [false]);
  });

  it('is the inputs’ where a request killed its worker alone, and others are answered; it hears of the worker', async () => {
    const h = harness();
    const verdicts = judged(h);
    const request = h.submitRows([POISON]);
    h.turn();
    const lost = failure([POISON], 'worker_lost');
    h.executor.active[0]!.fail(lost);
    await settle();
    await drain(h);
    assert.deepEqual(verdicts, [true]);
    assert.equal(await request.error(), lost);
  });

  it('is not found out when its members leave while they wait: the breaker does not count it', async () => {
    const h = harness();
    const verdicts = judged(h);
    const requests = submitEach(h, [1, POISON]);
    h.turn();
    const other = h.submit(new Map([['x', { dtype: 'float32', shape: [1, 2], data: new Uint8Array(8) } as const]]));
    await endRuns(h);
    for (const { context } of requests) context.cancel.cancel(clientLeft('execute'));
    await drain(h);
    assert.deepEqual(verdicts, [undefined]);
    await other.settled;
  });

  it('is found out also when its members have left before', async () => {
    const h = harness();
    submitEach(h, [1]);
    await drain(h);
    h.clock.advance(1000);
    const verdicts = judged(h);
    const requests = submitEach(h, [POISON, POISON]);
    h.turn();
    for (const { context } of requests) context.cancel.cancel(clientLeft('execute'));
    await drain(h);
    assert.deepEqual(verdicts, [true]);
  });
});

describe('A run that has ended its own process', () => {
  /** Answers all that comes but POISON. */
  function quarantine() {
    const came: number[][] = [];
    const blamed: string[] = [];
    const submit: Quarantine['submit'] = async ({ inputs }) => {
      const values = floats(inputs.get('x'));
      came.push(values);
      if (values.includes(POISON)) throw failure(values, 'worker_crashed');
      return new Map([['y', inputs.get('x')!]]);
    };
    return { came, blamed, submit, onCrash: (caller: string) => void blamed.push(caller) };
  }

  it('of several requests: each runs again by itself in the quarantine, and none here', async () => {
    const other = quarantine();
    const h = harness({ quarantine: other });
    const requests = submitEach(h, [1, POISON, 3]);
    h.turn();
    h.executor.active[0]!.fail(failure([], 'worker_crashed'));
    await settle();
    assert.deepEqual(other.came, [[1], [POISON], [3]]);
    assert.deepEqual(await requests[0]!.values(), [1]);
    assert.deepEqual(await requests[2]!.values(), [3]);
    assert.equal((await requests[1]!.error()).kind, 'worker_crashed');
    assert.deepEqual(await drain(h), []);
  });

  it('of a request in several parts: all of it runs again there, once', async () => {
    const other = quarantine();
    const h = harness({ quarantine: other, maxBatchSize: 2, slots: 2 });
    const request = h.submitRows([1, 2, 3]);
    const beside = h.submitRows([4]);
    h.turn();
    const [, shared] = h.executor.active;
    assert.deepEqual(valuesOf(shared!.batch), [3, 4]);
    shared!.fail(failure([], 'worker_crashed'));
    await settle();
    assert.deepEqual(other.came, [[1, 2, 3], [4]]);
    assert.deepEqual(await request.values(), [1, 2, 3]);
    assert.deepEqual(await beside.values(), [4]);
  });

  it('of one request: it fails at once, and its caller is named', async () => {
    const other = quarantine();
    const h = harness({ quarantine: other });
    const request = h.submitRows([POISON], taskContext(h.clock, { caller: 'a' }));
    h.turn();
    h.executor.active[0]!.fail(failure([POISON], 'worker_crashed'));
    await settle();
    assert.equal((await request.error()).kind, 'worker_crashed');
    assert.deepEqual(other.blamed, ['a']);
    assert.deepEqual(other.came, []);
  });

  it('where there is no quarantine: its members are run again in parts', async () => {
    const h = harness();
    const requests = submitEach(h, [1, POISON]);
    h.turn();
    h.executor.active[0]!.fail(failure([], 'worker_crashed'));
    await settle();
    assert.deepEqual(await drain(h), [[1], [POISON]]);
    assert.deepEqual(await requests[0]!.values(), [1]);
  });
});
