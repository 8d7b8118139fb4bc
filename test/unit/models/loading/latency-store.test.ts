import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { StateFiles } from '../../../../src/files/state-files.ts';
import type { Logger } from '../../../../src/ledger/log/log.ts';
import { artifactHash, type HashArtifact } from '../../../../src/models/loading/artifact-hash.ts';
import { LatencyStore } from '../../../../src/models/loading/latency-store.ts';
import { LatencyModel } from '../../../../src/scheduler/latency/latency-model.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

class Log implements Logger {
  readonly level = 'info';
  readonly lines: string[] = [];
  debug(): void {}
  info(_: unknown, message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(_: unknown, message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(): void {}
  fatal(): void {}
  isLevelEnabled(): boolean {
    return true;
  }
  child(): Logger {
    return this;
  }
}

async function setUp(t: TestContext, artifact = 'weights') {
  const root = tempDirectory(t);
  const [directory, versionDirectory] = [join(root, 'state'), join(root, '1')];
  await mkdir(versionDirectory);
  await writeFile(join(versionDirectory, 'model.onnx'), artifact);
  const log = new Log();
  const clock = new FakeClock();
  const store = (changes: { cpuModel?: string; threads?: number } = {}) =>
    new LatencyStore({
      files: new StateFiles({ directory, clock }),
      clock,
      logger: log,
      cpuModel: 'cpu',
      threads: 1,
      ...changes,
    });
  return { directory, versionDirectory, hashArtifact: () => artifactHash(versionDirectory), log, clock, store };
}

function modelOf(runMs?: number): LatencyModel {
  const model = new LatencyModel();
  model.curveOf('s', 8, []);
  if (runMs !== undefined) model.seed([{ signature: 's', rows: 1, runMs }]);
  return model;
}

const known = (model: LatencyModel): number => model.curveOf('s', 8, []).meanMs(1);

/** Writes what `model` knows as a server does that ends. */
async function serveOnce(store: LatencyStore, hashArtifact: HashArtifact, runMs: number): Promise<void> {
  const model = modelOf();
  const kept = await store.keep('m', 1n, hashArtifact, model);
  model.seed([{ signature: 's', rows: 1, runMs }]);
  await kept.end();
}

describe('LatencyStore', () => {
  it('keeps what one of several runtimes took apart from the others', async (t) => {
    const { hashArtifact, store } = await setUp(t);
    const model = modelOf();
    const kept = await store().keep('m', 1n, hashArtifact, model, 'onnx');
    model.seed([{ signature: 's', rows: 1, runMs: 7 }]);
    await kept.end();
    for (const [backend, ms] of [
      ['onnx', 7],
      ['saved_model', 0],
      [undefined, 0],
    ] as const) {
      const next = modelOf();
      await (await store().keep('m', 1n, hashArtifact, next, backend)).end();
      assert.equal(known(next), ms, backend);
    }
  });

  it('gives the next start what this one learned', async (t) => {
    const { store, hashArtifact, log, directory } = await setUp(t);
    await serveOnce(store(), hashArtifact, 7);
    const next = modelOf();
    await (await store().keep('m', 1n, hashArtifact, next)).end();
    assert.equal(known(next), 7);
    assert.deepEqual(log.lines, ['info run times taken over from an earlier start']);
    assert.equal((await readdir(directory)).length, 1, 'and no draft is left');
  });

  it('but not to other bytes, another CPU or other threads', async (t) => {
    const { store, versionDirectory, hashArtifact } = await setUp(t);
    await serveOnce(store(), hashArtifact, 7);
    for (const changes of [{ cpuModel: 'other' }, { threads: 2 }]) {
      const next = modelOf();
      await (await store(changes).keep('m', 1n, hashArtifact, next)).end();
      assert.equal(known(next), 0);
    }
    await writeFile(join(versionDirectory, 'model.onnx'), 'others');
    const next = modelOf();
    await (await store().keep('m', 2n, hashArtifact, next)).end();
    assert.equal(known(next), 0);
  });

  it('ignores a file that holds anything else, says so, and writes it anew', async (t) => {
    const { store, hashArtifact, log, directory } = await setUp(t);
    await serveOnce(store(), hashArtifact, 7);
    const [name] = await readdir(directory);
    await writeFile(join(directory, name!), '{"signatures":');
    await serveOnce(store(), hashArtifact, 9);
    assert.match(log.lines[0]!, /^warn run times of earlier starts cannot be read/);
    assert.match(await readFile(join(directory, name!), 'utf8'), /"meanMs":9/);
  });

  it('writes every minute while there is news', async (t) => {
    const { store, hashArtifact, clock, directory } = await setUp(t);
    const model = modelOf();
    const kept = await store().keep('m', 1n, hashArtifact, model);
    clock.advance(60_000);
    assert.deepEqual(await readdir(directory), []);
    model.seed([{ signature: 's', rows: 1, runMs: 3 }]);
    await kept.end();
    assert.equal((await readdir(directory)).length, 1);
    assert.equal(clock.armed, 0, 'no timer is left');
  });

  it('fails no load where it cannot write, and does nothing without a directory', async (t) => {
    const { versionDirectory, hashArtifact, log, clock } = await setUp(t);
    const file = join(versionDirectory, 'model.onnx');
    const files = new StateFiles({ directory: join(file, 'x'), clock });
    const broken = new LatencyStore({ files, clock, logger: log, cpuModel: '', threads: 1 });
    await (await broken.keep('m', 1n, hashArtifact, modelOf(1))).end();
    assert.match(log.lines[0]!, /^warn/);
    const none = new LatencyStore({ files: undefined, clock, logger: log, cpuModel: '', threads: 1 });
    await (await none.keep('m', 1n, hashArtifact, modelOf(1))).end();
    assert.equal(log.lines.length, 1);
  });
});
