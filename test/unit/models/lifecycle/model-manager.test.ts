import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import { SOON_MS } from '../../../../src/core/poller.ts';
import { NO_EVENTS } from '../../../../src/models/lifecycle/model-events.ts';
import type { VersionStatus } from '../../../../src/models/serving/servable.ts';
import { KEPT_ENDED } from '../../../../src/models/versions/version-table.ts';
import { BROKEN, LifeHarness, modelConfig, PASSING } from '../../../support/model-lifecycle-harness.ts';
import { turn } from '../../../support/turns.ts';

function isKind(kind: ErrorKind, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

const POLL_MS = 1000;
const RETRY_MS = 60_000;

describe('ModelManager: finding a version', () => {
  it('serves the highest number', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    harness.files.put('/m', 2n);
    harness.files.put('/m', 17n);
    await harness.start();
    await harness.started;
    assert.equal(harness.manager.acquire('m', {}).servable.version, 17n);
    assert.equal(harness.manager.isReady, true);
  });

  it('finds a version by number and by label, and says what there is when it does not', async () => {
    const labelled = modelConfig('m', { versionPolicy: { kind: 'all' }, versionLabels: new Map([['stable', 1n]]) });
    const harness = new LifeHarness([labelled]);
    const { manager } = harness;
    harness.files.put('/m', 1n);
    harness.files.put('/m', 2n);
    await harness.start();
    await harness.started;
    assert.equal(manager.acquire('m', { version: 1n }).servable.version, 1n);
    assert.equal(manager.acquire('m', { label: 'stable' }).servable.version, 1n);
    assert.throws(
      () => manager.acquire('m', { version: 7n }),
      isKind('model_not_found', /no version 7; available: 2, 1/),
    );
    assert.throws(() => manager.acquire('m', { label: 'canary' }), isKind('label_not_found', /labels: stable/));
    assert.throws(() => manager.acquire('x', {}), isKind('model_not_found', /served: m/));
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 AVAILABLE']);
  });

  it('answers model_not_ready while the first version loads', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    const { manager, loads } = harness;
    loads.isHolding = true;
    harness.files.put('/m', 1n);
    const changes: boolean[] = [];
    manager.onReadinessChange(() => changes.push(manager.isReady));
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_ready', /has not been looked at yet/));
    await harness.start();
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_ready', /still loading/));
    assert.throws(() => manager.acquire('m', { version: 1n }), isKind('model_not_ready', /still loading/));
    assert.deepEqual(manager.waitsFor(), ['model "m": version 1 is still loading']);
    await loads.finish('m/1');
    await harness.started;
    manager.acquire('m', {}).release();
    assert.deepEqual(changes, [true]);
    assert.deepEqual(manager.waitsFor(), []);
  });

  it('closes a version only when its last handle is back', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    const { manager, loads } = harness;
    harness.files.put('/m', 1n);
    await harness.start();
    const handle = manager.acquire('m', {});
    const closed = manager.close();
    assert.throws(() => manager.acquire('m', {}), isKind('model_not_found', /none is available/));
    await turn();
    assert.equal(loads.closed, 0);
    handle.release();
    handle.release();
    await closed;
    assert.equal(loads.closed, 1);
    assert.deepEqual(harness.states('m'), ['1 END']);
    assert.equal(harness.clock.armed, 0);
  });
});

describe('ModelManager: the start', () => {
  it('waits for a base path that is not there, says so once, and serves it when it comes', async () => {
    const harness = new LifeHarness([modelConfig('late'), modelConfig('m')]);
    const { manager } = harness;
    harness.files.put('/m', 1n);
    await harness.start();
    assert.equal(manager.isReady, false);
    manager.acquire('m', {}).release();
    assert.throws(() => manager.acquire('late', {}), isKind('model_not_ready', /base path \/late does not exist/));
    assert.throws(() => manager.acquire('late', { version: 1n }), isKind('model_not_ready', /does not exist/));
    assert.throws(() => manager.status('late', {}), isKind('model_not_found', /no versions yet: base path \/late/));
    assert.deepEqual(manager.waitsFor(), ['model "late": base path /late does not exist']);
    await harness.pass(10 * POLL_MS);
    assert.equal(harness.told.filter((line) => line.includes('waits')).length, 1);
    harness.files.put('/late', 3n);
    await harness.pass(POLL_MS);
    await harness.started;
    assert.equal(manager.isReady, true);
    assert.equal(manager.acquire('late', {}).servable.version, 3n);
  });

  it('rejects with the failure of a version that was there', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    harness.files.put('/m', 1n);
    harness.loads.failFromNow('m/1', BROKEN);
    await harness.start();
    await assert.rejects(harness.started, BROKEN);
    const [status] = harness.manager.status('m', {});
    assert.equal(status!.state, 'END');
    assert.equal(status!.error, BROKEN);
    assert.throws(
      () => harness.manager.acquire('m', {}),
      isKind('model_not_found', /failed to load: model.onnx is no model/),
    );
    await harness.manager.close();
  });

  it('names some of many models, and the one that was probably meant', () => {
    const names = Array.from({ length: 401 }, (_, i) => `resnet_${i}`);
    const { manager } = new LifeHarness(names.map((name) => modelConfig(name)));
    const refusal = (name: string, text: RegExp): void =>
      assert.throws(() => manager.acquire(name, {}), isKind('model_not_found', text));
    refusal(
      'resnet-17',
      /^no model "resnet-17" is served here; did you mean resnet_17\? served: resnet_0, .*, resnet_7 and 393 more$/,
    );
    refusal('bert', /^no model "bert" is served here; served: resnet_0, .*, resnet_7 and 393 more$/);
  });

  it('serves the others without a model that is broken, and tells what is missing', async () => {
    const models = [modelConfig('bad'), modelConfig('good')];
    const harness = new LifeHarness(models);
    for (const { basePath } of models) harness.files.put(basePath, 1n);
    harness.loads.failFromNow('bad/1', BROKEN);
    await harness.start();
    await harness.started;
    const { manager } = harness;
    assert.equal(manager.isReady, true);
    assert.equal(manager.acquire('good', {}).servable.version, 1n);
    assert.throws(() => manager.acquire('bad', {}), isKind('model_not_found', /failed to load/));
    assert.deepEqual(manager.waitsFor(), ['model "bad": version 1 failed to load: model.onnx is no model']);
    harness.loads.failFromNow('bad/1', undefined);
    harness.files.put('/bad', 2n);
    await harness.pass(POLL_MS);
    assert.equal(manager.acquire('bad', {}).servable.version, 2n);
    assert.deepEqual(manager.waitsFor(), []);
  });

  it('rejects if every model is broken, or one with exitOnLoadFailure', async () => {
    const models = [modelConfig('bad'), modelConfig('good')];
    for (const [options, broken] of [
      [{}, ['bad/1', 'good/1']],
      [{ exitOnLoadFailure: true }, ['bad/1']],
    ] as const) {
      const harness = new LifeHarness(models, options);
      for (const { basePath } of models) harness.files.put(basePath, 1n);
      for (const key of broken) harness.loads.failFromNow(key, BROKEN);
      await harness.start();
      await assert.rejects(harness.started, BROKEN);
      assert.equal(harness.manager.isReady, false);
      await harness.manager.close();
    }
  });

  it('waits for a model that may come, also beside one that is broken', async () => {
    const harness = new LifeHarness([modelConfig('bad'), modelConfig('late')]);
    harness.files.put('/bad', 1n);
    harness.loads.failFromNow('bad/1', BROKEN);
    await harness.start();
    await harness.pass(10 * POLL_MS);
    assert.equal(harness.manager.isReady, false);
    harness.files.put('/late', 1n);
    await harness.pass(POLL_MS);
    await harness.started;
    assert.equal(harness.manager.isReady, true);
  });

  it('does not end for a version that comes broken later, and serves the one that follows', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    await harness.start();
    harness.files.put('/m', 1n);
    harness.loads.failFromNow('m/1', BROKEN);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.states('m'), ['1 END']);
    assert.match(harness.manager.waitsFor()[0]!, /version 1 failed to load: model.onnx is no model/);
    harness.files.put('/m', 2n);
    await harness.pass(POLL_MS);
    await harness.started;
    assert.equal(harness.manager.acquire('m', {}).servable.version, 2n);
  });

  it('rejects when a label names what is not served, unless that is allowed', async () => {
    const labelled = modelConfig('m', { versionLabels: new Map([['stable', 9n]]) });
    const strict = new LifeHarness([labelled]);
    strict.files.put('/m', 1n);
    await strict.start();
    await assert.rejects(strict.started, isKind('load_failed', /label "stable" names version 9, which is not served/));
    const lax = new LifeHarness([labelled], { allowUnavailableLabels: true });
    lax.files.put('/m', 1n);
    await lax.start();
    await lax.started;
    assert.throws(() => lax.manager.acquire('m', { label: 'stable' }), isKind('model_not_found', /no version 9/));
  });

  it('loads as many at once as the start may, and one after another later', async () => {
    const names = ['a', 'b', 'c'];
    const harness = new LifeHarness(
      names.map((name) => modelConfig(name)),
      { startLoadThreads: 2 },
    );
    for (const name of names) harness.files.put(`/${name}`, 1n);
    harness.loads.isHolding = true;
    await harness.start();
    assert.deepEqual(harness.loads.pending, ['a/1', 'b/1']);
    assert.match(harness.manager.waitsFor()[2]!, /version 1 waits for its turn to load/);
    await harness.loads.finish('b/1');
    assert.deepEqual(harness.loads.pending, ['a/1', 'c/1']);
    for (const key of ['a/1', 'c/1']) await harness.loads.finish(key);
    await harness.started;
    for (const name of names) harness.files.put(`/${name}`, 2n);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.loads.pending, ['a/2']);
  });

  it('told to end while it waits, resolves without being ready', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    await harness.start();
    await harness.manager.close();
    await harness.started;
    assert.equal(harness.manager.isReady, false);
    assert.equal(harness.clock.armed, 0);
  });
});

describe('ModelManager: versions that come and go', () => {
  async function serving(version = 1n, options = {}): Promise<LifeHarness> {
    const harness = new LifeHarness([modelConfig('m')], options);
    harness.files.put('/m', version);
    await harness.start();
    await harness.started;
    harness.told.length = 0;
    return harness;
  }

  it('serves the old version until the new one answers', async () => {
    const harness = await serving();
    harness.loads.isHolding = true;
    harness.files.put('/m', 2n);
    await harness.pass(POLL_MS);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 1n);
    const held = harness.manager.acquire('m', {});
    await harness.loads.finish('m/2');
    assert.equal(harness.manager.acquire('m', {}).servable.version, 2n);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 UNLOADING']);
    assert.deepEqual(harness.told, ['m/2 START', 'm/2 LOADING', 'm/2 AVAILABLE', 'm/1 UNLOADING']);
    assert.equal(harness.manager.isReady, true);
    held.release();
  });

  it('closes the old one when its requests are through, and tells that it may be forgotten', async () => {
    const harness = await serving();
    const held = harness.manager.acquire('m', {});
    harness.files.put('/m', 2n);
    await harness.pass(POLL_MS);
    assert.equal(harness.loads.closed, 0);
    held.release();
    await turn();
    assert.equal(harness.loads.closed, 1);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 END']);
    assert.deepEqual(harness.told.slice(-2), ['m/1 END', 'm/1 forgotten']);
  });

  it('with resource preserving the old one is closed before the new one loads', async () => {
    const harness = await serving(1n, { transitionPolicy: 'resource' });
    const held = harness.manager.acquire('m', {});
    harness.files.put('/m', 2n);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.loads.begun, ['m/1']);
    held.release();
    await turn();
    assert.deepEqual(harness.loads.begun, ['m/1', 'm/2']);
    assert.deepEqual(harness.told.slice(-4), ['m/1 forgotten', 'm/2 START', 'm/2 LOADING', 'm/2 AVAILABLE']);
  });

  it('loads nothing that is still being copied, and looks again soon', async () => {
    const harness = await serving();
    const writing = (text: string) => harness.files.put('/m', 2n, { text, changedAtMs: harness.clock.wallMs() });
    await harness.pass(POLL_MS - 1);
    writing('a third');
    await harness.pass(1);
    for (const text of ['two thirds', 'whole']) {
      writing(text);
      await harness.pass(SOON_MS);
    }
    assert.deepEqual(harness.loads.begun, ['m/1']);
    await harness.pass(SOON_MS);
    assert.deepEqual(harness.loads.begun, ['m/1', 'm/2']);
  });

  it('keeps what it has when a new version is broken, shows why, and tries again when its files change', async () => {
    const harness = await serving();
    harness.loads.failFromNow('m/2', BROKEN);
    harness.files.put('/m', 2n);
    await harness.pass(5 * POLL_MS);
    assert.deepEqual(harness.loads.begun, ['m/1', 'm/2']);
    assert.deepEqual(harness.states('m'), ['2 END', '1 AVAILABLE']);
    assert.equal(harness.manager.status('m', { version: 2n })[0]!.error, BROKEN);
    const handle = harness.manager.acquire('m', {});
    assert.equal(handle.servable.version, 1n);
    handle.release();
    assert.throws(() => harness.manager.acquire('m', { version: 2n }), isKind('model_not_found', /is no model/));
    harness.loads.failFromNow('m/2', undefined);
    harness.files.put('/m', 2n, { text: 'mended' });
    await harness.pass(POLL_MS);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 2n);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 END']);
  });

  it('unloads what was deleted, down to nothing, and loads it again when it comes back', async () => {
    const harness = await serving();
    harness.files.remove('/m', 1n);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.states('m'), ['1 END']);
    assert.equal(harness.loads.open.size, 0);
    assert.throws(() => harness.manager.acquire('m', {}), isKind('model_not_found', /none is available/));
    harness.files.put('/m', 1n);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.states('m'), ['1 AVAILABLE']);
  });

  it('keeps a deleted version while the only other one is still being copied', async () => {
    const harness = await serving();
    harness.files.remove('/m', 1n);
    harness.files.put('/m', 2n, { changedAtMs: harness.clock.wallMs() + 2 * POLL_MS });
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.states('m'), ['1 AVAILABLE']);
    await harness.pass(SOON_MS);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 END']);
  });

  it('keeps everything while the base path cannot be read', async () => {
    const harness = await serving();
    harness.files.remove('/m');
    await harness.pass(5 * POLL_MS);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 1n);
    assert.deepEqual(harness.told, ['m waits: base path /m does not exist']);
    harness.files.put('/m', 1n);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.told, ['m waits: base path /m does not exist', 'm waits: undefined']);
    assert.equal(harness.loads.begun.length, 1);
  });

  it('gives up a load that is overtaken, and closes what it had opened', async () => {
    const harness = await serving();
    harness.loads.isHolding = true;
    harness.files.put('/m', 2n);
    await harness.pass(POLL_MS);
    harness.files.put('/m', 3n);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.states('m'), ['3 START', '2 UNLOADING', '1 AVAILABLE']);
    await harness.loads.finish('m/2');
    assert.deepEqual(harness.states('m'), ['3 LOADING', '2 END', '1 AVAILABLE']);
    assert.equal(harness.loads.closed, 1);
    await harness.loads.finish('m/3');
    assert.equal(harness.manager.acquire('m', {}).servable.version, 3n);
    assert.equal(harness.loads.open.size, 1);
  });

  it('closed during a load, waits for it and leaves nothing open', async () => {
    const harness = await serving();
    harness.loads.isHolding = true;
    harness.files.put('/m', 2n);
    await harness.pass(POLL_MS);
    let isClosed = false;
    const closed = harness.manager.close().then(() => {
      isClosed = true;
    });
    await turn();
    assert.equal(isClosed, false);
    await harness.loads.finish('m/2');
    await closed;
    assert.equal(harness.loads.open.size, 0);
    assert.deepEqual(harness.states('m'), ['2 END', '1 END']);
    assert.equal(harness.clock.armed, 0);
  });

  it('taken down in the very moment in which it became available, ends once', async () => {
    const events = {
      ...NO_EVENTS,
      onTransition: (_model: string, { state }: VersionStatus): void => {
        told.push(state);
        // As soon as anything else can happen.
        if (state === 'AVAILABLE') queueMicrotask(() => void harness.manager.close());
      },
    };
    const told: string[] = [];
    const harness = new LifeHarness([modelConfig('m')], { events });
    harness.files.put('/m', 1n);
    await harness.start();
    await harness.manager.close();
    assert.deepEqual(told, ['START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END']);
    assert.equal(harness.loads.closed, 1);
  });

  it('remembers the last ends only', async () => {
    const harness = await serving();
    for (let version = 2n; version <= 30n; version++) {
      harness.files.put('/m', version);
      await harness.pass(POLL_MS);
    }
    assert.equal(harness.states('m').length, KEPT_ENDED + 1);
    assert.equal(harness.states('m')[0], '30 AVAILABLE');
    assert.equal(harness.loads.open.size, 1);
  });

  it('does not load again and again what fails, however many versions do', async () => {
    const harness = new LifeHarness([modelConfig('m', { versionPolicy: { kind: 'all' } })]);
    for (let version = 1n; version <= 20n; version++) {
      harness.files.put('/m', version);
      harness.loads.failFromNow(`m/${version}`, BROKEN);
    }
    await harness.start();
    await harness.pass(5 * POLL_MS);
    assert.equal(harness.loads.begun.length, 20);
  });

  it('looks once where the poll is off, and says that it will not again', async () => {
    const harness = await serving(1n, { pollIntervalMs: 0 });
    harness.files.put('/m', 2n);
    await harness.pass(60_000);
    assert.deepEqual(harness.states('m'), ['1 AVAILABLE']);
    const empty = new LifeHarness([modelConfig('m')], { pollIntervalMs: 0 });
    await empty.start();
    assert.throws(() => empty.manager.acquire('m', {}), isKind('model_not_found', /is not looked at again/));
    const never = new LifeHarness([modelConfig('m')], { pollIntervalMs: -1000 });
    never.files.put('/m', 1n);
    await never.start();
    assert.equal(never.files.looks, 0);
    assert.throws(() => never.manager.acquire('m', {}), isKind('model_not_ready', /the poll is off/));
  });
});

describe('ModelManager: loads that fail', () => {
  it('tries again what may pass, holds no slot meanwhile, and says what it waits for', async () => {
    const harness = new LifeHarness([modelConfig('m'), modelConfig('n')]);
    harness.files.put('/m', 1n);
    harness.files.put('/n', 1n);
    harness.loads.failFromNow('m/1', PASSING);
    await harness.start();
    assert.deepEqual(harness.states('n'), ['1 AVAILABLE']);
    assert.deepEqual(harness.states('m'), ['1 LOADING']);
    assert.ok(harness.told.includes('m/1 retry 1 of 5'));
    assert.throws(
      () => harness.manager.acquire('m', {}),
      isKind('model_not_ready', /last attempt failed: it does not/),
    );
    harness.loads.failFromNow('m/1', undefined);
    await harness.pass(RETRY_MS);
    await harness.started;
    assert.deepEqual(harness.states('m'), ['1 AVAILABLE']);
  });

  it('gives up after the last retry', async () => {
    const harness = new LifeHarness([modelConfig('m')], { maxLoadRetries: 2 });
    harness.files.put('/m', 1n);
    harness.loads.failFromNow('m/1', PASSING);
    await harness.start();
    await harness.pass(2 * RETRY_MS);
    await assert.rejects(harness.started, PASSING);
    assert.equal(harness.loads.begun.length, 3);
    assert.deepEqual(harness.states('m'), ['1 END']);
  });

  it('never gives up on a server that is away', async () => {
    const harness = new LifeHarness([modelConfig('m')], { maxLoadRetries: 2 });
    harness.files.put('/m', 1n);
    harness.loads.failFromNow('m/1', new ServingError('backend_unavailable', 'connection refused'));
    await harness.start();
    await harness.pass(5 * RETRY_MS);
    assert.deepEqual(harness.states('m'), ['1 LOADING']);
    harness.loads.failFromNow('m/1', undefined);
    await harness.pass(RETRY_MS);
    await harness.started;
    assert.deepEqual(harness.states('m'), ['1 AVAILABLE']);
  });

  it('ends a retry that waits when it is told to close', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    harness.files.put('/m', 1n);
    harness.loads.failFromNow('m/1', PASSING);
    await harness.start();
    await harness.manager.close();
    assert.deepEqual(harness.states('m'), ['1 END']);
    assert.equal(harness.clock.armed, 0);
  });

  it('tells every ten seconds that a load goes on', async () => {
    const harness = new LifeHarness([modelConfig('m')]);
    harness.files.put('/m', 1n);
    harness.loads.isHolding = true;
    await harness.start();
    await harness.pass(25_000);
    await harness.loads.finish('m/1');
    await harness.pass(60_000);
    const told = harness.told.filter((line) => line.includes('still'));
    assert.deepEqual(told, ['m/1 still loading after 10000', 'm/1 still loading after 20000']);
  });
});
