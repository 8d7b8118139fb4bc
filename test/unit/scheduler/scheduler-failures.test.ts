import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientLeft } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { floats, SchedulerHarness, settle, taskContext } from '../../support/scheduler-harness.ts';

describe('Scheduler: cancel and deadline', () => {
  it('drops a waiting request at once', async () => {
    const h = new SchedulerHarness();
    const left = h.submitRows([1]);
    const stays = h.submitRows([2]);
    left.context.cancel.cancel(clientLeft('queue'));
    assert.equal(h.scheduler.queuedRows, 1);
    assert.equal((await left.error()).kind, 'cancelled');
    h.turn();
    assert.deepEqual(floats(h.executor.runs[0]?.batch.inputs.get('x')), [2]);
    h.executor.runs[0]?.complete();
    assert.deepEqual(await stays.values(), [2]);
  });

  it('tells a running request at once; its batch goes on for the others', async () => {
    const h = new SchedulerHarness();
    const left = h.submitRows([1, 2]);
    const stays = h.submitRows([3]);
    h.turn();
    left.context.cancel.cancel(clientLeft('execute'));
    assert.equal((await left.error()).kind, 'cancelled');
    assert.equal(h.scheduler.runningBatches, 1, 'its slot is taken until the runtime is done');
    h.executor.runs[0]?.complete();
    assert.deepEqual(await stays.values(), [3]);
    assert.equal(left.context.batch, undefined);
    assert.equal(left.context.stages.reached, 'execute');
  });

  it('never runs a request whose deadline has passed, even if its timer has not fired', async () => {
    const h = new SchedulerHarness();
    const late = h.submitRows([1], taskContext(h.clock, { deadline: h.clock.nowMs() + 5 }));
    const stays = h.submitRows([2]);
    h.clock.advance(5);
    h.turn();
    const error = await late.error();
    assert.equal(error.kind, 'deadline_exceeded');
    assert.deepEqual(error.attributes, { stage: 'queue', reason: 'expired' });
    assert.deepEqual(floats(h.executor.runs[0]?.batch.inputs.get('x')), [2]);
    h.executor.runs[0]?.complete();
    await stays.values();
  });

  it('fails a request whose deadline passes while its batch is copied', async () => {
    const h = new SchedulerHarness();
    const late = h.submitRows([1], taskContext(h.clock, { deadline: h.clock.nowMs() + 5 }));
    const stays = h.submitRows([2]);
    h.executor.onAllocate = () => h.clock.advance(10);
    h.turn();
    assert.equal((await late.error()).kind, 'deadline_exceeded');
    h.executor.runs[0]?.complete();
    assert.deepEqual(await stays.values(), [2]);
  });

  it('runs nothing and gives the memory back when all expire while they are copied', async () => {
    const h = new SchedulerHarness();
    const late = h.submitRows([1], taskContext(h.clock, { deadline: h.clock.nowMs() + 5 }));
    h.executor.onAllocate = () => h.clock.advance(10);
    h.turn();
    assert.equal((await late.error()).kind, 'deadline_exceeded');
    assert.equal(h.executor.runs.length, 0);
    assert.equal(h.executor.loaned.size, 0);
    assert.equal(h.scheduler.runningBatches, 0);
    assert.deepEqual(
      h.batches.map((b) => b.outcome),
      ['deadline_exceeded'],
    );
  });

  it('gives the batch the latest deadline of its members', () => {
    const h = new SchedulerHarness();
    const now = h.clock.nowMs();
    for (const deadline of [now + 5, now + 50, now + 20]) h.submitRows([1], taskContext(h.clock, { deadline }));
    h.turn();
    assert.equal(h.executor.runs[0]?.batch.deadline, now + 50);
  });

  it('leaves no timer armed when all requests that waited for more rows have left', async () => {
    const h = new SchedulerHarness({ batchTimeoutMicros: 5000 });
    const request = h.submitRows([1]);
    h.turn();
    assert.equal(h.clock.armed, 1);
    request.context.cancel.cancel(clientLeft('queue'));
    assert.equal(h.clock.armed, 0);
    await request.error();
  });

  it('hands the cancel signal back when the request has settled', async () => {
    const h = new SchedulerHarness();
    const request = h.submitRows([1]);
    h.turn();
    h.executor.runs[0]?.complete();
    await request.values();
    assert.equal(request.context.cancel.listener, undefined);
  });
});

describe('Scheduler: failing runs', () => {
  it('fail their members and free the slot', async () => {
    const h = new SchedulerHarness();
    const [a, b] = [h.submitRows([1, 2]), h.submitRows([3, 4])];
    const next = h.submitRows([5]);
    h.turn();
    const gone = new ServingError('worker_lost', 'the worker died');
    h.executor.runs[0]?.fail(gone);
    assert.deepEqual([await a.error(), await b.error()], [gone, gone]);
    assert.equal(a.context.batch, h.batches[0]);
    assert.equal(h.batches[0]?.outcome, 'worker_lost');
    assert.equal(h.batches[0]?.splitStart, 0);
    h.executor.runs[1]?.complete();
    assert.deepEqual(await next.values(), [5]);
  });

  it('hide what an executor throws that is no ServingError', async () => {
    const h = new SchedulerHarness();
    const request = h.submitRows([1]);
    h.turn();
    const cause = new Error('secret');
    h.executor.runs[0]?.fail(cause);
    const error = await request.error();
    assert.equal(error.kind, 'internal');
    assert.doesNotMatch(error.message, /secret/);
    assert.equal(error.cause, cause);
  });

  it('that throw at once fail a whole queue without a recursion', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 1, maxEnqueuedBatches: 20_000 });
    h.executor.throwOnRun = new ServingError('worker_lost', 'no worker');
    const all = Array.from({ length: 20_000 }, (_, i) => h.submitRows([i]));
    h.turn();
    for (const request of all) assert.equal((await request.error()).kind, 'worker_lost');
    assert.deepEqual([h.scheduler.queuedTasks, h.scheduler.runningBatches, h.executor.loaned.size], [0, 0, 0]);
    assert.equal(h.batches.length, 20_000);
  });

  it('for want of memory fail the batch', async () => {
    const h = new SchedulerHarness();
    h.executor.throwOnAllocate = new RangeError('Array buffer allocation failed');
    const request = h.submitRows([1]);
    h.turn();
    assert.equal((await request.error()).kind, 'internal');
    assert.equal(h.batches[0]?.executeStart, 0);
    h.executor.throwOnAllocate = undefined;
    const next = h.submitRows([2]);
    h.turn();
    h.executor.runs[0]?.complete();
    assert.deepEqual(await next.values(), [2]);
  });

  it('fail a large request whose parts cannot be joined', async () => {
    const h = new SchedulerHarness();
    const large = h.submitRows([1, 2, 3, 4, 5]);
    h.turn();
    h.executor.runs[0]?.complete();
    await settle();
    h.executor.runs[1]?.complete({ outputs: new Map([['y', numericTensor('float32', [1, 2], new Float32Array(2))]]) });
    assert.match((await large.error()).message, /cannot be joined/);
  });
});

describe('Scheduler: what is written down', () => {
  it('marks each member’s stages and the batch’s', async () => {
    const h = new SchedulerHarness();
    const request = h.submitRows([1]);
    h.clock.advance(3);
    h.executor.onAllocate = () => h.clock.advance(1);
    h.turn();
    h.clock.advance(10);
    h.executor.runs[0]?.complete({ runStart: 1005, runEnd: 1013 });
    await request.values();
    const { stages } = request.context;
    assert.deepEqual(
      [3, 4, 5, 6].map((stage) => stages.startOf(stage)),
      [1000, 1003, 1004, 1014],
    );
    const batch = h.batches[0];
    assert.equal(request.context.batch, batch);
    assert.deepEqual(batch, {
      model: 'm',
      version: '1',
      signatureName: 'serving_default',
      tasks: 1,
      rows: 1,
      size: 1,
      elements: undefined,
      paddingElements: undefined,
      threads: 1,
      ownSlots: undefined,
      reason: 'slot_free',
      batchStart: 1003,
      executeStart: 1004,
      splitStart: 1014,
      end: 1014,
      runStart: 1005,
      runEnd: 1013,
      expectedMs: undefined,
      fullShare: undefined,
      outcome: 'ok',
      members: [],
      trace: undefined,
      memberIds: undefined,
      isolation: undefined,
    });
  });

  it('links the batch to its sampled members and puts its span into the first one’s trace', async () => {
    const h = new SchedulerHarness();
    const trace = (id: string, isSampled: boolean) => ({
      traceId: id.repeat(32),
      spanId: id.repeat(16),
      parentSpanId: undefined,
      isSampled,
      traceState: undefined,
    });
    const traces = [trace('1', false), trace('2', true), trace('3', true)];
    const all = traces.map((t) => h.submitRows([1], taskContext(h.clock, { trace: t })));
    all.push(h.submitRows([1]));
    h.turn();
    h.executor.runs[0]?.complete();
    await Promise.all(all.map((s) => s.values()));
    assert.deepEqual(h.batches[0]?.members, traces.slice(1));
    assert.equal(h.batches[0]?.trace?.traceId, '2'.repeat(32));
    assert.equal(h.batches[0]?.trace?.parentSpanId, '2'.repeat(16));
  });
});

describe('Scheduler.close', () => {
  it('resolves at once when nothing is there, and refuses what comes after', async () => {
    const h = new SchedulerHarness();
    await h.scheduler.close();
    await h.scheduler.close();
    const error = await h.submitRows([1]).error();
    assert.equal(error.kind, 'draining');
    assert.equal(error.row.retryable, true);
  });

  it('waits for what runs and for what is queued', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 1 });
    const all = [h.submitRows([1]), h.submitRows([2])];
    let isClosed = false;
    const closed = h.scheduler.close().then(() => {
      isClosed = true;
    });
    for (const run of [0, 1]) {
      await settle();
      assert.equal(isClosed, false);
      h.executor.runs[run]?.complete();
    }
    await closed;
    assert.deepEqual(await Promise.all(all.map((s) => s.values())), [[1], [2]]);
  });

  it('does not wait for rows that cannot come', async () => {
    const h = new SchedulerHarness({ batchTimeoutMicros: 10_000_000 });
    const request = h.submitRows([1]);
    h.turn();
    const closed = h.scheduler.close();
    h.executor.runs[0]?.complete();
    await closed;
    assert.deepEqual(await request.values(), [1]);
    assert.equal(h.clock.armed, 0);
  });

  it('waits for a run whose members have all settled: the runtime must not be closed under it', async () => {
    const h = new SchedulerHarness();
    const request = h.submitRows([1]);
    h.turn();
    let isClosed = false;
    const closed = h.scheduler.close().then(() => {
      isClosed = true;
    });
    request.context.cancel.cancel(clientLeft('execute'));
    await request.error();
    await settle();
    assert.equal(isClosed, false);
    h.executor.runs[0]?.complete();
    await closed;
  });

  it('resolves when all that waited has left', async () => {
    const h = new SchedulerHarness();
    h.submitRows([1]);
    h.turn();
    const waiting = h.submitRows([2]);
    const closed = h.scheduler.close();
    h.executor.runs[0]?.fail(new ServingError('backend_unavailable', 'gone'));
    waiting.context.cancel.cancel(clientLeft('queue'));
    await closed;
    assert.equal(h.executor.runs.length, 1);
  });
});
