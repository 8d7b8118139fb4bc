import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { LifeHarness, modelConfig, turn } from '../../support/model-life-harness.ts';

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
    harness.manager.tell('m', 3n, 'leaveOut');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 END']);
    assert.equal(harness.manager.isLeftOut('m', 3n), true);
    assert.equal(harness.manager.versionStates('m'), '3 END left out');
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

    harness.manager.tell('m', 3n, 'takeBack');
    await turn();
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
    assert.equal(harness.manager.acquire('m', {}).servable.version, 3n);
  });

  it('loads it anew beside the life that serves, then swaps', async () => {
    const harness = await serving();
    const before = harness.manager.acquire('m', {});
    harness.loads.isHolding = true;
    harness.manager.tell('m', 3n, 'renew');
    await turn();
    assert.deepEqual(harness.loads.pending, ['m/3']);
    assert.equal(harness.manager.acquire('m', {}).servable, before.servable, 'the old one answers meanwhile');
    await harness.loads.finish('m/3');
    const after = harness.manager.acquire('m', {});
    assert.notEqual(after.servable, before.servable);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
  });

  it('leaves the old life up where the new one fails, and tries a failed version again', async () => {
    const harness = await serving();
    harness.loads.failFromNow('m/3', new ServingError('load_failed', 'broken', { attributes: {} }));
    harness.manager.tell('m', 3n, 'renew');
    await harness.pass(1_000_000);
    assert.deepEqual(harness.states('m'), ['3 AVAILABLE']);
    const tries = harness.loads.begun.length;
    harness.loads.failFromNow('m/3', undefined);
    harness.manager.tell('m', 3n, 'renew');
    await turn();
    assert.equal(harness.loads.begun.length, tries + 1);
    assert.equal(harness.loads.open.size, 1);
  });

  it('is refused for what is not there', async () => {
    const harness = await serving();
    assert.throws(() => harness.manager.tell('x', 1n, 'renew'), isKind('model_not_found', /no model "x"/));
    assert.throws(() => harness.manager.tell('m', 9n, 'leaveOut'), isKind('model_not_found', /no version 9/));
    await harness.manager.close();
    assert.throws(() => harness.manager.tell('m', 3n, 'renew'), isKind('draining', /shutting down/));
  });
});
