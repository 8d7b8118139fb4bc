import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clientLeft } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { BatchAxis } from '../../../src/core/signature.ts';
import { numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { floats, rowsOf, SchedulerHarness, settle, taskContext } from '../../support/scheduler-harness.ts';

const fixed = (size: number): BatchAxis => ({ kind: 'fixed', size });

describe('Scheduler: batches', () => {
  it('merges what comes in one turn, and gives each request its own rows', async () => {
    const h = new SchedulerHarness();
    const a = h.submitRows([1, 2]);
    const b = h.submitRows([3]);
    assert.equal(h.executor.runs.length, 0, 'not before the turn ends: more may come');
    h.turn();
    assert.equal(h.executor.runs.length, 1);
    assert.deepEqual(floats(h.executor.runs[0]?.batch.inputs.get('x')), [1, 2, 3]);
    assert.equal(h.executor.runs[0]?.batch.size, 3);
    h.executor.runs[0]?.complete();
    assert.deepEqual(await a.values(), [1, 2]);
    assert.deepEqual(await b.values(), [3]);
  });

  it('dispatches once a turn', () => {
    const h = new SchedulerHarness();
    for (let i = 0; i < 10; i++) h.submitRows([i]);
    assert.equal(h.deferred, 1);
  });

  it('by itself waits for the rest of the event loop’s poll: microtasks do not part a batch', async () => {
    const h = new SchedulerHarness({ isRealTurn: true });
    const a = h.submitRows([1]);
    await settle();
    const b = h.submitRows([2]);
    assert.equal(h.executor.runs.length, 0);
    h.executor.onRun = () => queueMicrotask(() => h.executor.runs[0]?.complete());
    assert.deepEqual([await a.values(), await b.values()], [[1], [2]]);
    assert.equal(h.executor.runs.length, 1);
  });

  it('lets a slot that comes free pull what waits, at once', async () => {
    const h = new SchedulerHarness();
    h.submitRows([1]);
    h.turn();
    const waiting = [2, 3, 4, 5, 6].map((value) => h.submitRows([value]));
    assert.equal(h.deferred, 0, 'no slot is free: the next one will pull');
    h.executor.runs[0]?.complete();
    await settle();
    assert.deepEqual(floats(h.executor.runs[1]?.batch.inputs.get('x')), [2, 3, 4, 5]);
    assert.deepEqual([h.scheduler.queuedRows, h.scheduler.queuedTasks, h.scheduler.runningBatches], [1, 1, 1]);
    h.executor.runs[1]?.complete();
    await settle();
    h.executor.runs[2]?.complete();
    assert.deepEqual(await Promise.all(waiting.map((s) => s.values())), [[2], [3], [4], [5], [6]]);
    assert.deepEqual(
      h.batches.map((b) => `${b.tasks} ${b.rows} ${b.reason}`),
      ['1 1 slot_free', '4 4 full', '1 1 slot_free'],
    );
  });

  it('runs on every slot, whatever order the runs end in', async () => {
    const h = new SchedulerHarness({ slots: 2, maxBatchSize: 1 });
    const all = [1, 2, 3].map((value) => h.submitRows([value]));
    h.turn();
    assert.equal(h.executor.active.length, 2);
    h.executor.runs[1]?.complete();
    await settle();
    assert.equal(h.executor.runs.length, 3);
    h.executor.runs[2]?.complete();
    h.executor.runs[0]?.complete();
    assert.deepEqual(await Promise.all(all.map((s) => s.values())), [[1], [2], [3]]);
  });

  it('lets a lane wait for more rows until its timeout', async () => {
    const h = new SchedulerHarness({ batchTimeoutMicros: 2000 });
    h.submitRows([1]);
    h.turn();
    assert.equal(h.executor.runs.length, 0);
    h.clock.advance(1.5);
    h.submitRows([2]);
    h.turn();
    assert.equal(h.executor.runs.length, 0);
    h.clock.advance(0.5);
    assert.equal(h.executor.runs[0]?.batch.size, 2);
    h.executor.runs[0]?.complete();
    await settle();
    assert.equal(h.batches[0]?.reason, 'timeout');
    assert.equal(h.clock.armed, 0);
  });

  it('does not mix shapes: an odd one fails no other request', async () => {
    const h = new SchedulerHarness({ slots: 2 });
    const wide = h.submit(new Map([['x', numericTensor('float32', [1, 2], Float32Array.of(8, 9))]]));
    const narrow = h.submitRows([1]);
    h.turn();
    assert.equal(h.executor.runs.length, 2);
    h.executor.runs[0]?.fail(new ServingError('invalid_request', 'bad shape'));
    h.executor.runs[1]?.complete();
    assert.equal((await wide.error()).message, 'bad shape');
    assert.deepEqual(await narrow.values(), [1]);
  });

  it('pads to an allowed size and drops the padding', async () => {
    const h = new SchedulerHarness({ allowedBatchSizes: [2, 4] });
    const request = h.submitRows([1, 2, 3]);
    h.turn();
    assert.deepEqual(floats(h.executor.runs[0]?.batch.inputs.get('x')), [1, 2, 3, 1]);
    h.executor.runs[0]?.complete();
    assert.deepEqual(await request.values(), [1, 2, 3]);
    assert.deepEqual([h.batches[0]?.rows, h.batches[0]?.size], [3, 4]);
  });

  it('fills a fixed batch', async () => {
    const h = SchedulerHarness.withSignature(fixed(3));
    const request = h.submitRows([1]);
    h.turn();
    assert.equal(h.executor.runs[0]?.batch.size, 3);
    h.executor.runs[0]?.complete();
    assert.deepEqual(await request.values(), [1]);
  });

  it('runs requests without a batch axis alone and passes their outputs as they are', async () => {
    const h = SchedulerHarness.withSignature({ kind: 'none' });
    const scalar = h.submit(new Map([['x', numericTensor('float32', [], Float32Array.of(5))]]));
    const vector = h.submitRows([1, 2]);
    h.turn();
    assert.deepEqual([h.executor.runs.length, h.executor.runs[0]?.batch.size], [1, 1]);
    h.executor.runs[0]?.complete();
    await settle();
    h.executor.runs[1]?.complete();
    assert.deepEqual((await scalar.settled).outputs?.get('y')?.shape, []);
    assert.deepEqual(await vector.values(), [1, 2]);
    assert.deepEqual(
      h.batches.map((b) => [b.tasks, b.rows, b.size]),
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
    );
  });
});

describe('Scheduler: requests without rows', () => {
  it('are answered from the signature', async () => {
    const h = SchedulerHarness.withSignature(
      { kind: 'dynamic' },
      { dtype: 'float32', shape: [-1, 3], tensorName: 'y' },
    );
    const { outputs } = await h.submitRows([]).settled;
    assert.deepEqual(outputs?.get('y')?.shape, [0, 3]);
    assert.equal(h.deferred, 0);
  });

  it('are run alone where it leaves the shape open', async () => {
    const h = new SchedulerHarness({ slots: 2 });
    const empty = h.submitRows([]);
    const other = h.submitRows([1]);
    h.turn();
    assert.deepEqual(
      h.executor.runs.map((run) => run.batch.size),
      [0, 1],
    );
    for (const run of h.executor.runs) run.complete();
    assert.deepEqual((await empty.settled).outputs?.get('y')?.shape, [0, 1]);
    assert.deepEqual(await other.values(), [1]);
    assert.deepEqual([h.batches[0]?.rows, h.batches[0]?.size], [0, 0]);
  });

  it('are refused where the batch is fixed and the shape open', async () => {
    const error = await SchedulerHarness.withSignature(fixed(3)).submitRows([]).error();
    assert.equal(error.kind, 'invalid_request');
    assert.match(error.message, /0 rows, but signature "serving_default" runs exactly 3/);
  });
});

describe('Scheduler: requests larger than a batch', () => {
  it('are cut, run beside others and joined in order', async () => {
    const h = new SchedulerHarness({ slots: 3 });
    const large = h.submitRows([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const small = h.submitRows([10]);
    h.turn();
    assert.deepEqual(
      h.executor.runs.map((run) => run.batch.size),
      [4, 4, 2],
    );
    for (const run of [...h.executor.runs].reverse()) run.complete();
    assert.deepEqual(await large.values(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(await small.values(), [10]);
  });

  it('leave the queue whole when one part fails', async () => {
    const h = new SchedulerHarness();
    const large = h.submitRows([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const small = h.submitRows([10]);
    h.turn();
    assert.equal(h.scheduler.queuedRows, 6);
    h.executor.runs[0]?.fail(new ServingError('backend_unavailable', 'gone'));
    assert.equal((await large.error()).kind, 'backend_unavailable');
    assert.deepEqual(floats(h.executor.runs[1]?.batch.inputs.get('x')), [10]);
    h.executor.runs[1]?.complete();
    assert.deepEqual(await small.values(), [10]);
  });

  it('leave the queue whole when they are cancelled, running or not', async () => {
    const h = new SchedulerHarness();
    const large = h.submitRows([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    h.turn();
    large.context.cancel.cancel(clientLeft('execute'));
    assert.deepEqual([h.scheduler.queuedRows, h.scheduler.queuedTasks], [0, 0]);
    assert.equal((await large.error()).kind, 'cancelled');
    h.executor.runs[0]?.complete();
    await settle();
    assert.equal(h.executor.runs.length, 1);
    assert.equal(h.scheduler.runningBatches, 0);
  });

  it('enter each stage once, and split with the last part', async () => {
    const h = new SchedulerHarness();
    const large = h.submitRows([1, 2, 3, 4, 5]);
    h.clock.advance(1);
    h.turn();
    for (const run of [0, 1]) {
      h.clock.advance(10);
      h.executor.runs[run]?.complete();
      await settle();
    }
    await large.values();
    const { stages } = large.context;
    assert.deepEqual(
      [3, 4, 5, 6].map((stage) => stages.startOf(stage)),
      [1000, 1001, 1001, 1021],
    );
    assert.equal(large.context.batch, h.batches[1]);
  });
});

describe('Scheduler: refusals', () => {
  it('refuses what does not fit the queue, and says when it will', async () => {
    const h = new SchedulerHarness({ maxEnqueuedBatches: 2 });
    h.submitRows([0]);
    h.turn();
    h.clock.advance(30);
    h.executor.runs[0]?.complete();
    await settle();
    for (let i = 0; i < 12; i++) h.submitRows([i]);
    const error = await h.submitRows([12]).error();
    assert.equal(error.kind, 'overloaded');
    assert.equal(error.retryAfterMs, 90, 'two batches wait, one runs, 30 ms each');
    assert.match(
      error.message,
      /^8 rows of signature "serving_default" wait; 1 more would pass the limit of 8 \(2 batches of 4\)/,
    );
  });

  it('counts as waiting only what the free slots leave', async () => {
    const h = new SchedulerHarness({ maxEnqueuedBatches: 1, slots: 2 });
    const all = Array.from({ length: 13 }, (_, i) => h.submitRows([i]));
    assert.equal(h.executor.runs.length, 2);
    assert.equal(h.scheduler.queuedRows, 4);
    assert.equal((await all[12]!.error()).kind, 'overloaded');
  });

  it('takes a request of any size when nothing waits', async () => {
    const h = new SchedulerHarness({ maxEnqueuedBatches: 1 });
    const large = h.submitRows(Array.from({ length: 20 }, (_, i) => i));
    assert.equal(h.scheduler.queuedRows, 20);
    const error = await h.submitRows([1]).error();
    assert.equal(error.kind, 'overloaded');
    assert.ok(error.retryAfterMs !== undefined && error.retryAfterMs > 0, 'even before any batch has ended');
    large.context.cancel.cancel(clientLeft('queue'));
    await large.error();
  });

  it('but not one that would take endless runs', async () => {
    const h = new SchedulerHarness();
    const rows = 1e9;
    const nothing = h.submit(new Map([['x', { dtype: 'float32', shape: [rows, 0], data: new Uint8Array(0) }]]));
    assert.equal((await nothing.error()).kind, 'too_large');
    assert.equal(h.scheduler.queuedTasks, 0);
  });

  it('gives places back to others when a request leaves', async () => {
    const h = new SchedulerHarness({ maxEnqueuedBatches: 1 });
    h.submitRows([0]);
    h.turn();
    const waiting = h.submitRows([1, 2, 3, 4]);
    assert.equal((await h.submitRows([5]).error()).kind, 'overloaded');
    waiting.context.cancel.cancel(clientLeft('queue'));
    h.submitRows([5]);
    assert.equal(h.scheduler.queuedRows, 1);
  });

  it('refuses unknown signatures and inputs that do not agree', async () => {
    const h = new SchedulerHarness();
    const unknown = await h.submit(rowsOf([1]), { signatureName: 'nope' }).error();
    assert.equal(unknown.kind, 'signature_not_found');
    assert.match(unknown.message, /no signature "nope"; it has: "serving_default"/);
    const scalar = h.submit(new Map([['x', numericTensor('float32', [], Float32Array.of(1))]]));
    assert.equal((await scalar.error()).kind, 'invalid_request');
    assert.equal(h.deferred, 0);
  });

  it('does not queue what has been cancelled or has expired', async () => {
    const h = new SchedulerHarness();
    const left = taskContext(h.clock);
    left.cancel.cancel(clientLeft('decode'));
    assert.equal((await h.submitRows([1], left).error()).kind, 'cancelled');
    for (const deadline of [h.clock.nowMs(), -Infinity, Number.NaN]) {
      const error = await h.submitRows([1], taskContext(h.clock, { deadline })).error();
      assert.equal(error.kind, 'deadline_exceeded');
    }
    assert.equal(h.scheduler.queuedTasks, 0);
  });
});

describe('Scheduler: requests of an odd shape', () => {
  const shaped = (shape: readonly number[]): TensorMap =>
    new Map([['x', numericTensor('float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))]]);

  it('run alone, as they came, and pass their outputs as they are', async () => {
    const h = new SchedulerHarness();
    const shapes = [[3], [], [3], [2, 2, 1]];
    const odd = shapes.map((shape) => h.submit(shaped(shape), { isOddShape: true }));
    const rows = [h.submitRows([1]), h.submitRows([2])];
    h.turn();
    for (let run = 0; run < 5; run++) {
      h.executor.runs[run]!.complete();
      await settle();
    }
    const ran = h.executor.runs.map(({ batch }) => `[${batch.inputs.get('x')!.shape}]`);
    assert.deepEqual(ran.toSorted(), ['[2,1]', '[2,2,1]', '[3]', '[3]', '[]'].toSorted());
    for (const [i, shape] of shapes.entries()) {
      assert.deepEqual((await odd[i]!.settled).outputs?.get('y')?.shape, shape);
    }
    assert.deepEqual([await rows[0]!.values(), await rows[1]!.values()], [[1], [2]]);
  });

  it('teach nothing about the runs of the others', async () => {
    const h = new SchedulerHarness();
    const odd = h.submit(shaped([3]), { isOddShape: true });
    h.turn();
    h.clock.advance(500);
    h.executor.runs[0]!.complete();
    await odd.settled;
    assert.deepEqual(h.scheduler.latency.estimates().get('serving_default') ?? [], []);
  });

  it('count the bytes that wait, small and large ones', async () => {
    const h = new SchedulerHarness({ maxQueuedBytes: 10_000 });
    h.submitRows([1]);
    h.turn();
    const small = h.submit(shaped([3]), { isOddShape: true });
    const large = h.submit(shaped([2000]), { isOddShape: true });
    const next = h.submit(shaped([2000]), { isOddShape: true });
    assert.equal((await next.error()).kind, 'overloaded');
    for (let run = 0; run < 3; run++) {
      h.executor.runs[run]!.complete();
      await settle();
    }
    assert.deepEqual([small.outcome?.error, large.outcome?.error], [undefined, undefined]);
  });

  it('are refused where the runtime fails on them, and the breaker learns that the inputs are at fault', async () => {
    const h = new SchedulerHarness();
    const failWith = async (error: ServingError): Promise<readonly [string, boolean | undefined]> => {
      const odd = h.submit(shaped([3]), { isOddShape: true });
      h.turn();
      const run = h.executor.runs.at(-1)!;
      let isOfInputs: boolean | undefined;
      run.batch.origin!.onJudged = (verdict) => {
        isOfInputs = verdict;
      };
      run.fail(error);
      const { kind } = await odd.error();
      // Where the error does not say whose fault it is, a known good request is run.
      if (isOfInputs === undefined) {
        h.turn();
        h.executor.runs.at(-1)!.fail(error);
        await settle();
      }
      return [kind, isOfInputs];
    };
    assert.deepEqual(await failWith(new ServingError('backend_failed', 'bad sizes')), ['invalid_request', true]);
    assert.deepEqual(await failWith(new ServingError('worker_lost', 'gone')), ['worker_lost', false]);
  });
});
