/**
 * A scheduler under random events: requests come, leave, expire; runs end in any order, well or badly. Some requests
 * hold values that the runtime cannot take: a run fails that has rows of one. Requests are of several callers.
 *
 * Every row of every request holds a number of its own, and the puppet gives inputs back as outputs, so that each run and
 * each answer shows whose rows it has.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clientLeft } from '../../src/core/cancel.ts';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { ServingError } from '../../src/core/errors.ts';
import type { Batch } from '../../src/core/executor.ts';
import { Priority, type PriorityClass } from '../../src/core/priority.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import type { BatchRecord } from '../../src/ledger/request-record.ts';
import type { RunningBatch } from '../../src/scheduler/batch/running-batch.ts';
import { SCHEDULER_KINDS, type SchedulerKind } from '../../src/scheduler/scheduler-options.ts';
import { FIRST_HOLD_MS, OTHERS_MS } from '../../src/scheduler/tuning.ts';
import type { PuppetRun } from '../support/puppet-executor.ts';
import { floats, SchedulerHarness, type Submitted, settle, taskContext } from '../support/scheduler-harness.ts';

/** Of up to 60 events each; a long run of a million events sets it (npm test -- long). */
const RUNS = Number(process.env['PILLION_PROPERTY_RUNS'] ?? 300);
const MAX_BATCH_SIZE = 4;

interface Setting {
  readonly kind: SchedulerKind;
  readonly slots: number;
  readonly takesNext: boolean;
  /** How long its runs are said to take; undefined: nobody knows before the first. */
  readonly seedMs: number | undefined;
  readonly batchTimeoutMicros: number;
  readonly maxEnqueuedBatches: number;
  readonly allowedBatchSizes: readonly number[];
  /** Are expired requests cancelled by a timer, or left for the scheduler to find? */
  readonly isToldOfDeadlines: boolean;
}

type Event =
  | {
      readonly kind: 'submit';
      readonly rows: number;
      readonly width: 1 | 2;
      readonly withinMs: number;
      readonly priority: PriorityClass;
      readonly caller: string;
      /** The runtime cannot take its values. */
      readonly isBad: boolean;
    }
  | { readonly kind: 'cancel' | 'complete' | 'fail'; readonly which: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'turn' };

const setting: fc.Arbitrary<Setting> = fc.record({
  kind: fc.constantFrom(...SCHEDULER_KINDS),
  slots: fc.integer({ min: 1, max: 3 }),
  takesNext: fc.boolean(),
  seedMs: fc.constantFrom(undefined, 2, 8),
  batchTimeoutMicros: fc.constantFrom(0, 3000),
  maxEnqueuedBatches: fc.integer({ min: 1, max: 4 }),
  allowedBatchSizes: fc.constantFrom([], [2, 4]),
  isToldOfDeadlines: fc.boolean(),
});

const submitEvent = fc.record({
  kind: fc.constant('submit' as const),
  rows: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.integer({ min: 0, max: 11 })),
  width: fc.constantFrom(1 as const, 2 as const),
  withinMs: fc.constantFrom(1, 5, 20, Infinity),
  priority: fc.constantFrom(...Object.values(Priority)),
  caller: fc.constantFrom('ann', 'bob', 'eve'),
  isBad: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const which = fc.nat(1000);
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: submitEvent },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'fail' as const), which }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('complete' as const), which }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0.5, 1, 4) }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'turn' as const }) },
  ),
  { maxLength: 60, size: 'max' },
);

interface Known {
  readonly request: Submitted;
  readonly rows: readonly number[];
  readonly width: number;
  readonly submittedAt: number;
  readonly caller: string;
  readonly isBad: boolean;
  /** Rows that have been in a run, of those that did not fail for some request's values. */
  ran: number;
}

/** The harness, and what must hold of every run. */
class World {
  readonly harness: SchedulerHarness;
  readonly #setting: Setting;
  readonly #deadlines: DeadlineTimer;
  readonly #known: Known[] = [];
  readonly #ownerOfRow = new Map<number, Known>();
  /** The row that each lane (by width) ran last. */
  readonly #lastRow = new Map<number, number>();
  readonly #ranRows = new Set<number>();
  /** Rows that have been in a run that failed for some request's values. */
  readonly #failedRows = new Set<number>();
  /** When each caller was last seen to be blamed for its values. */
  readonly #blamedAt = new Map<string, number>();
  /** A run has failed: some caller's requests may have lanes of their own. */
  #isAnyQuarantined = false;
  /** When a batch with requests of callers that may share runs last started or ended. */
  #othersAt = -Infinity;
  /** Runs of known good requests. */
  #trials = 0;
  #nextRow = 1;
  /** The first check of a run that failed. */
  #fault: unknown;

  constructor(s: Setting) {
    this.#setting = s;
    const seeds = s.seedMs === undefined ? [] : [{ signature: 'serving_default', rows: 1, runMs: s.seedMs }];
    this.harness = new SchedulerHarness({ ...s, seeds, maxBatchSize: MAX_BATCH_SIZE });
    this.#deadlines = new DeadlineTimer(this.harness.clock);
    this.harness.executor.onRun = (batch) => {
      try {
        this.#checkRun(batch);
      } catch (thrown) {
        // To the scheduler it is an executor that throws.
        this.#fault ??= thrown;
        throw thrown;
      }
    };
  }

  async apply(event: Event): Promise<void> {
    const { harness } = this;
    const active = harness.executor.active;
    if (event.kind === 'submit') this.#submit(event);
    else if (event.kind === 'advance') harness.clock.advance(event.ms);
    else if (event.kind === 'turn') harness.turn();
    else if (event.kind === 'cancel')
      pick(this.#known, event.which)?.request.context.cancel.cancel(clientLeft('queue'));
    else if (event.kind === 'complete') this.#end(pick(active, event.which));
    else {
      this.#isAnyQuarantined = true;
      pick(active, event.which)?.fail(new ServingError('worker_lost', 'told to'));
    }
    await settle();
    if (event.kind === 'turn' && this.#setting.batchTimeoutMicros === 0) this.#checkWorkConserving();
  }

  /** Lets everything end. */
  async finish(): Promise<void> {
    const { harness } = this;
    harness.turn();
    for (let i = 0; i < 200 && harness.scheduler.runningBatches + harness.scheduler.queuedTasks > 0; i++) {
      for (const run of harness.executor.active) this.#end(run);
      await settle();
      harness.clock.advance(5);
    }
    await settle();
  }

  /** What must hold when nothing is left to do. */
  async checkEnd(): Promise<void> {
    const { scheduler, executor, clock, batches } = this.harness;
    if (this.#fault !== undefined) throw this.#fault;
    assert.deepEqual([scheduler.queuedRows, scheduler.queuedTasks, scheduler.runningBatches], [0, 0, 0]);
    assert.equal(executor.loaned.size, 0, 'no buffer is lost');
    assert.equal(batches.length, executor.runs.length, 'one record a batch');
    this.#deadlines.close();
    assert.equal(clock.armed, 0, 'no timer is left armed');
    for (const known of this.#known) await this.#checkAnswer(known);
    this.#checkRunsAgain();
    await scheduler.close();
  }

  /** As the runtime would: well, unless it cannot take a row. */
  #end(run: PuppetRun | undefined): void {
    if (run === undefined) return;
    const rows = rowsIn(run.batch);
    this.#onBatch(rows);
    if (isTrial(run.batch) || !rows.some((row) => this.#ownerOfRow.get(row)!.isBad)) {
      run.complete();
      return;
    }
    this.#isAnyQuarantined = true;
    for (const row of rows) {
      // Padding is no second run of a row.
      if (this.#ranRows.delete(row)) this.#ownerOfRow.get(row)!.ran -= 1;
      this.#failedRows.add(row);
    }
    run.fail(new ServingError('backend_failed', 'bad values'));
  }

  #checkRunsAgain(): void {
    const { batches } = this.harness;
    const isFirst = ({ reason, isolation }: BatchRecord): boolean =>
      reason !== 'isolation' && isolation === 'run_again';
    let most = 0;
    for (const batch of batches) if (isFirst(batch)) most += 2 * batch.tasks - 2;
    const again = batches.filter(({ reason }) => reason === 'isolation').length - this.#trials;
    assert.ok(again <= most, `${again} runs again, of at most ${most}`);
    const failed = batches.filter(({ outcome }) => outcome !== 'ok').length;
    assert.ok(this.#trials <= failed, `${this.#trials} runs of known good requests, for ${failed} that failed`);
  }

  #submit({ rows: count, width, withinMs, priority, caller, isBad }: Event & { kind: 'submit' }): void {
    const { clock } = this.harness;
    const rows = Array.from({ length: count }, (_, i) => this.#nextRow + i);
    this.#nextRow += count;
    const context = taskContext(clock, { deadline: clock.nowMs() + withinMs, priority, caller });
    if (this.#setting.isToldOfDeadlines) {
      this.#deadlines.add(context.deadline, () => context.cancel.cancel(new ServingError('deadline_exceeded', 'late')));
    }
    const values = Float32Array.from(rows.flatMap((row) => Array<number>(width).fill(row)));
    const request = this.harness.submit(new Map([['x', numericTensor('float32', [count, width], values)]]), {
      context,
    });
    const known: Known = { request, rows, width, submittedAt: clock.nowMs(), caller, isBad, ran: 0 };
    this.#known.push(known);
    request.settled.then(
      ({ error }) => {
        if (error?.kind === 'invalid_request') this.#blamedAt.set(caller, clock.nowMs());
      },
      () => undefined,
    );
    for (const row of rows) this.#ownerOfRow.set(row, known);
  }

  #checkRun(batch: Batch): void {
    const x = batch.inputs.get('x');
    const [size, width] = [x?.shape[0] ?? -1, x?.shape[1] ?? -1];
    assert.equal(size, batch.size);
    assert.ok(size <= MAX_BATCH_SIZE, 'never over the largest batch');
    if (size === 0) return;
    const { allowedBatchSizes } = this.#setting;
    assert.ok(allowedBatchSizes.length === 0 || allowedBatchSizes.includes(size), 'only allowed sizes');
    if (isTrial(batch)) {
      this.#trials += 1;
      return;
    }
    const rows = rowsIn(batch);
    this.#onBatch(rows);
    if (batch.origin?.isRerun !== true) this.#checkCompany(rows);
    const oldestWaiting = this.#oldestWaiting();
    for (const [i, row] of rows.entries()) this.#checkRow(row, rows[i - 1], width, batch.deadline);
    const first = this.#ownerOfRow.get(rows[0]!)!;
    const { kind, isToldOfDeadlines, batchTimeoutMicros } = this.#setting;
    if (kind === 'greedy' && isToldOfDeadlines && batchTimeoutMicros === 0 && !this.#isAnyQuarantined) {
      assert.ok(first.submittedAt <= oldestWaiting, 'the lane that waited longest goes first');
    }
  }

  /** A caller that is blamed is quarantined for a second at least. */
  #checkCompany(rows: readonly number[]): void {
    const callers = new Set(rows.map((row) => this.#ownerOfRow.get(row)!.caller));
    if (callers.size === 1) return;
    for (const caller of callers)
      assert.ok(!this.#isQuarantined(caller), 'nobody shares a batch with a quarantined caller');
  }

  #isQuarantined(caller: string): boolean {
    return (this.#blamedAt.get(caller) ?? -Infinity) > this.harness.clock.nowMs() - FIRST_HOLD_MS;
  }

  #onBatch(rows: readonly number[]): void {
    // A run of a known good request has rows of nobody.
    const owners = rows.map((row) => this.#ownerOfRow.get(row));
    if (owners.some((owner) => owner !== undefined && !this.#isQuarantined(owner.caller))) {
      this.#othersAt = this.harness.clock.nowMs();
    }
  }

  #checkRow(row: number, before: number | undefined, width: number, deadline: number): void {
    const owner = this.#ownerOfRow.get(row)!;
    const { context } = owner.request;
    assert.equal(context.cancel.isCancelled, false, 'no cancelled request is run');
    assert.notEqual(context.cancel.listener, undefined, 'no settled request is run');
    assert.ok(context.deadline > this.harness.clock.nowMs(), 'no expired request is run');
    assert.ok(deadline >= context.deadline, 'the batch is wanted until its last member is not');
    assert.equal(owner.width, width);
    // Padding repeats a row of the last member: the only way that a row comes twice.
    if (this.#ranRows.has(row)) {
      assert.ok(before !== undefined && this.#ownerOfRow.get(before) === owner, 'a row runs once');
      return;
    }
    this.#ranRows.add(row);
    owner.ran += 1;
    if (this.#failedRows.has(row)) return;
    const last = this.#lastRow.get(width) ?? 0;
    if (this.#setting.kind === 'greedy' && !this.#isAnyQuarantined)
      assert.ok(row > last, 'first come, first served within a lane');
    this.#lastRow.set(width, Math.max(last, row));
  }

  /** When the oldest request that waits came. Requests without rows never block a lane of others: left out. */
  #oldestWaiting(): number {
    let oldest = Infinity;
    for (const { request, rows, ran, submittedAt } of this.#known) {
      if (rows.length === 0 || ran === rows.length || request.outcome !== undefined) continue;
      if (request.context.cancel.isCancelled || request.context.cancel.listener === undefined) continue;
      // Its run has failed and the scheduler may not have heard of it yet: it waits for nothing, or to be run again.
      if (rows.some((row) => this.#failedRows.has(row))) continue;
      oldest = Math.min(oldest, submittedAt);
    }
    return oldest;
  }

  #checkWorkConserving(): void {
    const { scheduler, clock } = this.harness;
    const isBusy = scheduler.runningBatches >= this.#setting.slots;
    // Callers that owe too much yield while others run, and for a while after that.
    const isAnyThere = scheduler.runningBatches > 0 || clock.nowMs() - this.#othersAt < OTHERS_MS;
    const mayYield = this.#isAnyQuarantined && isAnyThere;
    assert.ok(isBusy || mayYield || scheduler.queuedTasks === 0, 'no slot rests while a task waits');
  }

  async #checkAnswer({ request, rows, width, ran, isBad }: Known): Promise<void> {
    assert.notEqual(request.outcome, undefined, 'every request settles');
    const { outputs, error } = request.outcome!;
    assert.equal(request.context.cancel.listener, undefined);
    if (error !== undefined) {
      const ofValues = ['invalid_request', 'backend_failed'];
      const expected = ['cancelled', 'deadline_exceeded', 'worker_lost', 'overloaded', ...(isBad ? ofValues : [])];
      assert.ok(expected.includes(error.kind), error.kind);
      if (ofValues.includes(error.kind)) assert.match(error.message, /bad values$/, 'the runtime’s own words');
      if (error.kind === 'overloaded') assert.ok(error.retryAfterMs! > 0);
      return;
    }
    assert.equal(ran, rows.length, 'every row was run once, and did not fail');
    assert.ok(!isBad || rows.length === 0, 'bad values have no answer');
    const values = floats(outputs.get('y'));
    assert.deepEqual(
      values,
      rows.flatMap((row) => Array<number>(width).fill(row)),
      'its own rows',
    );
  }
}

/** A run of a known good request: it has no rows of anybody's. */
function isTrial({ origin }: Batch): boolean {
  return (origin as RunningBatch).lane.isolation?.isTrial === true;
}

/** The first element of each row: they are all alike. */
function rowsIn({ inputs }: Batch): number[] {
  const x = inputs.get('x');
  return floats(x).filter((_, i) => i % x!.shape[1]! === 0);
}

function pick<T>(from: readonly T[], at: number): T | undefined {
  return from.length === 0 ? undefined : from[at % from.length];
}

describe('Scheduler, under random events', () => {
  it('settles every request, with its own rows or an error, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(setting, events, async (s, sequence) => {
        const world = new World(s);
        for (const event of sequence) await world.apply(event);
        await world.finish();
        await world.checkEnd();
      }),
      { numRuns: RUNS },
    );
  });
});
