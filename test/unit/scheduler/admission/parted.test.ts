/** Tests the admission of requests that come in parts, by a model that takes 10 ms and 1 ms a row, four rows at a time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { TensorMap } from '../../../../src/core/tensor.ts';
import { partedWorkOf } from '../../../../src/scheduler/admission/parted-work.ts';
import type { AdmittedWork } from '../../../../src/scheduler/admission/promised-work.ts';
import { CoreSlots } from '../../../../src/scheduler/cores/core-slots.ts';
import { SignaturePlan } from '../../../../src/scheduler/signature-plan.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { LENGTH_SIGNATURE, PADDED_SIGNATURE, sequences } from '../../../support/length-models.ts';
import {
  type ContextInit,
  type HarnessOptions,
  rowsOf,
  SchedulerHarness,
  type Submitted,
  settle,
  taskContext,
} from '../../../support/scheduler-harness.ts';

const SEEDS = [1, 2, 4].map((rows) => ({ signature: 'serving_default', rows, runMs: 10 + rows }));
const MS_A_PART = 14;

async function harness(options: HarnessOptions = {}): Promise<SchedulerHarness> {
  const h = new SchedulerHarness({ seeds: SEEDS, ...options });
  // A run was just seen: nothing is a probe.
  h.clock.advance(1);
  void h.submitRows([0]);
  h.turn();
  await endRun(h, 11);
  return h;
}

async function endRun(h: SchedulerHarness, ms = MS_A_PART): Promise<void> {
  h.clock.advance(ms);
  h.executor.active[0]?.complete();
  await settle();
  h.turn();
}

type Init = Omit<ContextInit, 'deadline'> & { readonly ms?: number };

function contextOf(h: SchedulerHarness, { ms, ...init }: Init = {}): ReturnType<typeof taskContext> {
  return taskContext(h.clock, { ...init, deadline: ms === undefined ? Infinity : h.clock.nowMs() + ms });
}

const parts = (count: number): readonly TensorMap[] => Array.from({ length: count }, (_, i) => rowsOf([i, i, i, i]));

function admit(h: SchedulerHarness, count: number, init: Init = {}): AdmittedWork {
  const context = contextOf(h, init);
  return h.scheduler.admit({ signatureName: 'serving_default', outputs: ['y'], context, parts: parts(count) });
}

function refusal(h: SchedulerHarness, count: number, init: Init = {}): ServingError {
  try {
    admit(h, count, init);
  } catch (error) {
    if (error instanceof ServingError) return error;
    throw error;
  }
  throw new Error('it was admitted');
}

function submitPart(h: SchedulerHarness, admitted: AdmittedWork, init: Init): Submitted {
  return h.submit(rowsOf([7, 7, 7, 7]), { context: { ...contextOf(h, init), admitted } });
}

describe('A request in parts', () => {
  it('is refused at once where all its runs take longer than its deadline, and nothing waits then', async () => {
    const h = await harness();
    const { kind, attributes, message } = refusal(h, 10, { ms: 10 * MS_A_PART - 1 });
    assert.deepEqual([kind, attributes?.['reason']], ['deadline_exceeded', 'deadline_too_short']);
    assert.match(message, /about 14\d ms for 40 rows/);
    assert.equal(h.executor.growths, 1, 'more sessions might be in time, and nothing runs that asks for them');
    assert.equal(h.scheduler.queuedTasks, 0);
    assert.doesNotThrow(() => admit(h, 10, { ms: 10 * MS_A_PART + 10 }));
  });

  it('is refused where what goes before it makes its end too late, with the time to come back', async () => {
    const h = await harness();
    const full = { ms: 60 };
    for (let i = 0; i < 3; i++) h.submit(rowsOf([1, 2, 3, 4]), { context: contextOf(h, full) });
    const { kind, attributes, retryAfterMs = 0 } = refusal(h, 10, { ms: 10 * MS_A_PART + 10 });
    assert.deepEqual([kind, attributes?.['reason']], ['overloaded', 'predicted_late']);
    assert.ok(retryAfterMs > 20 && retryAfterMs < 60, `${retryAfterMs}`);
    assert.doesNotThrow(() => admit(h, 10, { ms: 13 * MS_A_PART + 20 }));
  });

  it('may take as long as it takes where nobody set a deadline, but no longer than the server’s cap', async () => {
    const h = await harness();
    assert.doesNotThrow(() => admit(h, 1000));
    const capped = refusal(h, 10, { ms: 100, hasOwnDeadline: false });
    assert.equal(capped.attributes?.['reason'], 'deadline_too_short');
    const behind = refusal(h, 10, { ms: 1000, hasOwnDeadline: false });
    assert.equal(behind.attributes?.['reason'], 'predicted_late', 'a thousand batches come before half of it');
  });

  it('is refused where the queue has no room for its first run', async () => {
    const h = await harness({ maxEnqueuedBatches: 1 });
    for (let i = 0; i < 2; i++) h.submit(rowsOf([1, 2, 3, 4]), { context: contextOf(h) });
    h.turn();
    h.submit(rowsOf([1, 2, 3, 4]), { context: contextOf(h) }).settled.catch(() => undefined);
    assert.equal(refusal(h, 10).attributes?.['reason'], 'queue_full');
  });

  it('is refused where it is cancelled, late, or the version goes', async () => {
    const h = await harness();
    const context = contextOf(h);
    context.cancel.cancel(new ServingError('cancelled', 'gone'));
    const request = { signatureName: 'serving_default', outputs: ['y'], parts: parts(2) };
    assert.throws(() => h.scheduler.admit({ ...request, context }), { kind: 'cancelled' });
    assert.throws(() => h.scheduler.admit({ ...request, context: contextOf(h, { ms: 0 }) }), {
      kind: 'deadline_exceeded',
    });
    assert.throws(() => h.scheduler.admit({ ...request, signatureName: 'x', context: contextOf(h) }), {
      kind: 'signature_not_found',
    });
    await h.scheduler.close();
    assert.equal(refusal(h, 2).kind, 'draining');
  });

  it('has no part refused by a forecast once it is admitted', async () => {
    const h = await harness();
    const big = { caller: 'big', ms: 60 };
    const admitted = admit(h, 4, big);
    // Others come that go before it, so that a request of its own would be refused now.
    for (let i = 0; i < 2; i++) h.submit(rowsOf([1, 2, 3, 4]), { context: contextOf(h, { caller: 'other', ms: 58 }) });
    const alone = await h.submit(rowsOf([1, 2, 3, 4]), { context: contextOf(h, big) }).error();
    assert.equal(alone.attributes?.['reason'], 'predicted_late');
    const part = submitPart(h, admitted, big);
    await settle();
    assert.equal(part.outcome, undefined);
    admitted.release();
  });

  it('goes first beside a crowd with all its parts, where all its rows are few', async () => {
    const h = await harness({ maxBatchSize: 4 });
    for (let i = 0; i < 20; i++)
      h.submit(rowsOf([1, 2, 3, 4]), { context: contextOf(h, { caller: 'crowd', ms: 400 }) });
    h.turn();
    const init = { caller: 'few', ms: 100 };
    const context = contextOf(h, init);
    const two = [rowsOf([5, 5]), rowsOf([6, 6])];
    const admitted = h.scheduler.admit({ signatureName: 'serving_default', outputs: ['y'], context, parts: two });
    const sent = two.map((inputs) => h.submit(inputs, { context: { ...contextOf(h, init), admitted } }));
    await endRun(h);
    await endRun(h);
    await endRun(h);
    assert.deepEqual(await Promise.all(sent.map((each) => each.values())), [
      [5, 5],
      [6, 6],
    ]);
    admitted.release();
  });

  it('counts as what waits until its parts have come: for others and for its caller', async () => {
    const h = await harness();
    const admitted = admit(h, 10, { ms: 150 });
    assert.equal(refusal(h, 10, { ms: 250 }).attributes?.['reason'], 'predicted_late');
    assert.doesNotThrow(() => admit(h, 10, { ms: 320 }).release());
    for (let i = 0; i < 5; i++) submitPart(h, admitted, { ms: 150 });
    assert.equal(refusal(h, 10, { ms: 250 }).attributes?.['reason'], 'predicted_late');
    admitted.release();
    admitted.release();
    assert.doesNotThrow(() => admit(h, 10, { ms: 250 }));
  });

  it('lets another caller’s request go before its parts, whatever the deadlines', async () => {
    const h = await harness();
    const big = { caller: 'big', ms: 1000 };
    const admitted = admit(h, 10, big);
    const sent = [0, 1].map(() => submitPart(h, admitted, big));
    h.turn();
    const small = h.submit(rowsOf([5]), { context: contextOf(h, { caller: 'small', ms: 50_000 }) });
    sent.push(submitPart(h, admitted, big));
    await endRun(h);
    await endRun(h);
    assert.deepEqual(await small.values(), [5]);
    assert.equal(sent.filter(({ outcome }) => outcome !== undefined).length, 1);
    admitted.release();
  });

  it('is a probe only where it might be in time with faster runs, and after a long silence', async () => {
    const h = await harness();
    h.clock.advance(1000);
    assert.equal(refusal(h, 10, { ms: 100 }).kind, 'deadline_exceeded');
    h.clock.advance(1000);
    assert.equal(refusal(h, 10, { ms: 60 }).kind, 'deadline_exceeded');
    assert.doesNotThrow(() => admit(h, 10, { ms: 100 }));
    // The next one is none.
    assert.equal(refusal(h, 10, { ms: 100 }).kind, 'deadline_exceeded');
  });

  it('is known to other models on the same cores', async () => {
    const clock = new FakeClock();
    const coreSlots = new CoreSlots(1, clock);
    const h = await harness({ clock, coreSlots });
    const other = await harness({ clock, coreSlots });
    const admitted = admit(h, 50, { ms: 1000 });
    // None of it is in the queue while a part runs.
    submitPart(h, admitted, { ms: 1000 });
    h.turn();
    assert.equal(h.scheduler.queuedTasks, 0);
    const late = refusal(other, 30, { ms: 1001 });
    assert.equal(late.attributes?.['reason'], 'predicted_late');
    admitted.release();
    clock.advance(1);
    assert.doesNotThrow(() => admit(other, 30, { ms: 1000 }));
  });
});

describe('The work of a request in parts', () => {
  const lengths = [3, 3, 4, 7, 7, 7, 20].map((length) => sequences([new Array(length).fill(1)]));
  const options = { maxBatchSize: 3, batchTimeoutMicros: 0, maxEnqueuedBatches: 100, allowedBatchSizes: [] };

  it('is that of full runs padded to the longest, where lengths share runs', () => {
    const plan = new SignaturePlan('s', PADDED_SIGNATURE, options);
    // 1 ms for each token.
    for (const tokens of [1, 16, 64, 256]) plan.curve.seed(1, tokens, 1, tokens);
    const work = partedWorkOf(plan, lengths, ['pooled']);
    assert.deepEqual([work.rows, work.lastRows], [7, 1]);
    assert.ok(Math.abs(work.beforeMs - (3 * 4 + 3 * 7)) < 1e-6, `${work.beforeMs}`);
    assert.ok(Math.abs(work.workMs - work.beforeMs - 20) < 1e-6, `${work.workMs}`);
  });

  it('is a run for each length, where they do not', () => {
    const plan = new SignaturePlan('s', LENGTH_SIGNATURE, options);
    for (const rows of [1, 2, 3]) plan.curve.seed(1, rows, undefined, 10 * rows);
    const work = partedWorkOf(plan, lengths, ['pooled']);
    assert.deepEqual([work.beforeMs, work.workMs, work.lastRows], [20 + 10 + 30, 70, 1]);
    plan.runWhole('it mixes rows');
    assert.equal(partedWorkOf(plan, lengths, ['pooled']).rows, 7);
  });

  it('is a run for each part, where no two fit into one, and several for a large one', () => {
    const plan = new SignaturePlan('s', PADDED_SIGNATURE, options);
    for (const tokens of [1, 16, 64, 256]) plan.curve.seed(1, tokens, 1, tokens);
    const rows = (count: number): TensorMap => sequences(Array.from({ length: count }, () => [1]));
    const work = partedWorkOf(plan, [rows(2), rows(2), rows(7)], ['pooled']);
    assert.deepEqual([work.rows, work.beforeMs, work.lastRows], [11, 2 + 2 + 3 + 3, 1]);
  });

  it('is nothing without rows', () => {
    const plan = new SignaturePlan('s', PADDED_SIGNATURE, options);
    assert.equal(partedWorkOf(plan, [], ['pooled']).lastInputs, undefined);
  });
});
