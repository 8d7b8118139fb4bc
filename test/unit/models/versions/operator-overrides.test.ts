import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import type { ModelManagerOptions } from '../../../../src/models/lifecycle/manager-settings.ts';
import { LifeHarness, modelConfig } from '../../../support/model-lifecycle-harness.ts';
import { turn } from '../../../support/turns.ts';

function isKind(kind: ErrorKind, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

/** `m` with version 3, served. */
async function serving(): Promise<LifeHarness> {
  const harness = new LifeHarness([modelConfig('m')]);
  harness.files.put('/m', 3n);
  await harness.start();
  await harness.started;
  return harness;
}

describe('an operator’s word on a version', () => {
  it('unloads it until it is taken back, whatever polls and reloads find', async () => {
    const harness = await serving();
    await harness.manager.operate('m', 3n, 'unload');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 END']);
    assert.equal(harness.manager.isUnloadedByOperator('m', 3n), true);
    assert.equal(harness.manager.versionStates('m'), '3 END unloaded by an operator; on disk 3');
    assert.throws(
      () => harness.manager.acquire('m', { version: 3n }),
      isKind('model_not_found', /version 3 of model "m" was unloaded by an operator/),
    );
    assert.throws(
      () => harness.manager.acquire('m', {}),
      isKind('model_not_found', /has no version; none is available/),
    );
    await harness.pass(5000);
    await harness.manager.reload([modelConfig('m')]);
    await turn();
    assert.deepEqual(harness.loads.begun, ['m/3']);

    await harness.manager.operate('m', 3n, 'load');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 3n);
  });

  it('loads it anew beside the life that serves, then swaps', async () => {
    const harness = await serving();
    const before = harness.manager.acquire('m', {});
    harness.loads.isHolding = true;
    await harness.manager.operate('m', 3n, 'reload');
    await turn();
    assert.deepEqual(harness.loads.pending, ['m/3']);
    assert.equal(harness.manager.acquire('m', {}).servable, before.servable, 'the old one answers meanwhile');
    await harness.loads.finish('m/3');
    const after = harness.manager.acquire('m', {});
    assert.notEqual(after.servable, before.servable);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
  });

  it('is told while a load is on its way, and why the last attempt failed', async () => {
    const harness = await serving();
    harness.loads.failFromNow('m/3', new ServingError('backend_unavailable', 'nobody answers there'));
    await harness.manager.operate('m', 3n, 'reload');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE'], 'the old one answers meanwhile');
    assert.equal(harness.manager.versionStates('m'), '3 AVAILABLE loads again');
    assert.match(harness.manager.loadOf('m', 3n)!.lastFailure!.message, /nobody answers there/);
    await harness.manager.operate('m', 3n, 'unload');
    await turn();
    assert.deepEqual([harness.states('m'), harness.manager.loadOf('m', 3n)], [['3 END'], undefined]);
  });

  it('leaves the old life up where the new one fails, and tries a failed version again', async () => {
    const harness = await serving();
    harness.loads.failFromNow('m/3', new ServingError('load_failed', 'broken', { attributes: {} }));
    await harness.manager.operate('m', 3n, 'reload');
    await harness.pass(1_000_000);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
    const tries = harness.loads.begun.length;
    harness.loads.failFromNow('m/3', undefined);
    await harness.manager.operate('m', 3n, 'reload');
    await turn();
    assert.equal(harness.loads.begun.length, tries + 1);
    assert.equal(harness.loads.open.size, 1);
  });

  it('is refused for what is not there', async () => {
    const harness = await serving();
    await assert.rejects(harness.manager.operate('x', 1n, 'reload'), isKind('model_not_found', /no model "x"/));
    await assert.rejects(harness.manager.operate('m', 9n, 'unload'), isKind('model_not_found', /no version 9/));
    await harness.manager.close();
    await assert.rejects(harness.manager.operate('m', 3n, 'reload'), isKind('draining', /shutting down/));
  });
});

/** `m` with versions 1 to 3, of which the policy wants the last. */
async function servingThird(extra: Partial<ModelManagerOptions> = {}): Promise<LifeHarness> {
  const harness = new LifeHarness([modelConfig('m')], extra);
  for (const version of [1n, 2n, 3n]) harness.files.put('/m', version);
  await harness.start();
  await harness.started;
  return harness;
}

async function load(harness: LifeHarness, version: bigint): Promise<void> {
  await harness.manager.operate('m', version, 'load');
  await turn();
}

describe('a version that the policy does not want', () => {
  it('is listed, and loaded when an operator says so, and stays through polls and reloads', async () => {
    const harness = await servingThird();
    assert.deepEqual(harness.manager.onDisk('m'), [2n, 1n]);
    await load(harness, 1n);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE', '1 AVAILABLE']);
    assert.equal(harness.manager.versionStates('m'), '3 AVAILABLE, 1 AVAILABLE loaded by an operator; on disk 2');
    assert.deepEqual(
      [harness.manager.isLoadedByOperator('m', 1n), harness.manager.isLoadedByOperator('m', 3n)],
      [true, false],
    );
    await harness.pass(5000);
    await harness.manager.reload([modelConfig('m')]);
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE', '1 AVAILABLE']);
    assert.deepEqual(harness.loads.begun, ['m/3', 'm/1']);
  });

  it('goes when it is unloaded, and is as it was before', async () => {
    const harness = await servingThird();
    await load(harness, 1n);
    await harness.manager.operate('m', 1n, 'unload');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE', '1 END']);
    assert.deepEqual(
      [harness.manager.isLoadedByOperator('m', 1n), harness.manager.isUnloadedByOperator('m', 1n)],
      [false, false],
    );
    assert.deepEqual(harness.manager.onDisk('m'), [2n, 1n]);
    // The policy may want it later.
    harness.files.remove('/m', 3n);
    harness.files.remove('/m', 2n);
    await harness.pass(1000);
    assert.deepEqual(harness.states('m')[1], '1 AVAILABLE');
  });

  it('goes though the policy’s own version does not answer', async () => {
    const harness = await servingThird();
    await load(harness, 2n);
    harness.loads.isHolding = true;
    harness.files.put('/m', 4n);
    harness.files.remove('/m', 3n);
    await harness.pass(1000);
    assert.deepEqual(harness.loads.pending, ['m/4']);
    await harness.manager.operate('m', 2n, 'unload');
    await turn();
    assert.equal(harness.states('m').includes('2 AVAILABLE'), false);
    await harness.loads.finish('m/4');
  });

  it('answers those that name it, and the others only where the policy has nothing that does', async () => {
    const specific = { versionPolicy: { kind: 'specific', versions: [1n] } } as const;
    const harness = new LifeHarness([modelConfig('m', specific)]);
    for (const version of [1n, 2n]) harness.files.put('/m', version);
    await harness.start();
    await load(harness, 2n);
    const answering = (version?: bigint) =>
      harness.manager.acquire('m', version === undefined ? {} : { version }).servable.version;
    assert.deepEqual([answering(2n), answering()], [2n, 1n]);
    await harness.manager.operate('m', 1n, 'unload');
    await turn();
    assert.equal(answering(), 2n, 'the way back to another version');
    await load(harness, 1n);
    assert.equal(answering(), 1n);
    await harness.manager.reload([modelConfig('m')]);
    await turn();
    assert.equal(answering(), 2n, 'the policy wants it by now');
    assert.equal(harness.manager.isLoadedByOperator('m', 2n), false);
  });

  it('takes nobody’s place: what the policy replaces stays up until its heir answers', async () => {
    const harness = await servingThird();
    await load(harness, 1n);
    harness.loads.isHolding = true;
    harness.files.put('/m', 4n);
    await harness.pass(1000);
    assert.deepEqual(harness.states('m'), ['4 LOADING', '3 AVAILABLE', '1 AVAILABLE']);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 3n);
    await harness.loads.finish('m/4');
    assert.equal(harness.manager.acquire('m', {}).servable.version, 4n);
  });

  it('goes with its directory, and the wish with it', async () => {
    const harness = await servingThird();
    await load(harness, 1n);
    harness.files.remove('/m', 1n);
    await harness.pass(1000);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE', '1 END']);
    harness.files.put('/m', 1n);
    await harness.pass(1000);
    assert.deepEqual(harness.loads.begun, ['m/3', 'm/1']);
  });

  it('is of one base path: another has other versions', async () => {
    const harness = await servingThird();
    for (const version of [1n, 5n]) harness.files.put('/n', version);
    await load(harness, 1n);
    await harness.manager.reload([modelConfig('m', { basePath: '/n' })]);
    await harness.pass(1000);
    assert.deepEqual(
      harness.states('m').filter((state) => state.endsWith('AVAILABLE')),
      ['5 AVAILABLE'],
    );
    assert.deepEqual(harness.manager.onDisk('m'), [1n]);
  });

  it('may fail without ending anything, is shown with its error, and is tried again when asked', async () => {
    const harness = new LifeHarness([modelConfig('m')], { startLoadThreads: 2 });
    for (const version of [1n, 3n]) harness.files.put('/m', version);
    harness.loads.isHolding = true;
    await harness.start();
    harness.loads.failFromNow('m/1', new ServingError('load_failed', 'broken'));
    await load(harness, 1n);
    assert.deepEqual(harness.states('m'), ['3 LOADING', '1 END']);
    await harness.loads.finish('m/3');
    await harness.started;
    assert.equal(harness.manager.isLoadedByOperator('m', 1n), true);
    harness.loads.failFromNow('m/1', undefined);
    harness.loads.isHolding = false;
    await harness.manager.operate('m', 1n, 'reload');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE', '1 AVAILABLE']);
  });

  it('is refused where it is not there, is empty, does not fit, or the server ends', async () => {
    const checked: string[] = [];
    const harness = await servingThird({
      checkMemory: (model, version, directory) => {
        checked.push(`${model.name} ${version} ${directory}`);
        return Promise.reject(new ServingError('insufficient_memory', 'it takes 3 MiB, 2 MiB are free'));
      },
    });
    const tell = (version: bigint) => harness.manager.operate('m', version, 'load');
    await assert.rejects(tell(9n), isKind('model_not_found', /^base path \/m has no version 9; it holds 3, 2, 1$/));
    harness.files.put('/m', 8n, { files: 0 });
    await assert.rejects(tell(8n), isKind('load_failed', /version 8 in \/m holds no file yet/));
    await assert.rejects(tell(1n), isKind('insufficient_memory', /2 MiB are free/));
    assert.deepEqual(checked, ['m 1 /m/1']);
    await tell(3n);
    assert.deepEqual(checked, ['m 1 /m/1'], 'what is up takes no more');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
    harness.files.remove('/m');
    await assert.rejects(tell(1n), isKind('load_failed', /does not exist/));
    await harness.manager.close();
    await assert.rejects(tell(1n), isKind('draining', /shutting down/));
  });

  it('is refused where the model’s configuration changes while it is looked at', async () => {
    let pass: (() => void) | undefined;
    const checkMemory = () => new Promise<void>((resolve) => (pass = resolve));
    const harness = await servingThird({ checkMemory });
    const told = harness.manager.operate('m', 1n, 'load');
    await turn();
    await harness.manager.reload([modelConfig('m', { versionPolicy: { kind: 'all' } })]);
    pass!();
    await assert.rejects(told, isKind('model_not_ready', /changed meanwhile/));
  });

  it('does without the poll', async () => {
    const harness = await servingThird({ pollIntervalMs: 0 });
    harness.files.put('/m', 2n, { text: 'b' });
    await load(harness, 2n);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE', '2 AVAILABLE']);
  });
});
