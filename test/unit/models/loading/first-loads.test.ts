import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { WorkBounds } from '../../../../src/backends/backend.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { StateFiles } from '../../../../src/files/state-files.ts';
import type { Logger } from '../../../../src/ledger/log/log.ts';
import { artifactHash } from '../../../../src/models/loading/artifact-hash.ts';
import { type FirstLoad, FirstLoads, type FirstLoadsOptions } from '../../../../src/models/loading/first-loads.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

function nothing(): void {
  // Nobody reads it.
}

const NO_LOG: Logger = {
  level: 'info',
  ...{ debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing },
  isLevelEnabled: () => false,
  child: () => NO_LOG,
};
const BY_SHAPES: WorkBounds = { kind: 'shapes', op: undefined, reason: '' };
const CRASH = new ServingError('load_failed', 'it crashed', { attributes: { workerEnded: true, crashed: true } });

async function setUp(t: TestContext) {
  const root = tempDirectory(t);
  const [state, version] = [join(root, 'state'), join(root, '1')];
  await mkdir(version);
  await writeFile(join(version, 'model.onnx'), 'weights');
  const files = new StateFiles({ directory: state, clock: new FakeClock() });
  /** A server's loads, of its own start. */
  const start = (changes: Partial<FirstLoadsOptions> = {}) => {
    const fixed = { logger: NO_LOG, cpuModel: 'cpu', runtimes: 'onnxruntime 1' };
    const loads = new FirstLoads({ files, ...fixed, isServing: () => false, ...changes });
    return (): Promise<FirstLoad> => loads.begin('m', 1n, version, () => artifactHash(version));
  };
  const marks = async () => (await readdir(state)).filter((name) => name.endsWith('.loading.json'));
  return { start, marks };
}

describe('a first load', () => {
  it('needs no process at a cold start, unless more than shapes decides what its graph does', async (t) => {
    const { start } = await setUp(t);
    const first = await start()();
    assert.equal(await first.reasonToTry('onnx', BY_SHAPES), undefined);
    assert.equal(await first.reasonToTry('plug-in', undefined), undefined);
    for (const kind of ['input_size', 'values'] as const)
      assert.equal(await first.reasonToTry('onnx', { kind, op: 'Einsum', reason: 'an equation' }), 'an equation');
  });

  it('needs one while others are served, once for the same bytes, runtime, CPU and backend', async (t) => {
    const { start } = await setUp(t);
    const isServing = (): boolean => true;
    const reasons = async (load: () => Promise<FirstLoad>, kind = 'onnx'): Promise<string | undefined> => {
      const first = await load();
      const reason = await first.reasonToTry(kind, BY_SHAPES);
      await first.end();
      return reason;
    };
    for (const change of [{}, { cpuModel: 'another' }, { runtimes: 'onnxruntime 2' }]) {
      const load = start({ isServing, ...change });
      assert.match((await reasons(load))!, /has not loaded it before/);
      assert.equal(await reasons(load), undefined);
      // Another start of the server knows it, too.
      assert.equal(await reasons(start({ isServing, ...change })), undefined);
    }
    assert.notEqual(await reasons(start({ isServing }), 'other'), undefined);
  });

  it('is known without a directory for the rest of the process', async (t) => {
    const { start } = await setUp(t);
    const load = start({ files: undefined, isServing: () => true });
    const first = await load();
    assert.notEqual(await first.reasonToTry('onnx', BY_SHAPES), undefined);
    await first.end(new ServingError('load_failed', 'no such op'));
    assert.notEqual(await (await load()).reasonToTry('onnx', BY_SHAPES), undefined);
    const second = await load();
    await second.reasonToTry('onnx', BY_SHAPES);
    await second.end();
    assert.equal(await (await load()).reasonToTry('onnx', BY_SHAPES), undefined);
  });

  it('is marked while it lasts, and after a crash in a process', async (t) => {
    const { start, marks } = await setUp(t);
    const first = await start()();
    assert.equal((await marks()).length, 1);
    await first.end(new ServingError('load_failed', 'no such op'));
    assert.deepEqual(await marks(), []);
    // The server dies in this one.
    await start()();
    const next = await start()();
    assert.match((await next.reasonToTry('onnx', BY_SHAPES))!, /ended in its last load/);
    await next.end(CRASH);
    assert.equal((await marks()).length, 1);
    const last = await start()();
    assert.notEqual(await last.reasonToTry('onnx', BY_SHAPES), undefined);
    await last.end();
    assert.deepEqual(await marks(), []);
    assert.equal(await (await start()()).reasonToTry('onnx', BY_SHAPES), undefined);
  });
});
