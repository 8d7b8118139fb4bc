import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NO_SANDBOX, type Sandbox } from '../../../src/backends/host/process/sandbox.ts';
import { isCrash, tryInProcess } from '../../../src/backends/host/process/trial-run.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import { modelProcesses } from '../../support/child-processes.ts';
import { FAKE_FILE, type FakeFault, type FakeModel } from '../../support/fake-backend.ts';
import { fakeModel } from '../../support/fake-model.ts';

/** The model's runs of zeros have the effect. */
const ofZeros = (effect: FakeFault['effect']): Partial<FakeModel> => ({ faults: [{ whenFirstIs: 0, effect }] });

function options(t: TestContext, model: Partial<FakeModel> = {}) {
  return { ...fakeModel(t, model), slots: 1, clock: systemClock, maxBatchSize: 8 };
}

describe('a model that is tried in a process', () => {
  it('may be loaded if it does not crash, also where it refuses zeros; no process is left', async (t) => {
    assert.equal(await tryInProcess(options(t)), undefined);
    assert.equal(await tryInProcess(options(t, ofZeros('fail'))), undefined);
    assert.deepEqual(modelProcesses(), []);
  });

  it('fails its load if its run crashes, with the file, the signal and what was run', async (t) => {
    const crashing = options(t, ofZeros('abort'));
    await assert.rejects(tryInProcess(crashing), (error: ServingError) => {
      assert.equal(error.kind, 'load_failed');
      assert.ok(isCrash(error));
      assert.ok(error.message.includes(crashing.versionDirectory));
      assert.match(error.message, /signature "serving_default" was run with 1 row of zeros \(signal SIGABRT\)/);
      return true;
    });
    assert.deepEqual(modelProcesses(), []);
  });

  it('fails as a load does if it cannot be loaded, which is no crash', async (t) => {
    const empty = options(t);
    rmSync(join(empty.versionDirectory, FAKE_FILE));
    await assert.rejects(tryInProcess(empty), (error: ServingError) => error.kind === 'load_failed' && !isCrash(error));
  });

  it('may be loaded where no process can be started, with a warning', async (t) => {
    // A program that no system starts.
    const confine: Sandbox['confine'] = (...args) => ({ ...NO_SANDBOX.confine(...args), command: '\0' });
    const sandbox: Sandbox = { ...NO_SANDBOX, confine };
    assert.match(
      (await tryInProcess({ ...options(t), sandbox }))!,
      /not tried in a process .* no process can be started/,
    );
  });
});
