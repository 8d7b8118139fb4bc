import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ServingError } from '../../../src/core/errors.ts';
import type { Batch } from '../../../src/core/executor.ts';
import { elements, type NumericTensor, numericTensor } from '../../../src/core/tensor.ts';
import {
  Shadow,
  type ShadowComparison,
  ShadowedExecutor,
  type ShadowOptions,
} from '../../../src/features/shadow/shadow.ts';
import { ShadowTally } from '../../../src/features/shadow/shadow-tally.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

/** A model that may run many at once, and its shadow, which runs one at a time. */
function harness(changes: Partial<ShadowOptions> = {}) {
  const clock = new FakeClock();
  const model = new PuppetExecutor(8);
  const second = new PuppetExecutor(1);
  const compared: ShadowComparison[] = [];
  const leftOut: string[] = [];
  const tally = new ShadowTally();
  const shadow = new Shadow({
    executor: second,
    outputs: new Map([['s', new Set(['y'])]]),
    sample: 1,
    clock,
    onCompared: (comparison) => {
      compared.push(comparison);
      tally.add(comparison);
    },
    onLeftOut: (why, reason) => leftOut.push(`${why}: ${reason}`),
    ...changes,
  });
  const executor = new ShadowedExecutor(model);
  executor.shadow = shadow;
  const batch = (values: readonly number[], outputs: readonly string[] = ['y'], signatureName = 's'): Batch => {
    const data = new Uint8Array(executor.allocate(4 * values.length), 0, 4 * values.length);
    data.set(new Uint8Array(Float32Array.from(values).buffer));
    const inputs = new Map([['x', { dtype: 'float32', shape: [values.length], data } as const]]);
    return { signatureName, inputs, outputs, size: values.length, deadline: Infinity };
  };
  /** Gives the model a batch and lets it answer. */
  const run = async (...args: Parameters<typeof batch>): Promise<void> => {
    const running = executor.run(batch(...args));
    model.runs.at(-1)!.complete({ runStart: 10, runEnd: 12 });
    await running;
  };
  return { clock, model, second, executor, shadow, batch, run, compared, leftOut, tally };
}

/** Until all that could go on has gone on. */
async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await setImmediate();
}

const valuesOf = (batch: Batch): number[] => [...elements(batch.inputs.get('x') as NumericTensor)] as number[];

describe('a shadow', () => {
  it('runs a copy of the batch after the model has answered, and compares', async () => {
    const { executor, batch, model, second, compared, tally } = harness();
    const running = executor.run(batch([1, 2, 3]));
    await turns();
    assert.equal(second.runs.length, 0, 'not before');
    model.runs[0]!.complete({ runStart: 10, runEnd: 12 });
    await running;
    assert.equal(second.runs.length, 0, 'not in the turn of the answer');
    await turns();
    const [run] = second.runs;
    // The puppet has scribbled over the model's own memory by now.
    assert.deepEqual(valuesOf(run!.batch), [1, 2, 3]);
    const y = numericTensor('float32', [3], Float32Array.of(1, 2, 4));
    run!.complete({ outputs: new Map([['y', y]]), runStart: 100, runEnd: 101 });
    await turns();
    assert.deepEqual(compared, [
      {
        signatureName: 's',
        latencyRatio: 0.5,
        differences: [{ output: 'y', elements: 3, mismatches: 1, absolute: 1, relative: 0.25 }],
      },
    ]);
    assert.deepEqual([tally.compared, tally.different, tally.latencyRatio], [1, 1, 0.5]);
    assert.deepEqual(tally.outputs, [{ output: 'y', mismatches: 1, absolute: 1, relative: 0.25 }]);
  });

  it('answers the model’s caller with the model’s answer, whatever the shadow does', async () => {
    const { executor, batch, model, second, leftOut } = harness();
    second.throwOnRun = new ServingError('worker_lost', 'it died');
    const running = executor.run(batch([1]));
    model.runs[0]!.complete();
    assert.deepEqual([...(await running).outputs.keys()], ['y']);
    await turns();
    assert.deepEqual(leftOut, ['failed: it died']);
    second.throwOnRun = undefined;
    second.throwOnAllocate = new ServingError('too_large', 'no memory');
    const next = executor.run(batch([1]));
    model.runs[1]!.complete();
    await next;
    assert.deepEqual(leftOut.slice(1), ['failed: no memory']);
  });

  it('lets the copy go where the model fails', async () => {
    const { executor, batch, model, second } = harness();
    const running = executor.run(batch([1]));
    assert.equal(second.loaned.size, 1);
    model.runs[0]!.fail(new ServingError('backend_failed', 'it threw'));
    await assert.rejects(running, { kind: 'backend_failed' });
    await turns();
    assert.deepEqual([second.runs.length, second.loaned.size], [0, 0]);
    model.throwOnRun = new Error('at once');
    await assert.rejects(executor.run(batch([1])), /at once/);
    assert.equal(second.loaned.size, 0);
  });

  it('holds four batches at most, leaves out what comes meanwhile, and runs one at a time', async () => {
    const { run, second, leftOut, compared } = harness();
    for (let i = 0; i < 6; i++) await run([i]);
    assert.deepEqual(leftOut, Array(2).fill('busy: 4 batches are waiting'));
    for (let i = 0; i < 4; i++) {
      await turns();
      assert.equal(second.runs.length, i + 1);
      second.runs[i]!.complete();
    }
    await turns();
    assert.deepEqual([compared.length, second.loaned.size], [4, 0]);
    await run([9]);
    assert.equal(leftOut.length, 2, 'there is room again');
  });

  it('leaves out what would take long to copy or to compare', async () => {
    const { run, executor, batch, model, second, leftOut } = harness();
    const many = new Array<number>(2 ** 20 + 1).fill(0);
    await run(many);
    const running = executor.run(batch([1]));
    const y = numericTensor('float32', [many.length], Float32Array.from(many));
    model.runs.at(-1)!.complete({ outputs: new Map([['y', y]]) });
    await running;
    await turns();
    assert.deepEqual(
      leftOut.map((line) => line.split(' ', 3).join(' ')),
      ['too_large: its inputs', 'too_large: its outputs'],
    );
    assert.deepEqual([second.runs.length, second.loaned.size], [0, 0]);
  });

  it('throws dice for each batch, and takes those of comparable signatures and outputs alone', async () => {
    const dice = [0.3, 0.29, 0.1, 0.1, 0.1];
    const { run, second } = harness({ sample: 0.3, random: () => dice.shift()! });
    await run([1]);
    await run([2], ['z', 'y']);
    await run([3], ['z']);
    await run([4], ['y'], 'other');
    await turns();
    assert.deepEqual(valuesOf(second.runs[0]!.batch), [2]);
    assert.deepEqual(second.runs[0]!.batch.outputs, ['y']);
    second.runs[0]!.complete();
    await turns();
    assert.equal(second.runs.length, 1);
  });

  it('copies strings too: their bytes are lent as well', async () => {
    const { executor, model, second } = harness();
    const bytes = Uint8Array.of(1, 2);
    const inputs = new Map([['x', { dtype: 'string', shape: [1], data: [bytes] } as const]]);
    const running = executor.run({ signatureName: 's', inputs, outputs: ['y'], size: 1, deadline: Infinity });
    bytes.fill(0xee);
    model.runs[0]!.complete();
    await running;
    await turns();
    assert.deepEqual(second.runs[0]!.batch.inputs.get('x')!.data, [Uint8Array.of(1, 2)]);
  });

  it('waits for its run when it is closed, lets go of what waits, and takes nothing more', async () => {
    const { run, executor, batch, model, shadow, second, compared, leftOut } = harness();
    await run([1]);
    await run([2]);
    await turns();
    const late = executor.run(batch([3]));
    let isClosed = false;
    const closing = shadow.close().then(() => {
      isClosed = true;
    });
    model.runs.at(-1)!.complete();
    await late;
    await turns();
    assert.equal(isClosed, false);
    second.runs[0]!.complete();
    await closing;
    await run([4]);
    await turns();
    assert.deepEqual([second.runs.length, second.loaned.size, compared, leftOut], [1, 0, [], []]);
  });
});
