/** Requests of different lengths in one scheduler: padded into one run, and cut back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import {
  LENGTH_PADDING,
  LENGTH_SIGNATURE,
  PADDED_SIGNATURE,
  runSequences,
  sequences,
} from '../../support/length-models.ts';
import type { PuppetRun } from '../../support/puppet-executor.ts';
import {
  floats,
  type HarnessOptions,
  SchedulerHarness,
  type Submitted,
  settle,
  taskContext,
} from '../../support/scheduler-harness.ts';

const OUTPUTS = ['hidden', 'pooled'];

function harness(options: HarnessOptions = {}, signature: Signature = PADDED_SIGNATURE): SchedulerHarness {
  return new SchedulerHarness({ maxBatchSize: 8, signatures: new Map([['serving_default', signature]]), ...options });
}

function submit(h: SchedulerHarness, ...rows: readonly (readonly number[])[]): Submitted {
  return h.submit(sequences(rows), { outputs: OUTPUTS });
}

function complete(run: PuppetRun): void {
  run.complete({ outputs: runSequences(run.batch.inputs) });
}

const shapeOf = (run: PuppetRun | undefined): readonly number[] | undefined => run?.batch.inputs.get('ids')?.shape;

function plain(outputs: TensorMap | undefined): unknown {
  return OUTPUTS.map((name) => [outputs?.get(name)?.shape, floats(outputs?.get(name))]);
}

async function assertAnswers(request: Submitted, ...rows: readonly (readonly number[])[]): Promise<void> {
  const { outputs, error } = await request.settled;
  assert.equal(error, undefined);
  assert.deepEqual(plain(outputs), plain(runSequences(sequences(rows))));
}

describe('A signature with a padding', () => {
  it('runs requests of different lengths together, and answers each as if it had run alone', async () => {
    const h = harness();
    const short = submit(h, [1, 2]);
    const long = submit(h, [3, 4, 5], [6, 7, 8]);
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [[3, 3]]);
    const [run] = h.executor.active;
    assert.deepEqual(floats(run!.batch.inputs.get('mask')), [1, 1, 0, 1, 1, 1, 1, 1, 1]);
    complete(run!);
    await assertAnswers(short, [1, 2]);
    await assertAnswers(long, [3, 4, 5], [6, 7, 8]);
  });

  /** The padding of requests of up to two elements is proved, until the test changes it. */
  function proved(most: number): { readonly signature: Signature; readonly padding: { most: number } } {
    const padding = { ...LENGTH_PADDING, most };
    return { signature: { ...LENGTH_SIGNATURE, padding }, padding };
  }

  /** The shapes of the runs, each of which is answered at once. */
  async function runAll(h: SchedulerHarness): Promise<number[][]> {
    const shapes: number[][] = [];
    for (h.turn(); h.executor.active.length > 0; h.turn()) {
      const run = h.executor.active[0]!;
      shapes.push([...shapeOf(run)!]);
      complete(run);
      await settle();
    }
    return shapes;
  }

  it('pads no further than is proved: longer rows share runs with those of their own length', async () => {
    const { signature, padding } = proved(2);
    const h = harness({}, signature);
    const rows = [[1], [2, 3], [4, 5, 6], [7, 8, 9], [1, 2, 3, 4]];
    const first = rows.map((row) => submit(h, row));
    assert.deepEqual((await runAll(h)).sort(), [
      [1, 4],
      [2, 2],
      [2, 3],
    ]);
    padding.most = 4;
    const second = rows.map((row) => submit(h, row));
    assert.deepEqual(await runAll(h), [[5, 4]]);
    for (const [i, row] of rows.entries()) {
      await assertAnswers(first[i]!, row);
      await assertAnswers(second[i]!, row);
    }
  });

  it('pads nobody any more when it is found out that answers change, those that wait neither', async () => {
    const { signature, padding } = proved(8);
    const h = harness({}, signature);
    const rows = [[1], [2, 3], [4, 5], [6]];
    const waiting = rows.map((row) => submit(h, row));
    padding.most = 0;
    assert.deepEqual((await runAll(h)).sort(), [
      [2, 1],
      [2, 2],
    ]);
    for (const [i, row] of rows.entries()) await assertAnswers(waiting[i]!, row);
  });

  it('tells whoever runs them whose rows they are, and how long these were', async () => {
    const h = harness({ allowedBatchSizes: [4, 8] });
    submit(h, [1, 2]);
    submit(h, [3, 4, 5], [6, 7, 8]);
    h.turn();
    const [run] = h.executor.active;
    assert.deepEqual(run?.batch.origin?.shares, [
      { rows: 1, unpadded: 2 },
      { rows: 2, unpadded: undefined },
    ]);
    complete(run!);
  });

  it('says how many elements were the requests’ own, and how many padding', async () => {
    const h = harness({ allowedBatchSizes: [4, 8] });
    submit(h, [1, 2]);
    submit(h, [3, 4, 5], [6, 7, 8]);
    h.turn();
    complete(h.executor.active[0]!);
    await settle();
    submit(h, []);
    h.turn();
    complete(h.executor.active[0]!);
    await settle();
    assert.deepEqual(
      h.batches.map(({ elements, paddingElements }) => [elements, paddingElements]),
      [
        [8, 4],
        [undefined, undefined],
      ],
    );
  });

  it('pads nothing where all have one length', async () => {
    const h = harness();
    const [a, b] = [submit(h, [1, 2]), submit(h, [3, 4])];
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [[2, 2]]);
    complete(h.executor.active[0]!);
    await assertAnswers(a, [1, 2]);
    await assertAnswers(b, [3, 4]);
  });

  it('fills up to an allowed size with rows of the same length', async () => {
    const h = harness({ allowedBatchSizes: [4, 8] });
    const [a, b] = [submit(h, [1, 2]), submit(h, [3, 4, 5])];
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [[4, 3]]);
    complete(h.executor.active[0]!);
    await assertAnswers(a, [1, 2]);
    await assertAnswers(b, [3, 4, 5]);
  });

  it('cuts a large request as any other, and joins its parts', async () => {
    const h = harness();
    const rows = Array.from({ length: 19 }, (_, i) => [i, i + 1]);
    const large = submit(h, ...rows);
    const other = submit(h, [1, 2, 3]);
    h.turn();
    for (let i = 0; i < 3; i++) {
      complete(h.executor.active[0]!);
      await settle();
    }
    await assertAnswers(large, ...rows);
    await assertAnswers(other, [1, 2, 3]);
  });

  it('leaves long requests to the next run where that costs less', async () => {
    const h = harness();
    // A run takes 20 ms, and 1 ms for each element.
    for (let elements = 1; elements <= 4096; elements *= 2) {
      h.scheduler.latency.seed([{ signature: 'serving_default', rows: 1, length: elements, runMs: 20 + elements }]);
    }
    const long = new Array<number>(200).fill(3);
    const requests = [submit(h, [1, 2]), submit(h, long), submit(h, [1, 2, 3]), submit(h, long)];
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [[2, 3]]);
    complete(h.executor.active[0]!);
    await settle();
    assert.deepEqual(shapeOf(h.executor.active[0]), [2, 200]);
    complete(h.executor.active[0]!);
    for (const [i, row] of [[1, 2], long, [1, 2, 3], long].entries()) await assertAnswers(requests[i]!, row);
  });

  it('does not make short requests pay for a long one before run times are known', async () => {
    const h = harness();
    const long = new Array<number>(5000).fill(3);
    const requests = [submit(h, [1, 2]), submit(h, long), submit(h, [1, 2, 3])];
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [[2, 3]]);
    complete(h.executor.active[0]!);
    await settle();
    assert.deepEqual(shapeOf(h.executor.active[0]), [1, 5000]);
    complete(h.executor.active[0]!);
    for (const [i, row] of [[1, 2], long, [1, 2, 3]].entries()) await assertAnswers(requests[i]!, row);
  });

  it('does not trust the run times of tiny runs for what is many times as large', async () => {
    const h = harness();
    // As a sweep measures a small model: all sizes take the same.
    for (let rows = 1; rows <= 8; rows *= 2) {
      h.scheduler.latency.seed([{ signature: 'serving_default', rows, length: 1, runMs: 0.2 }]);
    }
    submit(h, [1, 2]);
    submit(h, new Array<number>(5000).fill(3));
    submit(h, [1, 2, 3]);
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [[2, 3]]);
  });

  it('keeps requests whose inputs do not agree in a length with those of their shapes', async () => {
    const h = harness({ slots: 4 });
    const odd = (ids: number, mask: number): TensorMap =>
      new Map([
        ['ids', numericTensor('int64', [1, ids], new BigInt64Array(ids))],
        ['mask', numericTensor('int64', [1, mask], new BigInt64Array(mask).fill(1n))],
      ]);
    submit(h, [1, 2]);
    for (const request of [odd(2, 3), odd(2, 3), odd(3, 2), odd(0, 0)]) h.submit(request, { outputs: OUTPUTS });
    h.turn();
    const shapes = h.executor.runs.map(({ batch }) => [...batch.inputs.values()].map(({ shape }) => shape));
    assert.deepEqual(shapes.map((each) => JSON.stringify(each)).sort(), [
      '[[1,0],[1,0]]',
      '[[1,2],[1,2]]',
      '[[1,3],[1,2]]',
      '[[2,2],[2,3]]',
    ]);
  });

  it('runs each request as it came once an output has shown that it has not the length', async () => {
    const h = harness();
    const requests = [submit(h, [1, 2]), submit(h, [3, 4, 5])];
    h.turn();
    const [run] = h.executor.active;
    const outputs = new Map(runSequences(run!.batch.inputs));
    outputs.set('hidden', numericTensor('float32', [2, 4, 2], new Float32Array(16)));
    run!.complete({ outputs });
    await settle();
    for (let i = 0; i < 2; i++) {
      complete(h.executor.active[0]!);
      await settle();
    }
    await assertAnswers(requests[0]!, [1, 2]);
    await assertAnswers(requests[1]!, [3, 4, 5]);
    assert.deepEqual(h.misfits, [
      'serving_default: output "hidden" has shape [2,4,2] for rows of length 3, so its dim 1 is not the length',
    ]);
  });

  it('runs the others of a failed batch again, each cut back to its own length', async () => {
    const h = harness();
    const rows = [[1, 2], [3, 4, 5, 6], [13], [7, 8, 9]];
    const requests = rows.map((row) => submit(h, row));
    h.turn();
    for (let runs = 0; runs < 12 && h.executor.active.length > 0; runs++) {
      const run = h.executor.active[0]!;
      const ids = run.batch.inputs.get('ids') as NumericTensor;
      if (elements(ids).includes(13n as never))
        run.fail(new ServingError('backend_failed', 'index 13 is out of range'));
      else complete(run);
      await settle();
      h.turn();
    }
    for (const [i, row] of rows.entries()) {
      if (row[0] === 13) assert.equal((await requests[i]!.error()).kind, 'invalid_request');
      else await assertAnswers(requests[i]!, row);
    }
  });

  it('drops a request that is cancelled in a run, and answers the others', async () => {
    const h = harness();
    const context = taskContext(h.clock);
    const short = submit(h, [1, 2]);
    const gone = h.submit(sequences([[3, 4, 5, 6]]), { outputs: OUTPUTS, context });
    h.turn();
    context.cancel.cancel(new ServingError('cancelled', 'the client left'));
    complete(h.executor.active[0]!);
    await assertAnswers(short, [1, 2]);
    assert.equal((await gone.error()).kind, 'cancelled');
    assert.equal(h.scheduler.queuedTasks, 0);
  });

  it('learns how long runs take by what they compute on', async () => {
    const h = harness();
    const [a, b] = [submit(h, [1, 2]), submit(h, [3, 4, 5])];
    h.turn();
    h.clock.advance(6);
    complete(h.executor.active[0]!);
    await settle();
    const [bucket] = h.scheduler.latency.estimates().get('serving_default')!;
    assert.ok(bucket!.meanMs > 0);
    assert.equal(h.batches[0]!.expectedMs, undefined);
    await assertAnswers(a, [1, 2]);
    await assertAnswers(b, [3, 4, 5]);
  });

  it('refuses a long request that its deadline is too short for, and not a short one', async () => {
    const h = harness();
    for (let elements = 1; elements <= 4096; elements *= 2) {
      h.scheduler.latency.seed([{ signature: 'serving_default', rows: 1, length: elements, runMs: 20 + elements }]);
    }
    const context = () => taskContext(h.clock, { deadline: h.clock.nowMs() + 60 });
    // Until something has run a request would be admitted to learn from it.
    const first = submit(h, [1]);
    h.turn();
    complete(h.executor.active[0]!);
    await settle();
    const long = h.submit(sequences([new Array<number>(300).fill(1)]), { outputs: OUTPUTS, context: context() });
    const short = h.submit(sequences([[1, 2]]), { outputs: OUTPUTS, context: context() });
    assert.equal((await long.error()).attributes?.['reason'], 'deadline_too_short');
    h.turn();
    complete(h.executor.active[0]!);
    await assertAnswers(short, [1, 2]);
    await assertAnswers(first, [1]);
  });
});

describe('A signature without a padding', () => {
  it('runs requests of different lengths apart', async () => {
    const h = harness({ slots: 2 }, LENGTH_SIGNATURE);
    const [short, long] = [submit(h, [1, 2]), submit(h, [3, 4, 5])];
    h.turn();
    assert.deepEqual(h.executor.runs.map(shapeOf), [
      [1, 2],
      [1, 3],
    ]);
    for (const run of h.executor.active) complete(run);
    await assertAnswers(short, [1, 2]);
    await assertAnswers(long, [3, 4, 5]);
  });
});
