/** A version whose files cannot be loaded takes no other away: neither at the start nor where it is loaded again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelManagerOptions } from '../../../../src/models/lifecycle/manager-settings.ts';
import { BROKEN, LifeHarness, modelConfig, PASSING } from '../../../support/model-lifecycle-harness.ts';

const POLL_MS = 1000;

/** `m` with these versions on disk, of which some are broken. */
function withBroken(
  onDisk: readonly bigint[],
  broken: readonly bigint[],
  options: Partial<ModelManagerOptions> = {},
  model = modelConfig('m'),
): LifeHarness {
  const harness = new LifeHarness([model], options);
  for (const version of onDisk) harness.files.put('/m', version);
  for (const version of broken) harness.loads.failFromNow(`m/${version}`, BROKEN);
  return harness;
}

function answering({ manager }: LifeHarness, version?: bigint): bigint {
  const handle = manager.acquire('m', version === undefined ? {} : { version });
  handle.release();
  return handle.servable.version;
}

describe('a start whose newest version is broken', () => {
  for (const [name, options] of Object.entries({
    'a list of models': {},
    'a list that must load': { exitOnLoadFailure: true },
    'a repository': { isOneByOne: true },
    'a repository that must load': { isOneByOne: true, exitOnLoadFailure: true },
    'the resource policy': { transitionPolicy: 'resource' },
    'a look that is not repeated': { pollIntervalMs: 0 },
  } as const)) {
    it(`serves the good one before it: ${name}`, async () => {
      const harness = withBroken([1n, 2n, 3n, 4n], [3n, 4n], options);
      await harness.start();
      await harness.started;
      assert.equal(harness.manager.isReady, true);
      assert.equal(harness.manager.areAllAvailable, true);
      assert.deepEqual(harness.loads.begun, ['m/4', 'm/3', 'm/2']);
      assert.deepEqual(harness.states('m'), ['4 END', '3 END', '2 AVAILABLE']);
      assert.equal(harness.manager.status('m', { version: 4n })[0]!.error, BROKEN);
      assert.equal(answering(harness), 2n);
      await harness.manager.close();
    });
  }

  it('serves the newest as soon as its files are mended', async () => {
    const harness = withBroken([1n, 2n], [2n]);
    await harness.start();
    await harness.started;
    await harness.pass(5 * POLL_MS);
    assert.deepEqual(harness.loads.begun, ['m/2', 'm/1'], 'the same files are not tried again');
    harness.loads.failFromNow('m/2', undefined);
    harness.files.put('/m', 2n, { text: 'mended', changedAtMs: harness.clock.wallMs() });
    await harness.pass(POLL_MS);
    assert.equal(answering(harness), 1n, 'they may still be written');
    await harness.pass(POLL_MS);
    assert.equal(answering(harness), 2n);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 END']);
  });

  it('counts the versions that load: with latest 2, two', async () => {
    const model = modelConfig('m', { versionPolicy: { kind: 'latest', count: 2 } });
    const harness = withBroken([1n, 2n, 3n, 4n], [4n, 2n], {}, model);
    await harness.start();
    await harness.started;
    assert.deepEqual(harness.states('m'), ['4 END', '3 AVAILABLE', '2 END', '1 AVAILABLE']);
    const few = withBroken([1n, 2n], [2n], {}, model);
    await few.start();
    await few.started;
    assert.deepEqual(few.states('m'), ['2 END', '1 AVAILABLE']);
  });

  it('serves the good ones of all', async () => {
    const harness = withBroken([1n, 2n, 3n], [3n], {}, modelConfig('m', { versionPolicy: { kind: 'all' } }));
    await harness.start();
    await harness.started;
    assert.deepEqual(harness.states('m'), ['3 END', '2 AVAILABLE', '1 AVAILABLE']);
  });

  it('fails where versions are named by their numbers, and where none can be loaded', async () => {
    const named = modelConfig('m', { versionPolicy: { kind: 'specific', versions: [2n, 1n] } });
    const one = withBroken([1n, 2n], [2n], {}, named);
    await one.start();
    await assert.rejects(one.started, BROKEN);
    for (const isOneByOne of [false, true]) {
      const none = withBroken([1n, 2n, 3n], [1n, 2n, 3n], { isOneByOne, exitOnLoadFailure: true });
      await none.start();
      await assert.rejects(none.started, BROKEN);
      assert.deepEqual(none.loads.begun, ['m/3', 'm/2', 'm/1']);
    }
  });

  it('waits for an older version that is tried again', async () => {
    const harness = withBroken([1n, 2n], [2n], { maxLoadRetries: 1, loadRetryIntervalMs: POLL_MS });
    harness.loads.failFromNow('m/1', PASSING);
    await harness.start();
    assert.equal(harness.manager.isReady, false);
    harness.loads.failFromNow('m/1', undefined);
    await harness.pass(POLL_MS);
    await harness.started;
    assert.equal(answering(harness), 1n);
  });
});

describe('a version that is loaded again', () => {
  const both = modelConfig('m', { versionPolicy: { kind: 'latest', count: 2 } });

  async function serving(options: Partial<ModelManagerOptions> = {}): Promise<LifeHarness> {
    const harness = withBroken([1n, 2n], [], { isOneByOne: true, ...options }, both);
    await harness.start();
    await harness.started;
    harness.loads.begun.length = 0;
    return harness;
  }

  it('answers until its new copy does, beside another version', async () => {
    const harness = await serving();
    const before = harness.manager.find('m', {});
    harness.loads.isHolding = true;
    harness.files.put('/m', 2n, { text: 'new', changedAtMs: harness.clock.wallMs() });
    const loaded = harness.manager.put(both);
    await harness.pass(POLL_MS);
    assert.deepEqual(harness.loads.pending, ['m/2']);
    assert.deepEqual([answering(harness), answering(harness, 2n)], [2n, 2n]);
    assert.equal(harness.manager.find('m', {}), before);
    await harness.loads.finish('m/2');
    await loaded;
    assert.notEqual(harness.manager.find('m', {}), before);
    assert.deepEqual(harness.states('m'), ['2 AVAILABLE', '1 AVAILABLE']);
    await harness.manager.put(both);
    assert.deepEqual(harness.loads.begun, ['m/2'], 'unchanged files are not loaded again');
  });

  it('stays as it was when the new files are broken, and is replaced when they are mended', async () => {
    const harness = await serving({ pollIntervalMs: POLL_MS });
    const before = harness.manager.find('m', {});
    harness.loads.failFromNow('m/2', BROKEN);
    harness.files.put('/m', 2n, { text: 'broken', changedAtMs: harness.clock.wallMs() });
    await assert.rejects(harness.manager.put(both), BROKEN);
    await harness.pass(10 * POLL_MS);
    assert.equal(harness.manager.find('m', {}), before);
    assert.deepEqual(harness.loads.begun, ['m/2']);
    harness.files.put('/m', 2n, { text: 'half', changedAtMs: harness.clock.wallMs() + POLL_MS });
    await harness.pass(250);
    assert.equal(harness.manager.find('m', {}), before, 'nor while they are written');
    harness.loads.failFromNow('m/2', undefined);
    await harness.pass(3 * POLL_MS);
    assert.equal(answering(harness), 2n);
    assert.notEqual(harness.manager.find('m', {}), before);
  });
});
