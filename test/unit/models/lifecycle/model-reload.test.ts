import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ModelConfig } from '../../../../src/config/model-config.ts';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import type { ModelManagerOptions } from '../../../../src/models/lifecycle/manager-settings.ts';
import { BROKEN, LifeHarness, modelConfig, PASSING } from '../../../support/model-lifecycle-harness.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { turn } from '../../../support/turns.ts';

const POLL_MS = 1000;
const ALL = { kind: 'all' } as const;

function isKind(kind: ErrorKind, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

/** `m` with versions 1 and 2, both served. */
async function serving(
  extra: Partial<ModelConfig> = {},
  options: Partial<ModelManagerOptions> = {},
): Promise<LifeHarness> {
  const harness = new LifeHarness([modelConfig('m', { versionPolicy: ALL, ...extra })], options);
  harness.files.put('/m', 1n);
  harness.files.put('/m', 2n);
  await harness.start();
  await harness.started;
  return harness;
}

describe('ModelManager.reload', () => {
  it('loads new names and waits for them, unloads those that are gone and does not wait', async () => {
    const harness = await serving();
    const held = harness.manager.acquire('m', {});
    harness.files.put('/n', 1n);
    harness.loads.isHolding = true;
    let isDone = false;
    const reloaded = harness.manager.reload([modelConfig('n')]).then(() => {
      isDone = true;
    });
    await turn();
    assert.equal(isDone, false);
    assert.deepEqual(harness.manager.modelNames, ['n']);
    assert.throws(() => harness.manager.acquire('m', {}), isKind('model_not_found', /served: n/));
    await harness.loads.finish('n/1');
    await reloaded;
    assert.equal(harness.manager.acquire('n', {}).servable.name, 'n');
    assert.deepEqual([...harness.loads.open].map(({ name, version }) => `${name}/${version}`).sort(), ['m/2', 'n/1']);
    held.release();
    await turn();
    assert.deepEqual(
      [...harness.loads.open].map(({ name }) => name),
      ['n'],
    );
    assert.equal(harness.manager.isReady, true);
  });

  it('changes a known model in place: its policy, without touching what stays', async () => {
    const harness = await serving();
    await harness.manager.reload([modelConfig('m')]);
    await turn();
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 END']);
    assert.deepEqual(harness.loads.begun, ['m/2', 'm/1']);
  });

  it('loads anew beside the old one what another host or backend is wanted for', async () => {
    const harness = await serving();
    const old = harness.manager.acquire('m', { version: 2n });
    old.release();
    harness.loads.isHolding = true;
    await harness.manager.reload([modelConfig('m', { versionPolicy: ALL, host: 'thread' })]);
    await turn();
    const still = harness.manager.acquire('m', {});
    assert.equal(still.servable, old.servable);
    still.release();
    await harness.loads.finish('m/2');
    await harness.loads.finish('m/1');
    const swapped = harness.manager.acquire('m', { version: 2n });
    assert.notEqual(swapped.servable, old.servable);
    swapped.release();
    assert.equal(harness.loads.models.at(-1)!.host, 'thread');
    assert.equal(harness.loads.open.size, 2);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 AVAILABLE']);
  });

  it('keeps the old version when it does not load as it is wanted now', async () => {
    const harness = await serving();
    for (const key of ['m/1', 'm/2']) harness.loads.failFromNow(key, BROKEN);
    await harness.manager.reload([modelConfig('m', { versionPolicy: ALL, backend: 'other' })]);
    await turn();
    assert.equal(harness.manager.acquire('m', {}).servable.version, 2n);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 AVAILABLE']);
  });

  it('moves to another base path availability preserving, and stays where it is while that is not there', async () => {
    const harness = await serving();
    const before = harness.manager.acquire('m', {});
    before.release();
    const moved = [modelConfig('m', { versionPolicy: ALL, basePath: '/new' })];
    await harness.manager.reload(moved);
    await harness.pass(POLL_MS);
    const still = harness.manager.acquire('m', {});
    assert.equal(still.servable, before.servable);
    still.release();
    harness.files.put('/new', 2n);
    await harness.pass(POLL_MS);
    const after = harness.manager.acquire('m', {});
    assert.equal(after.servable.version, 2n);
    assert.notEqual(after.servable, before.servable);
    assert.equal(harness.loads.open.size, 1);
  });

  it('tries again what had failed', async () => {
    const harness = await serving();
    harness.loads.failFromNow('m/3', BROKEN);
    harness.files.put('/m', 3n);
    await harness.pass(POLL_MS);
    harness.loads.failFromNow('m/3', undefined);
    await harness.manager.reload([modelConfig('m', { versionPolicy: ALL })]);
    await turn();
    assert.equal(harness.states('m')[0], '3 AVAILABLE');
  });

  it('rejects for a new model that cannot be loaded or is not there, and serves it when it comes', async () => {
    const harness = await serving();
    const known = modelConfig('m', { versionPolicy: ALL });
    await assert.rejects(
      harness.manager.reload([known, modelConfig('late')]),
      isKind('load_failed', /model "late" waits for its versions: base path \/late does not exist/),
    );
    assert.deepEqual(harness.manager.modelNames, ['m', 'late']);
    harness.files.put('/late', 1n);
    await harness.pass(POLL_MS);
    harness.manager.acquire('late', {}).release();
    harness.files.put('/bad', 1n);
    harness.loads.failFromNow('bad/1', BROKEN);
    await assert.rejects(harness.manager.reload([known, modelConfig('bad')]), BROKEN);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 2n);
  });

  it('tells at once of a load that will be tried again, so that the next reload need not wait', async () => {
    const harness = await serving();
    harness.files.put('/n', 1n);
    harness.loads.failFromNow('n/1', PASSING);
    await assert.rejects(harness.manager.reload([modelConfig('n')]), PASSING);
    assert.deepEqual(harness.states('n'), ['1 LOADING']);
    harness.loads.failFromNow('n/1', undefined);
    await harness.pass(60_000);
    assert.deepEqual(harness.states('n'), ['1 AVAILABLE']);
  });

  it('refuses a list that cannot be meant, and changes nothing', async (t) => {
    const harness = await serving();
    const version = join(tempDirectory(t), '1');
    mkdirSync(version);
    writeFileSync(join(version, 'saved_model.pb'), '');
    const bad: readonly (readonly [RegExp, readonly ModelConfig[]])[] = [
      [/model "n" is listed twice/, [modelConfig('n'), modelConfig('n')]],
      [/has no name/, [modelConfig('')]],
      [/model "n" has no base path/, [modelConfig('n', { basePath: '' })]],
      [
        /model "n": base path .+1 is a version itself, as it holds saved_model.pb; give its parent .+; nothing was changed/,
        [modelConfig('n', { basePath: version })],
      ],
    ];
    for (const [text, models] of bad) {
      await assert.rejects(harness.manager.reload(models), isKind('invalid_request', text));
      assert.deepEqual(harness.manager.modelNames, ['m']);
    }
  });

  it('runs one reload at a time, in order', async () => {
    const harness = await serving();
    harness.files.put('/n', 1n);
    harness.loads.isHolding = true;
    const first = harness.manager.reload([modelConfig('n')]);
    const second = harness.manager.reload([]);
    await turn();
    assert.deepEqual(harness.manager.modelNames, ['n']);
    await harness.loads.finish('n/1');
    await Promise.all([first, second]);
    await turn();
    assert.deepEqual(harness.manager.modelNames, []);
    assert.equal(harness.loads.open.size, 0);
  });

  it('is refused once the server is closing, and close() ends one that waits', async () => {
    const harness = await serving();
    harness.files.put('/n', 1n);
    harness.loads.isHolding = true;
    const reload = harness.manager.reload([modelConfig('n')]);
    await turn();
    const closed = harness.manager.close();
    await turn();
    await harness.loads.finish('n/1');
    await Promise.all([closed, reload]);
    assert.equal(harness.loads.open.size, 0);
    await assert.rejects(harness.manager.reload([]), isKind('draining', /shutting down/));
  });
});

describe('ModelManager.reload: labels', () => {
  const labelled = (labels: Readonly<Record<string, bigint>>, extra: Partial<ModelConfig> = {}): ModelConfig =>
    modelConfig('m', { versionPolicy: ALL, versionLabels: new Map(Object.entries(labels)), ...extra });

  it('moves a label at once to a version that is available', async () => {
    const harness = await serving({ versionLabels: new Map([['stable', 1n]]) });
    await harness.manager.reload([labelled({ stable: 2n })]);
    assert.equal(harness.manager.acquire('m', { label: 'stable' }).servable.version, 2n);
  });

  it('moves a label that is in use to nothing else, and changes nothing then', async () => {
    for (const allowUnavailableLabels of [false, true]) {
      const harness = await serving({ versionLabels: new Map([['stable', 1n]]) }, { allowUnavailableLabels });
      harness.files.put('/m', 3n);
      const text = /label "stable" cannot name version 3, which is not available; it names version 1 now/;
      await assert.rejects(
        harness.manager.reload([labelled({ stable: 3n }), modelConfig('n')]),
        isKind('load_failed', text),
      );
      assert.equal(harness.manager.acquire('m', { label: 'stable' }).servable.version, 1n);
      assert.deepEqual(harness.manager.modelNames, ['m']);
    }
  });

  it('lets a new label name what the same list is going to load', async () => {
    const harness = await serving();
    harness.files.put('/m', 3n);
    harness.loads.isHolding = true;
    await harness.manager.reload([labelled({ canary: 3n })]);
    await turn();
    assert.throws(() => harness.manager.acquire('m', { label: 'canary' }), isKind('model_not_ready', /still loading/));
    await harness.loads.finish('m/3');
    assert.equal(harness.manager.acquire('m', { label: 'canary' }).servable.version, 3n);
  });

  it('refuses a new label for what will not be there, unless that is allowed', async () => {
    const harness = await serving();
    const wrong = [labelled({ canary: 9n })];
    await assert.rejects(harness.manager.reload(wrong), isKind('load_failed', /loaded would be 2, 1; nothing was/));
    const nowhere = [labelled({ canary: 9n }, { basePath: '/nowhere' })];
    await assert.rejects(harness.manager.reload(nowhere), isKind('load_failed', /base path \/nowhere does not exist/));
    assert.throws(() => harness.manager.acquire('m', { label: 'canary' }), isKind('label_not_found', /no labels/));
    const lax = await serving({}, { allowUnavailableLabels: true });
    await lax.manager.reload(wrong);
    assert.throws(() => lax.manager.acquire('m', { label: 'canary' }), isKind('model_not_found', /no version 9/));
  });
});

describe('ModelManager.reload: platforms', () => {
  const keepsPlatforms = true;

  it('refuses a list that changes the platform of a served model, and changes nothing', async () => {
    const harness = await serving({ backend: 'onnx' });
    const list = [modelConfig('m', { versionPolicy: ALL, backend: 'tfjs' }), modelConfig('n')];
    await assert.rejects(
      harness.manager.reload(list, { keepsPlatforms }),
      isKind(
        'invalid_request',
        /model "m" has the platform "onnx", which cannot change to "tfjs".*nothing was changed/,
      ),
    );
    await assert.rejects(
      harness.manager.reload([modelConfig('m')], { keepsPlatforms }),
      isKind('invalid_request', /cannot change to "tensorflow"/),
    );
    assert.deepEqual(harness.manager.modelNames, ['m']);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 AVAILABLE']);
    await harness.manager.reload([modelConfig('m', { backend: 'onnx' })], { keepsPlatforms });
  });

  it('refuses a list with a backend that is not there, and changes nothing', async () => {
    const asked: string[] = [];
    const checkBackend = async (kind: string): Promise<void> => {
      asked.push(kind);
      throw new ServingError('load_failed', `backend "${kind}" is not built in`);
    };
    const harness = await serving({}, { checkBackend });
    for (const list of [
      [modelConfig('m', { backend: 'nope' })],
      [modelConfig('m', { versionPolicy: ALL }), modelConfig('n', { backend: 'nope' })],
    ]) {
      await assert.rejects(
        harness.manager.reload(list),
        isKind('invalid_request', /model "[mn]": backend "nope" is not built in; nothing was changed/),
      );
    }
    assert.deepEqual(asked, ['nope', 'nope']);
    assert.deepEqual(harness.manager.modelNames, ['m']);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 AVAILABLE']);
  });
});

describe('the status of a model that was removed', () => {
  it('stays: UNLOADING while requests hold it, then END, and NOT_FOUND for requests', async () => {
    const harness = await serving();
    const held = harness.manager.acquire('m', {});
    harness.files.put('/n', 1n);
    await harness.manager.reload([modelConfig('n')]);
    assert.deepEqual(harness.states('m'), ['2 UNLOADING', '1 END']);
    held.release();
    await turn();
    assert.deepEqual(harness.states('m'), ['2 END', '1 END']);
    assert.deepEqual(harness.manager.status('m', { version: 1n }), [{ version: 1n, state: 'END', error: undefined }]);
    assert.throws(() => harness.manager.status('m', { version: 3n }), isKind('model_not_found', /no version 3/));
    assert.throws(() => harness.manager.acquire('m', {}), isKind('model_not_found', /no model "m" is served/));
    assert.deepEqual(harness.manager.modelNames, ['n']);
    await harness.manager.reload([modelConfig('m')]);
    await turn();
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE']);
  });

  it('is kept for the last 100 names', async () => {
    const harness = new LifeHarness([]);
    await harness.start();
    for (let i = 0; i <= 100; i++) {
      harness.files.put(`/m${i}`, 1n);
      await harness.manager.reload([modelConfig(`m${i}`)]);
    }
    await harness.manager.reload([]);
    await turn();
    assert.throws(() => harness.manager.status('m0', {}), isKind('model_not_found', /no model "m0"/));
    for (let i = 1; i <= 100; i++) assert.deepEqual(harness.states(`m${i}`), ['1 END']);
  });
});
