import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Servable } from '../../../../src/models/serving/servable.ts';
import { LifeHarness, modelConfig } from '../../../support/model-lifecycle-harness.ts';
import { turn } from '../../../support/turns.ts';

function successor(): { readonly servable: Servable; readonly closed: () => number } {
  let closed = 0;
  const servable = new Servable('m', 1n, new Map(), {
    submit: () => Promise.resolve(new Map()),
    close: async () => {
      closed += 1;
    },
    queuedRows: 0,
    queuedTasks: 0,
    runningBatches: 0,
  });
  return { servable, closed: () => closed };
}

async function started() {
  const harness = new LifeHarness([modelConfig('m')]);
  harness.files.put('/m', 1n);
  await harness.start();
  await harness.started;
  return harness;
}

describe('A servable in the place of another', () => {
  it('gets the next requests; the first one closes after its last', async () => {
    const { manager, loads, told } = await started();
    const handle = manager.acquire('m', {});
    const { servable, closed } = successor();
    const before = told.length;
    assert.equal(manager.replaceServable(handle.servable, servable), true);
    assert.equal(manager.acquire('m', { version: 1n }).servable, servable);
    await turn();
    assert.equal(loads.closed, 0, 'closed under a request');
    handle.release();
    await turn();
    assert.deepEqual([loads.closed, closed()], [1, 0]);
    // The version is the same, so nobody is told of a change.
    assert.equal(told.length, before);
    assert.equal(manager.replaceServable(handle.servable, servable), false);
  });

  it('closes when the version ends', async () => {
    const { manager, loads, files } = await started();
    const { servable, closed } = successor();
    const [first] = loads.open;
    assert.equal(manager.replaceServable(first!, servable), true);
    files.put('/m', 2n);
    await manager.operate('m', 1n, 'unload');
    await turn();
    assert.deepEqual([loads.closed, closed()], [1, 1]);
  });

  it('is refused when the version is served no more', async () => {
    const { manager, loads } = await started();
    const [first] = loads.open;
    await manager.operate('m', 1n, 'unload');
    assert.equal(manager.replaceServable(first!, successor().servable), false);
    await manager.close();
    assert.equal(manager.replaceServable(first!, successor().servable), false);
  });
});
