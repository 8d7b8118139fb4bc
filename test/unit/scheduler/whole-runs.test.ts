/** Requests that are run as they came: batching is off, or a run has shown that there is no such batch axis. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { BatchAxis } from '../../../src/core/signature.ts';
import { numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import type { PuppetRun } from '../../support/puppet-executor.ts';
import { echoSignature, floats, SchedulerHarness, settle, taskContext } from '../../support/scheduler-harness.ts';

const signatures = (batchAxis: BatchAxis) => new Map([['serving_default', echoSignature(batchAxis)]]);

const valuesOf = (run: PuppetRun | undefined): number[] => floats(run?.batch.inputs.get('x'));

/** Like a model that gives the sum of all rows, whatever their number. */
function sumOf(run: PuppetRun): TensorMap {
  const sum = valuesOf(run).reduce((a, b) => a + b, 0);
  return new Map([['y', numericTensor('float32', [1, 1], Float32Array.of(sum))]]);
}

/** Ends each run, until nothing runs any more. */
async function runAll(h: SchedulerHarness, outputsOf?: (run: PuppetRun) => TensorMap): Promise<number[][]> {
  const inputs: number[][] = [];
  h.turn();
  for (let run = h.executor.active[0]; run !== undefined; run = h.executor.active[0]) {
    inputs.push(valuesOf(run));
    run.complete(outputsOf === undefined ? {} : { outputs: outputsOf(run) });
    await settle();
    h.turn();
  }
  return inputs;
}

describe('max_batch_size 1', () => {
  it('runs a request of six rows once, as it came', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 1 });
    const [six, other] = [h.submitRows([1, 2, 3, 4, 5, 6]), h.submitRows([7])];
    assert.deepEqual(await runAll(h), [[1, 2, 3, 4, 5, 6], [7]]);
    assert.deepEqual(await six.values(), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(await other.values(), [7]);
  });

  it('takes an output of any shape, and warns of nothing', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 1, allowedBatchSizes: [1] });
    const six = h.submitRows([1, 2, 3, 4, 5, 6]);
    await runAll(h, sumOf);
    assert.deepEqual(await six.values(), [21]);
    assert.deepEqual(h.misfits, []);
  });

  it('still runs a model of a fixed size in that size', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 1, signatures: signatures({ kind: 'fixed', size: 2 }) });
    const three = h.submitRows([1, 2, 3]);
    assert.deepEqual(await runAll(h), [
      [1, 2],
      [3, 3],
    ]);
    assert.deepEqual(await three.values(), [1, 2, 3]);
  });
});

describe('no batch axis', () => {
  it('is never cut', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 2, signatures: signatures({ kind: 'none' }) });
    const [a, b] = [h.submitRows([1, 2, 3]), h.submitRows([4])];
    assert.deepEqual(await runAll(h), [[1, 2, 3], [4]]);
    assert.deepEqual([await a.values(), await b.values()], [[1, 2, 3], [4]]);
  });
});

describe('a signature that is to share runs no more', () => {
  it('runs each request as it came, those that wait too, and answers the run under way', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 4 });
    const running = [h.submitRows([1]), h.submitRows([2])];
    h.turn();
    const waiting = [h.submitRows([3]), h.submitRows([4, 5]), h.submitRows([6])];
    h.scheduler.stopSharing('serving_default', 'answers differed');
    const later = [h.submitRows([7]), h.submitRows([8])];
    assert.deepEqual(await runAll(h), [[1, 2], [3], [4, 5], [6], [7], [8]]);
    const answers = await Promise.all([...running, ...waiting, ...later].map((request) => request.values()));
    assert.deepEqual(answers, [[1], [2], [3], [4, 5], [6], [7], [8]]);
    assert.deepEqual(h.misfits, []);
    h.scheduler.stopSharing('no such signature', '');
  });

  it('stays as it is where the model runs one number of rows alone', async () => {
    const h = new SchedulerHarness({ signatures: signatures({ kind: 'fixed', size: 2 }) });
    const waiting = [h.submitRows([1]), h.submitRows([2])];
    h.scheduler.stopSharing('serving_default', 'answers differed');
    assert.deepEqual(await runAll(h), [[1, 2]]);
    assert.deepEqual(await Promise.all(waiting.map((request) => request.values())), [[1], [2]]);
  });
});

describe('a fixed size', () => {
  it('of 1 takes n rows as n runs', async () => {
    const h = new SchedulerHarness({ signatures: signatures({ kind: 'fixed', size: 1 }) });
    const three = h.submitRows([1, 2, 3]);
    assert.deepEqual(await runAll(h), [[1], [2], [3]]);
    assert.deepEqual(await three.values(), [1, 2, 3]);
  });

  it('of 4 is filled from several callers, and padded with a row of the last one', async () => {
    const h = new SchedulerHarness({ signatures: signatures({ kind: 'fixed', size: 4 }) });
    const requests = [h.submitRows([1]), h.submitRows([2, 3]), h.submitRows([4]), h.submitRows([5, 6])];
    assert.deepEqual(await runAll(h), [
      [1, 2, 3, 4],
      [5, 6, 5, 5],
    ]);
    const answers = await Promise.all(requests.map((each) => each.values()));
    assert.deepEqual(answers, [[1], [2, 3], [4], [5, 6]], 'nobody gets a row of the padding');
  });
});

describe('outputs that cannot be divided', () => {
  it('answer a request that ran alone as they are, and its signature is run whole from then on', async () => {
    const h = new SchedulerHarness();
    const lone = h.submitRows([1, 2]);
    await runAll(h, sumOf);
    assert.deepEqual(await lone.values(), [3]);
    assert.deepEqual(h.misfits, [
      'serving_default: output "y" has shape [1,1] in a run of 2 rows, so dim 0 is not its batch axis',
    ]);
    const [a, large] = [h.submitRows([1, 2]), h.submitRows([3, 4, 5, 6, 7])];
    assert.deepEqual(await runAll(h, sumOf), [
      [1, 2],
      [3, 4, 5, 6, 7],
    ]);
    assert.deepEqual([await a.values(), await large.values()], [[3], [25]]);
    assert.equal(h.misfits.length, 1, 'said once');
    assert.equal(h.scheduler.queuedRows, 0);
  });

  it('run each member again alone, once, and those that wait', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 2 });
    const requests = [1, 2, 3, 4].map((value) => h.submitRows([value]));
    assert.deepEqual(await runAll(h, sumOf), [[1, 2], [1], [2], [3], [4]]);
    assert.deepEqual(await Promise.all(requests.map((each) => each.values())), [[1], [2], [3], [4]]);
    assert.equal(requests[0]!.context.stages.reached, 'split');
    assert.deepEqual(
      h.batches.map(({ outcome, isolation }) => [outcome, isolation]),
      [['backend_failed', 'run_again'], ...[1, 2, 3, 4].map(() => ['ok', undefined])],
    );
    assert.equal(h.misfits.length, 1);
    assert.equal(h.scheduler.queuedTasks + h.scheduler.runningBatches, 0);
  });

  it('run a request that was cut again as it came', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 2, slots: 2 });
    const five = h.submitRows([1, 2, 3, 4, 5]);
    h.turn();
    const [first, second] = h.executor.active;
    first!.complete({ outputs: sumOf(first!) });
    await settle();
    // A part that still ran: its rows are of no use any more.
    second!.complete();
    await settle();
    assert.deepEqual(await runAll(h, sumOf), [[1, 2, 3, 4, 5]]);
    assert.deepEqual(await five.values(), [15]);
    assert.equal(h.scheduler.queuedTasks + h.scheduler.runningBatches, 0);
  });

  it('are not joined with parts whose outputs had the right number by chance', async () => {
    const h = new SchedulerHarness({ maxBatchSize: 2 });
    const three = h.submitRows([1, 2, 3]);
    const two = (): TensorMap => new Map([['y', numericTensor('float32', [2, 1], Float32Array.of(7, 8))]]);
    assert.deepEqual(await runAll(h, two), [[1, 2], [3], [1, 2, 3]]);
    assert.deepEqual(await three.values(), [7, 8]);
  });

  it('run a request again without the padding', async () => {
    const h = new SchedulerHarness({ allowedBatchSizes: [4] });
    const two = h.submitRows([1, 2]);
    assert.deepEqual(await runAll(h, sumOf), [
      [1, 2, 1, 1],
      [1, 2],
    ]);
    assert.deepEqual(await two.values(), [3]);
  });

  it('fail nobody where a member has left meanwhile, and settle each request once', async () => {
    const h = new SchedulerHarness();
    const [a, b] = [h.submitRows([1]), h.submitRows([2])];
    h.turn();
    b.context.cancel.cancel(new ServingError('cancelled', 'left'));
    assert.deepEqual(await runAll(h, sumOf), [[1, 2], [1]]);
    assert.deepEqual(await a.values(), [1]);
    assert.equal((await b.error()).kind, 'cancelled');
  });

  it('keep the deadline of a request that is run again', async () => {
    const h = new SchedulerHarness();
    const late = h.submitRows([1], taskContext(h.clock, { deadline: h.clock.nowMs() + 5 }));
    const stays = h.submitRows([2]);
    h.turn();
    h.clock.advance(10);
    assert.deepEqual(await runAll(h, sumOf), [[1, 2], [2]]);
    assert.equal((await late.error()).kind, 'deadline_exceeded');
    assert.deepEqual(await stays.values(), [2]);
  });
});
