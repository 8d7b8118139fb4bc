import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Backends } from '../../../src/backends/backends.ts';
import { siblingModule } from '../../../src/backends/host/sibling-module.ts';
import { type Host, type HostMove, type HostOptions, startHost } from '../../../src/backends/host/start-host.ts';
import type { WorkerEvent } from '../../../src/backends/host/worker-host-options.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Batch, BatchOrigin } from '../../../src/core/executor.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { elsewhereRuns } from '../../support/elsewhere-backend.ts';
import { FAKE_FILE, type FakeModel } from '../../support/fake-backend.ts';
import { batchOf, fakeModel, WHEN, yOf } from '../../support/fake-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { BOXES, ROUNDS, SQUARES, sizedBy, writeModel } from '../../support/unbounded-models.ts';

/** Above the fake's run time on any machine, and below that of a run that dawdles. */
const LIMITS = { runMs: 4, loadMs: 60_000 };
const NO_LIMITS = { runMs: Infinity, loadMs: Infinity };
/** Calibration sends zeros. */
const ZEROS_END_IT: Partial<FakeModel> = { faults: [{ whenFirstIs: 0, effect: 'exit' }] };
const ZEROS_FAIL: Partial<FakeModel> = { faults: [{ whenFirstIs: 0, effect: 'fail' }] };

describe('where a model is put', () => {
  it('inline if it is measured to be tiny', async (t) => {
    const { host } = await start(t, { limits: NO_LIMITS });
    assert.equal(host.kind, 'inline');
    assert.match(host.reason, /its largest batch took .* ms/);
    assert.ok(host.measured!.oneRowMs > 0 && host.measured!.largestMs! > 0);
    assert.equal(host.executor.slots, 1);
    assert.deepEqual(yOf(await host.executor.run(batchOf(2))), [3]);
  });

  it('on threads if not', async (t) => {
    const { host } = await start(t, { limits: { runMs: 0, loadMs: Infinity } });
    assert.equal(host.kind, 'thread');
    assert.match(host.reason, /one row took .* ms, over 0 ms/);
    assert.equal(host.measured!.largestMs, undefined);
    assert.equal(host.executor.slots, 2);
    assert.deepEqual(yOf(await host.executor.run(batchOf(2))), [3]);
  });

  it('on threads, without calibration, if the user says so', async (t) => {
    const { host } = await start(t, { host: 'thread', limits: NO_LIMITS });
    assert.deepEqual([host.kind, host.reason, host.measured], ['thread', 'as configured', undefined]);
  });

  it('inline if the user says so, and kept there', async (t) => {
    const { host, moves } = await start(t, { host: 'inline', limits: { runMs: 0, loadMs: 0 } });
    assert.deepEqual([host.kind, host.reason], ['inline', 'as configured']);
    for (let i = 0; i < 20; i++) await host.executor.run(batchOf(2));
    assert.deepEqual([host.executor.slots, moves], [1, []]);
  });

  it('never inline if calibration ends its thread, whatever the user says', async (t) => {
    for (const kind of ['auto', 'inline'] as const) {
      const { host, events } = await start(t, { host: kind, limits: NO_LIMITS }, ZEROS_END_IT);
      assert.equal(host.kind, 'thread');
      assert.match(host.reason, /calibration failed: .*died/);
      assert.equal(events[0]?.what, 'lost');
    }
  });

  it('on threads if calibration fails, unless the user says inline', async (t) => {
    const auto = await start(t, { limits: NO_LIMITS }, ZEROS_FAIL);
    assert.deepEqual([auto.host.kind, auto.host.measured], ['thread', undefined]);
    assert.match(auto.host.reason, /calibration failed: .*told to fail/);
    const forced = await start(t, { host: 'inline' }, ZEROS_FAIL);
    assert.equal(forced.host.kind, 'inline');
    assert.deepEqual(yOf(await forced.host.executor.run(batchOf(2))), [3]);
  });

  it('nowhere if it does not load', async (t) => {
    const options = fakeModel(t);
    rmSync(join(options.versionDirectory, FAKE_FILE));
    const backend = await new Backends().find('', options.backendModule);
    const loading = startHost({ ...options, backend, slots: 2, clock: systemClock, maxBatchSize: 4 });
    await assert.rejects(loading, { kind: 'load_failed', message: /fake\.json/ });
  });
});

describe('a model inline, and shapes that it was not measured with', () => {
  it('run on a thread beside it, and take no slot of its own', async (t) => {
    const { host, moves } = await start(t, { limits: LIMITS });
    const { executor } = host;
    assert.deepEqual([host.kind, executor.isInline], ['inline', true]);
    const long = executor.run(asRequest(twos(1000)));
    assert.equal(executor.slots, 2);
    assert.deepEqual(yOf(await executor.run(asRequest(twos(4)))), [3, 3, 3, 3], 'as many rows as were measured');
    assert.equal(yOf(await long).length, 1000);
    assert.deepEqual([executor.slots, executor.isInline, moves], [1, true, []]);
  });

  it('fail if no thread can load it, and the others run on', async (t) => {
    const { host, directory } = await start(t, { limits: LIMITS });
    rmSync(join(directory, FAKE_FILE));
    const failed = host.executor.run(asRequest(twos(1000)));
    await assert.rejects(failed, { kind: 'worker_lost', message: /not measured with cannot be started: .*fake\.json/ });
    assert.deepEqual(yOf(await host.executor.run(asRequest(twos(1)))), [3]);
  });

  it('are measured by trials of up to twice the rows', async (t) => {
    const { host } = await start(t, { limits: LIMITS });
    const { executor } = host;
    await executor.run(twos(8));
    const measured = executor.run(asRequest(twos(8)));
    assert.equal(executor.slots, 1);
    await measured;
    const tooMany = executor.run(twos(17));
    assert.equal(executor.slots, 2);
    await tooMany;
  });

  it('include other sizes of a free dim of an ONNX model', async (t) => {
    const versionDirectory = join(writeModel(tempDirectory(t), 'squares', SQUARES), '1');
    const { host } = await start(t, { versionDirectory, backendModule: 'onnx', limits: NO_LIMITS });
    assert.equal(host.kind, 'inline');
    await host.executor.run(rowOf(1));
    let turns = 0;
    const run = host.executor.run(rowOf(2000)).then(() => turns);
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
    assert.equal(await run, 1, 'the event loop went on');
  });
});

/** One row of a free length, of a request. */
function rowOf(length: number): Batch {
  const x = numericTensor('float32', [1, length], new Float32Array(length));
  const batch = {
    signatureName: 'serving_default',
    inputs: new Map([['x', x]]),
    outputs: ['y'],
    size: 1,
    deadline: Infinity,
  };
  return asRequest(batch);
}

describe('where a model is put by its graph', () => {
  const unbounded = ['Range', 'Expand', 'Tile', 'ConstantOfShape', 'Scan'] as const;
  for (const op of unbounded) {
    it(`in a process: ${op} by a value`, async (t) => {
      const versionDirectory = join(writeModel(tempDirectory(t), 'sized', sizedBy(op)), '1');
      const { host } = await start(t, { versionDirectory, backendModule: 'onnx', limits: NO_LIMITS, slots: 1 });
      assert.equal(host.kind, 'process');
      assert.match(host.reason, new RegExp(op === 'Scan' ? 'Range' : op));
      const n = numericTensor('int64', [1], new BigInt64Array([3n]));
      const batch = { signatureName: 'serving_default', inputs: new Map([['n', n]]), outputs: ['y'], size: 1 };
      const { outputs } = await host.executor.run({ ...batch, deadline: Infinity });
      assert.deepEqual(outputs.get('y')!.shape, [3]);
    });
  }

  it('on threads: boxes', async (t) => {
    const versionDirectory = join(writeModel(tempDirectory(t), 'boxes', BOXES), '1');
    const { host } = await start(t, { versionDirectory, backendModule: 'onnx', limits: NO_LIMITS });
    assert.equal(host.kind, 'thread');
    assert.match(host.reason, /NonMaxSuppression/);
  });

  it('where its owner says, with a caution', async (t) => {
    const versionDirectory = join(writeModel(tempDirectory(t), 'rounds', ROUNDS), '1');
    const of = { versionDirectory, backendModule: 'onnx', limits: NO_LIMITS };
    const thread = await start(t, { ...of, defaultHost: 'thread' });
    assert.equal(thread.host.kind, 'thread');
    assert.match(
      thread.host.cautions!.join(),
      /^one request may compute for ever, .* in a thread: .*Loop.*isolate: true/,
    );
    const inline = await start(t, { ...of, host: 'inline' });
    assert.equal(inline.host.kind, 'inline');
    assert.match(inline.host.cautions!.join(), /on the event loop/);
    const own = await start(t, { ...of, host: 'process', slots: 1 });
    assert.deepEqual([own.host.kind, own.host.cautions], ['process', []]);
  });

  it('a shadow is put like it, since nobody has asked for its thread', async (t) => {
    const versionDirectory = join(writeModel(tempDirectory(t), 'rounds', ROUNDS), '1');
    const of = {
      versionDirectory,
      backendModule: 'onnx',
      defaultHost: 'thread',
      priority: { isBackground: true },
      slots: 1,
    } as const;
    assert.equal((await start(t, of)).host.kind, 'process');
    const boxes = join(writeModel(tempDirectory(t), 'boxes', BOXES), '1');
    const confined = await start(t, { ...of, versionDirectory: boxes, defaultHost: 'process' });
    assert.equal(confined.host.kind, 'process', 'as its server confines models');
  });
});

function asRequest(batch: Batch): Batch {
  return { ...batch, origin: { traceHeaders: undefined, priority: 1, onAbandoned: undefined, note: () => undefined } };
}

function twos(rows: number): Batch {
  const x = numericTensor('float32', [rows], new Float32Array(rows).fill(2));
  return { ...batchOf(2), inputs: new Map([['x', x]]), size: rows };
}

describe('a model inline whose runs become slow', () => {
  it('moves to threads, and no request is lost or fails', async (t) => {
    const { host, moves } = await start(t, { limits: LIMITS });
    assert.equal(host.kind, 'inline');
    const answers: Promise<number[]>[] = [];
    // The fake does harm from 101 on, and a busy machine may need more batches than that before the move.
    const inputOf = (i: number): number => i % 100;
    // Under load: every other batch is slow, and they are sent while the next host loads and takes over.
    for (let i = 0; moves.length === 0 || i < 40; i++) {
      const values = i % 2 === 0 ? [WHEN.dawdle, inputOf(i)] : [inputOf(i)];
      const buffer = host.executor.allocate(4 * values.length);
      new Float32Array(buffer).set(values);
      const data = new Uint8Array(buffer, 0, 4 * values.length);
      const inputs = new Map([['x', { dtype: 'float32', shape: [values.length], data } as const]]);
      answers.push(host.executor.run({ ...batchOf(...values), inputs }).then((result) => yOf(result)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const [i, y] of (await Promise.all(answers)).entries()) assert.equal(y.at(-1), inputOf(i) / 2 + 2);
    assert.deepEqual([moves.length, moves[0]!.isDone, host.executor.slots], [1, true, 2]);
    assert.match(moves[0]!.reason, /more than 1 in 20 runs take over 8 ms, the last \d/);
    assert.deepEqual(yOf(await host.executor.run(batchOf(2))), [3]);
    await host.close();
    await assert.rejects(host.executor.run(batchOf(2)), { kind: 'backend_failed', message: /unloaded/ });
  });

  it('moves after two runs that stall the event loop, however many are quick', async (t) => {
    const { host, moves } = await start(t, { limits: { runMs: 10_000, loadMs: 60_000 } });
    assert.equal(host.kind, 'inline');
    for (const value of [1, 1, WHEN.tarry, 1, 1]) await host.executor.run(batchOf(value));
    assert.deepEqual([host.executor.isInline, moves], [true, []], 'one may be a pause of the machine');
    await host.executor.run(batchOf(WHEN.tarry));
    while (moves.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(host.executor.isInline, false);
    assert.match(moves[0]!.reason, /^two runs took over \d+ ms, the last \d+ ms$/);
  });

  it('stays when no thread can load it any more, and says so', async (t) => {
    const { host, moves, directory } = await start(t, { limits: LIMITS });
    rmSync(join(directory, FAKE_FILE));
    for (let i = 0; moves.length === 0; i++) {
      assert.deepEqual(yOf(await host.executor.run(batchOf(WHEN.dawdle, i))), [WHEN.dawdle / 2 + 2, i / 2 + 2]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(moves[0]!.isDone, false);
    assert.match(moves[0]!.reason, /fake\.json/);
    assert.deepEqual(yOf(await host.executor.run(batchOf(2))), [3]);
  });

  it('can be closed while it moves', async (t) => {
    const { host, moves } = await start(t, { limits: LIMITS });
    for (let i = 0; i < 8; i++) await host.executor.run(batchOf(WHEN.dawdle));
    await host.close();
    await assert.rejects(host.executor.run(batchOf(2)), { kind: 'backend_failed', message: /unloaded/ });
    assert.deepEqual(moves, []);
  });
});

it('a backend that another server computes for is put on the event loop, with several runs at once', async (t) => {
  const backendModule = siblingModule(import.meta.url, '../../support/elsewhere-backend').href;
  // It overrides the server's default.
  const { host, moves } = await start(t, { backendModule, defaultHost: 'thread' });
  assert.deepEqual([host.kind, host.reason], ['inline', 'backend "elsewhere" runs inline only']);
  const { executor } = host;
  assert.deepEqual([executor.slots, executor.isInline, executor.isElsewhere], [3, true, true]);
  const origin: BatchOrigin = { traceHeaders: undefined, priority: 1, onAbandoned: undefined, note: () => undefined };
  const answers = [1, 2, 3].map((value) => executor.run({ ...batchOf(value), origin }));
  assert.equal(elsewhereRuns.length, 3);
  assert.equal(elsewhereRuns[2]!.options.origin, origin);
  for (const run of elsewhereRuns.reverse()) run.finish();
  for (const { outputs } of await Promise.all(answers)) assert.ok(outputs.has('x'));
  assert.deepEqual(moves, []);
});

interface Overrides extends Partial<HostOptions> {
  readonly backendModule?: string;
}

async function start(t: TestContext, { backendModule, ...overrides }: Overrides, changes: Partial<FakeModel> = {}) {
  const options = fakeModel(t, changes);
  const moves: HostMove[] = [];
  const events: WorkerEvent[] = [];
  const host: Host = await startHost({
    ...options,
    backend: await new Backends().find('', backendModule ?? options.backendModule),
    slots: 2,
    clock: systemClock,
    maxBatchSize: 4,
    onMove: (move) => moves.push(move),
    onWorkerEvent: (event) => events.push(event),
    ...overrides,
  });
  t.after(() => host.close());
  return { host, moves, events, directory: options.versionDirectory };
}
