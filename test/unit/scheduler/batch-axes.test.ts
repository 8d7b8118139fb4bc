/** Rows beside dim 0, and inputs that must be the same within a batch: the cases that a random model seldom meets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { BatchAxes, Signature, TensorSpec } from '../../../src/core/signature.ts';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../../src/core/tensor.ts';
import { keyAlongAxes } from '../../../src/scheduler/queue/same-inputs.ts';
import { TaskQueue } from '../../../src/scheduler/queue/task-queue.ts';
import { SignaturePlan, UNEQUAL_ROWS } from '../../../src/scheduler/signature-plan.ts';
import { MAX_VALUE_LANES } from '../../../src/scheduler/tuning.ts';
import { looseTask } from '../../support/loose-task.ts';
import { SchedulerHarness, settle } from '../../support/scheduler-harness.ts';

const spec = (dtype: TensorSpec['dtype'], ...shape: number[]): TensorSpec => ({ dtype, shape, tensorName: 't' });

/** x [2, rows], key of any shape, which must be the same; y [2, rows]. */
function signature(key: TensorSpec = { dtype: 'float32', shape: undefined, tensorName: 'key' }): Signature {
  return {
    inputs: new Map([
      ['x', spec('float32', 2, -1)],
      ['key', key],
    ]),
    outputs: new Map([['y', spec('float32', 2, -1)]]),
    methodName: 'tensorflow/serving/predict',
    batchAxis: { kind: 'dynamic' },
    batchAxes: new Map<string, number | 'same'>([
      ['x', 1],
      ['key', 'same'],
      ['y', 1],
    ]),
  };
}

const x = (...values: number[]): Tensor => numericTensor('float32', [2, values.length / 2], Float32Array.from(values));
const scalar = (value: number): Tensor => numericTensor('float32', [], Float32Array.of(value));
const sent = (rows: Tensor, key: Tensor): TensorMap =>
  new Map([
    ['x', rows],
    ['key', key],
  ]);

function harness(options: ConstructorParameters<typeof SchedulerHarness>[0] = {}): SchedulerHarness {
  return new SchedulerHarness({ maxBatchSize: 8, signatures: new Map([['serving_default', signature()]]), ...options });
}

async function runAll(h: SchedulerHarness): Promise<number> {
  h.turn();
  for (let run = h.executor.active[0]; run !== undefined; run = h.executor.active[0]) {
    run.complete({ outputs: new Map([['y', copyOf(run.batch.inputs.get('x')!)]]) });
    await settle();
    h.turn();
  }
  return h.executor.runs.length;
}

const copyOf = (tensor: Tensor): Tensor => ({ ...tensor, data: tensor.data.slice() }) as Tensor;

describe('inputs that must be the same', () => {
  it('are given to the run once, and divide requests by dtype, shape and bytes', async () => {
    const h = harness();
    const keys = [
      scalar(1),
      scalar(1),
      scalar(2),
      numericTensor('float32', [1], Float32Array.of(1)),
      numericTensor('int32', [], Int32Array.of(1)),
      stringTensor([2], [Uint8Array.of(1, 2), Uint8Array.of(3)]),
      stringTensor([2], [Uint8Array.of(1), Uint8Array.of(2, 3)]),
    ];
    const requests = keys.map((key, i) => h.submit(sent(x(i, -i), key)));
    assert.equal(await runAll(h), 6);
    const first = h.executor.runs[0]!.batch;
    assert.deepEqual([first.size, first.inputs.get('x')?.shape, first.inputs.get('key')?.shape], [2, [2, 2], []]);
    for (const [i, request] of requests.entries()) assert.deepEqual(await request.values(), [i, -i]);
  });

  it('may be large: they are compared by their bytes', async () => {
    const h = harness();
    const large = (last: number): Tensor => {
      const numbers = new Float32Array(1000);
      numbers[999] = last;
      return numericTensor('float32', [1000], numbers);
    };
    const text = (last: string): Tensor =>
      stringTensor(
        [100],
        Array.from({ length: 100 }, (_, i) => new TextEncoder().encode(i === 99 ? last : 'many')),
      );
    for (const key of [large(1), large(2), large(1), text('a'), text('b'), text('a')]) h.submit(sent(x(1, 2), key));
    assert.equal(await runAll(h), 4);
    assert.deepEqual(h.batches.map(({ tasks }) => tasks).sort(), [1, 1, 2, 2]);
  });

  it('of ever new values do not make lanes without end: those beyond run alone', async () => {
    const h = harness({ maxBatchSize: 4 });
    const count = MAX_VALUE_LANES + 40;
    const requests = Array.from({ length: count }, (_, i) => h.submit(sent(x(i, i, -i, -i), scalar(i))));
    const late = h.submit(sent(x(7, 7), scalar(0)));
    assert.equal(await runAll(h), count, 'the late one has found its lane');
    for (const [i, request] of requests.entries()) assert.deepEqual(await request.values(), [i, i, -i, -i]);
    assert.deepEqual(await late.values(), [7, 7]);
    assert.ok(h.batches.every(({ size }) => size <= 4));
  });
});

const options = { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] };

describe('lanes by value', () => {
  it('are few, whatever values come, and those beyond share one for each number of rows', () => {
    const queue = new TaskQueue();
    const plan = new SignaturePlan('s', signature(), options);
    const context = looseTask(1).owner.context;
    for (let i = 0; i < 3 * MAX_VALUE_LANES; i++) {
      const inputs = sent(x(i, i), scalar(i));
      const lane = queue.laneFor(plan, { signatureName: 's', inputs, outputs: ['y'], context }, 1);
      assert.equal(lane.wholeSize, i < MAX_VALUE_LANES ? undefined : 1);
      queue.push(lane, looseTask(1, 0, inputs));
    }
    assert.equal(queue.laneCount, MAX_VALUE_LANES + 1);
    for (const lane of [...queue]) for (const task of [...lane.tasks()]) queue.remove(task);
    assert.deepEqual([queue.laneCount, plan.laneCount, queue.queuedRows], [0, 0, 0]);
  });

  it('hold short values in their keys, and a hash of long ones', () => {
    const key = (value: Tensor): string => keyAlongAxes(['x', 'key'], signature().batchAxes!, sent(x(1, 2), value));
    assert.equal(key(scalar(1)), '\0float32,2,\0float32=0000803f');
    const long = (last: number): Tensor =>
      numericTensor(
        'float32',
        [100],
        Float32Array.from({ length: 100 }, (_, i) => (i === 99 ? last : 0)),
      );
    assert.match(key(long(1)), /^\0float32,2,\0float32,100#[\w+/]{43}=$/);
    assert.notEqual(key(long(1)), key(long(2)));
    assert.equal(key(long(1)), key(long(1)));
  });
});

describe('a plan with axes', () => {
  const planOf = (axes: BatchAxes) => new SignaturePlan('s', { ...signature(), batchAxes: axes }, options);
  const refusal = (run: () => unknown): string => {
    try {
      run();
    } catch (thrown) {
      assert.ok(thrown instanceof ServingError);
      return thrown.message;
    }
    return assert.fail('nothing was refused');
  };

  it('counts rows along them, and passes over those that must be the same', () => {
    const plan = planOf(signature().batchAxes!);
    assert.equal(plan.rowsOf(sent(x(1, 2, 3, 4, 5, 6), scalar(1))), 3);
    const two = planOf(new Map([['x', 1]]));
    const unequal = sent(x(1, 2, 3, 4), numericTensor('float32', [3], new Float32Array(3)));
    assert.equal(two.rowsOf(unequal), UNEQUAL_ROWS);
    assert.match(
      two.unequalRows(unequal),
      /inputs differ in the batch: "x" \[2,2\] at dim 1, "key" \[3\] at dim 0; send the same number of rows/,
    );
    assert.match(
      refusal(() => two.rowsOf(sent(numericTensor('float32', [2], new Float32Array(2)), scalar(1)))),
      /input "x" is \[2\], but dim 1 of it in signature "s" is the batch; send one row as shape \[\?,1\]/,
    );
  });

  it('takes the fast path where all of them are dim 0', () => {
    assert.equal(planOf(new Map([['x', 0]])).axes, undefined);
    assert.equal(planOf(new Map([['x', 1]])).axes?.size, 1);
  });

  it('answers no rows along them', async () => {
    const empty = harness().submit(sent(x(), scalar(1)));
    const { outputs } = await empty.settled;
    assert.deepEqual(outputs?.get('y'), { dtype: 'float32', shape: [2, 0], data: new Uint8Array(0) });
  });

  it('tells a misfit by the dim', async () => {
    const h = harness();
    const [a, b] = [h.submit(sent(x(1, 2), scalar(1))), h.submit(sent(x(3, 4), scalar(1)))];
    h.turn();
    // Two rows at dim 0: at the wrong place, though the number is right.
    const y = numericTensor('float32', [2, 3], new Float32Array(6));
    h.executor.runs[0]!.complete({ outputs: new Map([['y', y]]) });
    await settle();
    await runAll(h);
    assert.deepEqual(
      [await a.values(), await b.values()],
      [
        [1, 2],
        [3, 4],
      ],
    );
    assert.match(h.misfits.join(), /output "y" has shape \[2,3\] in a run of 2 rows, so dim 1 is not its batch axis/);
    assert.deepEqual(h.executor.runs[1]!.batch.inputs.get('x')?.shape, [2, 1]);
  });
});
