import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Batch, Executor } from '../../../../src/core/executor.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { SWEEP_BUDGET_MS, type SweepOptions, sweepBatchSizes } from '../../../../src/models/warm-up/batch-sweep.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { signature, spec } from '../../../support/puppet-models.ts';

const ROWS_OF_TWO = signature({ x: spec('float32', [-1, 2]) }, { y: spec('float32', [-1, 2]) });

/** Runs take `runMs`, and `msPerRow` for each row (the first `firstRunMs` more), of the fake clock's time. `fails`: which fail. */
function harness(
  changes: Partial<SweepOptions> & {
    msPerRow?: number;
    runMs?: number;
    firstRunMs?: number;
    slots?: number;
    fails?: (b: Batch) => boolean;
    error?: Error;
  } = {},
) {
  const { msPerRow = 0.1, runMs = 0, firstRunMs = 0, slots = 1, fails = () => false, ...rest } = changes;
  const { error = new Error('zeros are not for this model'), ...options } = rest;
  const clock = new FakeClock();
  const batches: Batch[] = [];
  let running = 0;
  let mostRunning = 0;
  const executor: Executor = {
    slots,
    allocate: (byteLength) => new ArrayBuffer(byteLength),
    release: () => undefined,
    async run(batch) {
      batches.push(batch);
      mostRunning = Math.max(mostRunning, ++running);
      await Promise.resolve();
      running -= 1;
      if (fails(batch)) throw error;
      const runStart = clock.nowMs();
      clock.advance(runMs + msPerRow * batch.size + (batches.length === 1 ? firstRunMs : 0));
      return { outputs: new Map(), runStart, runEnd: clock.nowMs() };
    },
  };
  const signatures = new Map<string, Signature>([['serving_default', ROWS_OF_TWO]]);
  const sweep = () =>
    sweepBatchSizes({ executor, signatures, clock, maxBatchSize: 6, allowedBatchSizes: [], ...options });
  return { sweep, batches, clock, mostRunning: () => mostRunning };
}

const rowsOf = (seeds: readonly { rows: number }[]): number[] => seeds.map(({ rows }) => rows);

describe('a sweep', () => {
  it('tries no other shape where a run was ended with its process', async () => {
    const free = signature({ x: spec('float32', [-1, -1]) }, { y: spec('float32', [-1, 2]) });
    const lost = new ServingError('worker_lost', 'a run was ended');
    const { sweep, batches } = harness({
      signatures: new Map([['serving_default', free]]),
      fails: () => true,
      error: lost,
    });
    const { seeds, failures } = await sweep();
    assert.deepEqual([seeds, failures.length, batches.length], [[], 1, 1]);
  });

  it('tries 1, 2, 4 … and the largest batch, and keeps what each took', async () => {
    const { seeds, failures } = await harness().sweep();
    assert.deepEqual(rowsOf(seeds), [1, 2, 4, 6]);
    assert.deepEqual(
      seeds[3]!.runMs.map((ms) => Math.round(ms * 10) / 10),
      [0.6, 0.6, 0.6],
    );
    assert.deepEqual(failures, []);
  });

  it('tries the sizes that are allowed, and only what the batch axis admits', async () => {
    assert.deepEqual(rowsOf((await harness({ allowedBatchSizes: [3, 6] }).sweep()).seeds), [3, 6]);
    const fixed = new Map([['s', { ...ROWS_OF_TWO, batchAxis: { kind: 'fixed', size: 5 } as const }]]);
    assert.deepEqual(rowsOf((await harness({ signatures: fixed }).sweep()).seeds), [5]);
    const none = new Map([['s', { ...ROWS_OF_TWO, batchAxis: { kind: 'none' } as const }]]);
    const { sweep, batches } = harness({ signatures: none });
    assert.deepEqual(rowsOf((await sweep()).seeds), [1]);
    assert.deepEqual(batches[0]!.inputs.get('x')!.shape, [1, 2]);
  });

  it('runs on every slot at once before it counts', async () => {
    const { sweep, batches, mostRunning } = harness({ slots: 3, maxBatchSize: 1 });
    assert.equal((await sweep()).seeds[0]!.runMs.length, 3);
    assert.equal(batches.length, 3 + 3);
    assert.equal(mostRunning(), 3);
  });

  it('ends within its budget, and runs a slow size once, after the first run', async () => {
    const { sweep, clock, batches } = harness({ msPerRow: 120, maxBatchSize: 64 });
    const before = clock.nowMs();
    const { seeds } = await sweep();
    assert.deepEqual(rowsOf(seeds), [1, 2]);
    assert.deepEqual(
      batches.map(({ size }) => size),
      [1, 1, 2],
    );
    assert.ok(clock.nowMs() - before < SWEEP_BUDGET_MS);
  });

  it('does not take a first run that prepares the runtime for a slow model', async () => {
    const { seeds } = await harness({ firstRunMs: 600 }).sweep();
    assert.deepEqual(rowsOf(seeds), [1, 2, 4, 6]);
    assert.ok(seeds.every(({ runMs }) => runMs.length === 3 && Math.max(...runMs) < 1));
  });

  it('runs a model once that takes its whole budget', async () => {
    const { sweep, batches } = harness({ msPerRow: SWEEP_BUDGET_MS });
    assert.deepEqual((await sweep()).seeds[0]!.runMs, [SWEEP_BUDGET_MS]);
    assert.equal(batches.length, 1);
  });

  for (const firstRunMs of [0, 200])
    it(`leaves the cores to others that are served for twice as long as it runs, the first ${firstRunMs} ms longer`, async () => {
      const { sweep, clock, batches } = harness({ isGentle: true, maxBatchSize: 1, msPerRow: 10, firstRunMs });
      const startedAt = clock.nowMs();
      let isOver = false;
      const swept = sweep().finally(() => {
        isOver = true;
      });
      while (!isOver) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(1);
      }
      assert.equal((await swept).seeds[0]!.runMs.length, 3);
      const runMs = firstRunMs + 10 * batches.length;
      assert.ok(clock.nowMs() - startedAt >= 3 * runMs, `${clock.nowMs() - startedAt} ms for ${runMs} ms of runs`);
    });

  it('leaves out batches of many megabytes', async () => {
    const wide = new Map([['s', signature({ x: spec('float32', [-1, 2 ** 20]) }, { y: spec('float32', [-1]) })]]);
    const sizes = { signatures: wide, maxBatchSize: 8, allowedBatchSizes: [1, 4, 8] };
    assert.deepEqual(rowsOf((await harness(sizes).sweep()).seeds), [1, 4]);
  });

  it('tells what failed and goes on with the next signature', async () => {
    const signatures = new Map([
      ['a', ROWS_OF_TWO],
      ['b', ROWS_OF_TWO],
    ]);
    const fails = (batch: Batch): boolean => batch.signatureName === 'a' && batch.size === 4;
    const { seeds, failures } = await harness({ signatures, fails, slots: 2 }).sweep();
    assert.deepEqual(
      failures.map(({ signatureName, rows }) => [signatureName, rows]),
      [['a', 4]],
    );
    assert.deepEqual(rowsOf(seeds), [1, 2, 1, 2, 4, 6]);
  });

  it('tries other sizes of free dims where 1 is refused, and keeps the one that runs', async () => {
    const image = signature({ x: spec('float32', [-1, 3, -1, -1]) }, { y: spec('float32', [-1]) });
    const shapesOf = ({ inputs }: Batch): string => `[${inputs.get('x')!.shape}]`;
    const fails = ({ inputs }: Batch): boolean => inputs.get('x')!.shape[2]! < 32;
    const { sweep, batches } = harness({ signatures: new Map([['s', image]]), fails, maxBatchSize: 2 });
    const { seeds, failures } = await sweep();
    assert.deepEqual([rowsOf(seeds), failures], [[1, 2], []]);
    const tried = [...new Set(batches.map(shapesOf))];
    assert.deepEqual(tried, ['[1,3,1,1]', '[1,3,2,2]', '[1,3,8,8]', '[1,3,32,32]', '[2,3,32,32]']);
  });

  it('gives up with the last shapes that were refused, within its bytes and its budget', async () => {
    const image = signature({ x: spec('float32', [-1, -1, -1]) }, { y: spec('float32', [-1]) });
    const signatures = new Map([['s', image]]);
    const { failures } = await harness({ signatures, fails: () => true }).sweep();
    assert.deepEqual(
      failures.map(({ rows, shapes, isSmallest }) => [rows, shapes, isSmallest]),
      [[1, 'x [1,224,224]', true]],
    );
    const fixed = harness({ fails: () => true });
    assert.equal((await fixed.sweep()).failures[0]!.shapes, 'x [1,2]');
    assert.equal(fixed.batches.length, 1);
  });
});

it('a sweep runs large rows one by one, unless sizes are configured', async () => {
  const large = signature({ x: spec('float32', [-1, 16_384]) }, { y: spec('float32', [-1, 2]) });
  const signatures = new Map<string, Signature>([['serving_default', large]]);
  assert.deepEqual(rowsOf((await harness({ signatures }).sweep()).seeds), [1]);
  assert.deepEqual(rowsOf((await harness({ signatures, allowedBatchSizes: [2, 6] }).sweep()).seeds), [2, 6]);
});

describe('a sweep where no largest batch is configured', () => {
  const small = { mayBeLarger: true, maxBatchSize: 64, runMs: 0.01, msPerRow: 0.00001 };

  it('goes on while rows get much cheaper and runs take next to no time', async () => {
    const { seeds, maxBatchSize, failures } = await harness(small).sweep();
    assert.deepEqual(rowsOf(seeds), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]);
    assert.equal(maxBatchSize, 2048);
    assert.deepEqual(failures, []);
  });

  it('keeps the configured one, and that of slow runs or of rows that are no cheaper in company', async () => {
    const bound = async (changes: Parameters<typeof harness>[0]): Promise<number> =>
      (await harness({ ...small, ...changes }).sweep()).maxBatchSize;
    assert.equal(await bound({ mayBeLarger: false }), 64);
    assert.equal(await bound({ runMs: 0.3 }), 64);
    assert.equal(await bound({ runMs: 0, msPerRow: 0.001 }), 64);
    assert.equal(await bound({ allowedBatchSizes: [16, 64] }), 64);
  });

  it('takes the smallest of what its signatures have, and no input of more than a MiB', async () => {
    const wide = signature({ x: spec('float32', [-1, 1024]) }, { y: spec('float32', [-1, 2]) });
    const signatures = new Map<string, Signature>([
      ['a', ROWS_OF_TWO],
      ['b', wide],
    ]);
    assert.equal((await harness({ ...small, signatures }).sweep()).maxBatchSize, 256);
  });

  it('does not mind a model that refuses more', async () => {
    const { failures, maxBatchSize } = await harness({ ...small, fails: ({ size }) => size > 100 }).sweep();
    assert.deepEqual([failures, maxBatchSize], [[], 64]);
  });
});
