import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Backends } from '../../../../src/backends/backends.ts';
import { type BatchingConfig, LATEST_ONE, type ModelConfig } from '../../../../src/config/model-config.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import {
  type ModelBatching,
  modelBatching,
  modelSessions,
  type ServerBatching,
} from '../../../../src/models/loading/model-batching.ts';
import { fakeModel } from '../../../support/fake-model.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const SERVER: ServerBatching = {
  scheduler: {
    maxBatchSize: 64,
    mayBeLarger: false,
    batchTimeoutMicros: 0,
    maxEnqueuedBatches: 100,
    allowedBatchSizes: [32, 64],
  },
  slots: 2,
  isBatchingEnabled: true,
};

const model = (batching?: BatchingConfig, more: Partial<ModelConfig> = {}): ModelConfig => ({
  ...more,
  name: 'm',
  basePath: '/m',
  versionPolicy: LATEST_ONE,
  versionLabels: new Map(),
  backend: undefined,
  executionProvider: 'cpu',
  host: undefined,
  batching,
});

/** With a batching_params.pbtxt of that text in the version's directory. */
async function withFile(t: TestContext, text: string, batching?: BatchingConfig): Promise<ModelBatching> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'batching_params.pbtxt'), text);
  return modelBatching(model(batching), directory, { ...SERVER, perModelFiles: true });
}

describe('modelBatching', () => {
  it('is the server’s where the model says nothing', async () => {
    const { scheduler, slots, isBatchingEnabled } = await modelBatching(model(), '/nowhere', SERVER);
    assert.deepEqual(
      { scheduler, slots, isBatchingEnabled, perModelFiles: undefined },
      { ...SERVER, perModelFiles: undefined },
    );
  });

  it('may have larger runs where neither the server nor the model has a size', async () => {
    const server = { ...SERVER, scheduler: { ...SERVER.scheduler, mayBeLarger: true, allowedBatchSizes: [] } };
    const mayBeLarger = async (batching?: BatchingConfig): Promise<boolean | undefined> =>
      (await modelBatching(model(batching), '/nowhere', server)).scheduler.mayBeLarger;
    assert.equal(await mayBeLarger(), true);
    assert.equal(await mayBeLarger({ numBatchThreads: 1 }), true);
    assert.equal(await mayBeLarger({ maxBatchSize: 64 }), false);
    assert.equal(await mayBeLarger({ allowedBatchSizes: [64] }), false);
  });

  it('divides the memory of batches among the sessions that the model may get', async () => {
    const server = { ...SERVER, scheduler: { ...SERVER.scheduler, batchMemoryBytes: 60 }, mostSessions: 3 };
    const bytes = async (slots: number, batching?: BatchingConfig): Promise<number | undefined> =>
      (await modelBatching(model(batching), '/nowhere', { ...server, slots })).scheduler.batchMemoryBytes;
    assert.equal(await bytes(0), 20);
    assert.equal(await bytes(2), 30);
    assert.equal(await bytes(0, { numBatchThreads: 1 }), 60);
    assert.equal(await bytes(2, { batchMemoryMib: 6 }), 3 * 2 ** 20);
  });

  it('takes what the model’s configuration says', async () => {
    const batching = { maxBatchSize: 8, numBatchThreads: 1, batchTimeoutMicros: undefined };
    const { scheduler, slots } = await modelBatching(model(batching), '/nowhere', SERVER);
    // The server's list ends at the server's largest batch, so it does not fit here.
    assert.deepEqual(scheduler, {
      maxBatchSize: 8,
      mayBeLarger: false,
      batchTimeoutMicros: 0,
      maxEnqueuedBatches: 100,
      allowedBatchSizes: [],
    });
    assert.equal(slots, 1);
  });

  it('counts a declaration of axes as batching that was asked for', async () => {
    const perModel = { ...SERVER, perModelFiles: true };
    const isOn = async (declaredBatching: ModelConfig['declaredBatching'], server: ServerBatching) => {
      const { isBatchingEnabled, warnings } = await modelBatching(
        model(undefined, { declaredBatching }),
        '/no',
        server,
      );
      return [isBatchingEnabled, warnings.length];
    };
    const axes = { inputs: new Map([['x', 1]]) };
    assert.deepEqual(await isOn(undefined, perModel), [false, 0]);
    assert.deepEqual(await isOn(axes, perModel), [true, 0]);
    assert.deepEqual(await isOn('off', perModel), [false, 0]);
    assert.deepEqual(await isOn(axes, { ...SERVER, isBatchingEnabled: false }), [false, 1]);
    assert.deepEqual(await isOn('off', { ...SERVER, isBatchingEnabled: false }), [false, 0]);
  });

  it('takes a list of sizes to say the largest batch too', async () => {
    const { scheduler } = await modelBatching(model({ allowedBatchSizes: [2, 4] }), '/nowhere', SERVER);
    assert.equal(scheduler.maxBatchSize, 4);
    const wrong = modelBatching(model({ allowedBatchSizes: [2, 4], maxBatchSize: 8 }), '/nowhere', SERVER);
    await assert.rejects(wrong, /model "m": the last of allowed_batch_sizes is 4, but max_batch_size is 8/);
  });

  it('takes the file beside the model if such are asked for, and the configuration goes before it', async (t) => {
    const text =
      'max_batch_size { value: 16 } batch_timeout_micros { value: 9 } pad_variable_length_inputs: true thread_pool_name { value: "x" }';
    const { scheduler, warnings, isBatchingEnabled, isPadding } = await withFile(t, text, { batchTimeoutMicros: 3 });
    assert.equal(scheduler.maxBatchSize, 16);
    assert.equal(scheduler.batchTimeoutMicros, 3);
    assert.equal(isBatchingEnabled, true);
    assert.equal(isPadding, true);
    assert.match(warnings.join(), /batching_params.pbtxt:1:97: thread_pool_name has no effect/);
  });

  it('does not batch a model without a file if such are asked for, unless its configuration does', async (t) => {
    const directory = tempDirectory(t);
    const asked = { ...SERVER, perModelFiles: true };
    assert.equal((await modelBatching(model(), directory, asked)).isBatchingEnabled, false);
    assert.equal((await modelBatching(model({}), directory, asked)).isBatchingEnabled, true);
  });

  it('says that a model’s batching has no effect where batching is off', async () => {
    const off = { ...SERVER, isBatchingEnabled: false };
    const { warnings, isBatchingEnabled } = await modelBatching(model({ maxBatchSize: 8 }), '/nowhere', off);
    assert.equal(isBatchingEnabled, false);
    assert.match(warnings.join(), /batching of model "m" has no effect: batching is off/);
  });

  it('fails the load of a model with a broken file, and says where', async (t) => {
    for (const [text, error] of [
      ['max_batch_size: 5', /batching_params.pbtxt:1:17: max_batch_size is a message/],
      ['max_batch_size { value: 0 }', /out of range/],
      ['max_batch_size {', /the text ends inside/],
    ] as const) {
      await assert.rejects(withFile(t, text), (thrown) => {
        return thrown instanceof ServingError && thrown.kind === 'load_failed' && error.test(thrown.message);
      });
    }
  });
});

it('a model has the configured sessions, but one where its backend must have a process, one for each device, and else one that may grow', async (t) => {
  const { backendModule, versionDirectory } = fakeModel(t);
  const confined = backendModule.replace('fake-backend', 'confined-backend');
  const factsOf = async (kind: string) => (await new Backends().find(versionDirectory, kind)).facts;
  const sessions = async (kind: string, hasOwnSlots: boolean, slots = 3) =>
    modelSessions(await factsOf(kind), { slots, hasOwnSlots });
  assert.deepEqual(await sessions(backendModule, false), { count: 3, areElastic: false });
  assert.deepEqual(await sessions(confined, false), { count: 1, areElastic: false });
  assert.deepEqual(await sessions(confined, true), { count: 3, areElastic: false });
  for (const kind of [backendModule, confined])
    assert.deepEqual(await sessions(kind, false, 0), { count: 1, areElastic: true });
  const onDevices = async (devices?: readonly number[], own = false) => {
    const placed = { executionProvider: 'cuda', ...(devices && { devices }) };
    return modelSessions(await factsOf(backendModule), { slots: 3, hasOwnSlots: own }, placed);
  };
  assert.deepEqual(await onDevices(), { count: 1, areElastic: false });
  assert.deepEqual(await onDevices([0, 2]), { count: 2, areElastic: false });
  assert.deepEqual(await onDevices([0, 2], true), { count: 3, areElastic: false });
  await assert.rejects(sessions('no-such-backend', false), { kind: 'load_failed', message: /no-such-backend/ });
});
