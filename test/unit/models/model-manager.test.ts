import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ModelConfig } from '../../../src/config/model-config.ts';
import { type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { ModelManager } from '../../../src/models/model-manager.ts';
import { Servable, type ServableRunner } from '../../../src/models/servable.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'pillion-models-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

function config(extra: Partial<ModelConfig> = {}): ModelConfig {
  return {
    name: 'm',
    basePath: base,
    versionPolicy: { kind: 'latest', count: 1 },
    versionLabels: new Map(),
    backend: undefined,
    executionProvider: 'cpu',
    host: undefined,
    ...extra,
  };
}

function runner(onClose = (): void => undefined): ServableRunner {
  return {
    submit: () => Promise.resolve(new Map()),
    close: async () => onClose(),
    queuedRows: 0,
    queuedTasks: 0,
    runningBatches: 0,
    sessions: 1,
  };
}

const load = async (model: ModelConfig, version: bigint): Promise<Servable> =>
  new Servable(model.name, version, new Map(), runner());

function isKind(kind: ErrorKind, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

describe('ModelManager', () => {
  it('serves the highest number and ignores what is no version', async () => {
    for (const name of ['2', '00017', 'notes', '-3']) await mkdir(join(base, name));
    await writeFile(join(base, '99'), 'a file is no version');
    const manager = new ModelManager({ models: [config()], load });
    await manager.start();
    assert.equal(manager.acquire('m', {}).servable.version, 17n);
    assert.equal(manager.isReady, true);
  });

  it('finds a version by number and by label, and says what there is when it does not', async () => {
    await mkdir(join(base, '1'));
    await mkdir(join(base, '2'));
    const labelled = config({ versionPolicy: { kind: 'all' }, versionLabels: new Map([['stable', 1n]]) });
    const manager = new ModelManager({ models: [labelled], load });
    await manager.start();
    assert.equal(manager.acquire('m', { version: 1n }).servable.version, 1n);
    assert.equal(manager.acquire('m', { label: 'stable' }).servable.version, 1n);
    assert.throws(
      () => manager.acquire('m', { version: 7n }),
      isKind('model_not_found', /no version 7; available: 2, 1/),
    );
    assert.throws(() => manager.acquire('m', { label: 'canary' }), isKind('label_not_found', /labels: stable/));
    assert.throws(() => manager.acquire('x', {}), isKind('model_not_found', /served: m/));
    assert.deepEqual(
      manager.status('m', {}).map((s) => [s.version, s.state]),
      [
        [2n, 'AVAILABLE'],
        [1n, 'AVAILABLE'],
      ],
    );
  });

  it('answers model_not_ready while a version loads', async () => {
    await mkdir(join(base, '1'));
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const manager = new ModelManager({
      models: [config()],
      load: async (model, version) => {
        await gate;
        return load(model, version);
      },
    });
    const changes: boolean[] = [];
    manager.onReadinessChange(() => changes.push(manager.isReady));
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_ready', /still loading/));
    const started = manager.start();
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_ready', /still loading/));
    finish();
    await started;
    manager.acquire('m', {}).release();
    assert.deepEqual(changes, [true]);
  });

  it('names the path when there is nothing to serve', async () => {
    const missing = new ModelManager({ models: [config({ basePath: join(base, 'nowhere') })], load });
    await assert.rejects(missing.start(), isKind('load_failed', /nowhere does not exist/));
    const empty = new ModelManager({ models: [config()], load });
    await assert.rejects(empty.start(), isKind('load_failed', /holds no numbered version directory/));
    await mkdir(join(base, '1'));
    const specific = new ModelManager({
      models: [config({ versionPolicy: { kind: 'specific', versions: [9n] } })],
      load,
    });
    await assert.rejects(specific.start(), isKind('load_failed', /holds versions 1, none of which/));
  });

  it('shows a failed load as END with its reason', async () => {
    await mkdir(join(base, '1'));
    const failure = new ServingError('load_failed', 'no good');
    const manager = new ModelManager({ models: [config()], load: () => Promise.reject(failure) });
    await assert.rejects(manager.start(), failure);
    const [status] = manager.status('m', {});
    assert.equal(status!.state, 'END');
    assert.equal(status!.error, failure);
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_found', /failed to load: no good/));
  });

  it('closes a version only when its last handle is back', async () => {
    await mkdir(join(base, '1'));
    let isClosed = false;
    const manager = new ModelManager({
      models: [config()],
      load: async (model, version) =>
        new Servable(
          model.name,
          version,
          new Map(),
          runner(() => {
            isClosed = true;
          }),
        ),
    });
    await manager.start();
    const handle = manager.acquire('m', {});
    const closed = manager.close();
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_found', /none is available/));
    await Promise.resolve();
    assert.equal(isClosed, false);
    handle.release();
    handle.release();
    await closed;
    assert.equal(isClosed, true);
    assert.equal(manager.status('m', {})[0]!.state, 'END');
  });
});
