/** What inference.GRPCInferenceService tells of the server and its models, on both engines. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { status as Status } from '@grpc/grpc-js';
import { systemClock } from '../../../../src/core/clock.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { InferenceStatistics } from '../../../../src/features/open-inference/statistics/inference-statistics.ts';
import { VERSION } from '../../../../src/version.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { floatRequest, INFERENCE, PREDICTION, withGrpc } from '../../../support/grpc-harness.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { puppetInference } from '../puppet-inference.ts';

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

const X = { name: 'x', datatype: 'FP32', shape: [3] };

test('liveness, readiness and metadata', async () => {
  const full = signature(
    { x: spec('float32', [-1, 3]), t: spec('string', [-1]) },
    { y: spec('int64', undefined), z: spec('float16', []) },
  );
  await withGrpc(
    (models) => {
      models.add('m', { version: 3n, signatures: { serving_default: full } });
      models.add('m', { version: 4n, state: 'LOADING' });
    },
    async (server) => {
      const ask = (method: string, request: object = {}) => server.call(INFERENCE, method, request);
      assert.deepEqual(await ask('ServerLive'), { live: true });
      assert.deepEqual(await ask('ServerReady'), { ready: true });
      assert.deepEqual(await ask('ModelReady', { name: 'm' }), { ready: true });
      assert.deepEqual(await ask('ModelReady', { name: 'm', version: '3' }), { ready: true });
      assert.deepEqual(await ask('ModelReady', { name: 'm', version: '4' }), { ready: false });
      assert.deepEqual(await ask('ModelReady', { name: 'other' }), { ready: false });
      const { name, version, extensions } = await ask('ServerMetadata');
      assert.deepEqual([name, version], ['pillion', VERSION]);
      assert.ok(extensions.includes('statistics'));
      assert.deepEqual(await ask('ModelMetadata', { name: 'm' }), {
        name: 'm',
        versions: ['3'],
        platform: '',
        inputs: [
          { name: 'x', datatype: 'FP32', shape: ['-1', '3'] },
          { name: 't', datatype: 'BYTES', shape: ['-1'] },
        ],
        outputs: [
          { name: 'y', datatype: 'INT64', shape: ['-1'] },
          { name: 'z', datatype: 'FP16', shape: ['1'] },
        ],
      });
      const failure = await server.failure(INFERENCE, 'ModelMetadata', { name: 'other' });
      assert.equal(failure.code, Status.NOT_FOUND);
      server.readiness.setDraining();
      assert.deepEqual(await ask('ServerLive'), { live: true });
      assert.deepEqual(await ask('ServerReady'), { ready: false });
    },
  );
});

test('Triton’s configuration: dims without the batch, sizes of batches, optional inputs', async () => {
  const rows = signature(
    { x: spec('float32', [8, 3]), t: spec('string', [8, 1]) },
    { y: spec('int64', [8]) },
    { kind: 'fixed', size: 8 },
  );
  const whole = signature({ x: spec('float32', [2, 3]) }, { y: spec('bool', []) }, { kind: 'none' });
  // A row is one number: without the batch nothing would be left of its dims, which Triton's form forbids.
  const numbers = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) }, { kind: 'fixed', size: 8 });
  await withGrpc(
    (models) => {
      models.add('rows', { signatures: { serving_default: rows } });
      models.add('whole', { signatures: { only: whole } });
      models.add('numbers', { signatures: { only: numbers } });
    },
    async (server) => {
      const config = async (name: string) => (await server.call(INFERENCE, 'ModelConfig', { name })).config;
      const { name, max_batch_size, input, output, dynamic_batching } = await config('rows');
      assert.deepEqual([name, max_batch_size], ['rows', 8]);
      const tensors = (all: { name: string; data_type: string; dims: string[] }[]): unknown =>
        all.map((each) => [each.name, each.data_type, each.dims]);
      assert.deepEqual(tensors(input), [
        ['x', 'TYPE_FP32', ['3']],
        ['t', 'TYPE_STRING', ['1']],
      ]);
      // Triton's dims are never empty: a scalar of each row is [1].
      assert.deepEqual(tensors(output), [['y', 'TYPE_INT64', ['1']]]);
      assert.deepEqual(dynamic_batching.preferred_batch_size, [8]);
      const other = await config('whole');
      assert.equal(other.max_batch_size, 0);
      assert.deepEqual(tensors(other.input), [['x', 'TYPE_FP32', ['2', '3']]]);
      const bare = await config('numbers');
      assert.equal(bare.max_batch_size, 0);
      assert.deepEqual(tensors(bare.input), [['x', 'TYPE_FP32', ['-1']]]);
    },
  );
});

test('statistics count requests of every protocol', async () => {
  const statistics = new InferenceStatistics(systemClock);
  await withGrpc(
    (models) => {
      models.add('m', { version: 2n });
      models.add('other', { version: 1n });
    },
    async (server) => {
      const request = { model_name: 'm', inputs: [X], raw_input_contents: [floats(1, 2, 3)] };
      await server.call(INFERENCE, 'ModelInfer', request);
      await server.call(PREDICTION, 'Predict', floatRequest([1]));
      await server.failure(INFERENCE, 'ModelInfer', { model_name: 'm' });
      for (const record of server.records) statistics.recordRequest(record);
      const ask = async (question: object) => (await server.call(INFERENCE, 'ModelStatistics', question)).model_stats;
      const [found] = await ask({ name: 'm' });
      assert.deepEqual([found.name, found.version, found.inference_count], ['m', '2', '4']);
      assert.equal(found.inference_stats.success.count, '2');
      assert.equal(found.inference_stats.fail.count, '1');
      const names = (all: { name: string }[]): readonly string[] => all.map(({ name }) => name);
      assert.deepEqual(names(await ask({})), ['m', 'other']);
      assert.deepEqual(names(await ask({ name: 'other', version: '1' })), ['other']);
      assert.equal(
        (await server.failure(INFERENCE, 'ModelStatistics', { name: 'none' })).code,
        Status.INVALID_ARGUMENT,
      );
    },
    { surfaces: [puppetInference({ statistics })] },
  );
});

test('the index tells the state of every version', async () => {
  const error = new ServingError('load_failed', 'model.onnx is no ONNX file');
  await withGrpc(
    (models) => {
      models.add('m', { version: 1n });
      models.add('m', { version: 2n, state: 'END', error });
      models.add('m', { version: 3n, state: 'LOADING' });
    },
    async (server) => {
      const index = async (request: object = {}) => (await server.call(INFERENCE, 'RepositoryIndex', request)).models;
      assert.deepEqual(await index(), [
        { name: 'm', version: '3', state: 'LOADING', reason: '' },
        { name: 'm', version: '2', state: 'UNAVAILABLE', reason: error.message },
        { name: 'm', version: '1', state: 'READY', reason: '' },
      ]);
      assert.deepEqual(await index({ ready: true }), [{ name: 'm', version: '1', state: 'READY', reason: '' }]);
      const { code } = await server.failure(INFERENCE, 'RepositoryIndex', { repository_name: 'r' });
      assert.equal(code, Status.UNIMPLEMENTED);
    },
  );
});

test('what is not built, or not allowed, is refused with what to do', async () => {
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      for (const [method, request, text] of [
        [
          'RepositoryModelLoad',
          { model_name: 'm' },
          /loads and unloads no models by request.*--model_control_mode=explicit/,
        ],
        ['RepositoryModelUnload', { model_name: 'm' }, /loads and unloads no models by request/],
        [
          'SystemSharedMemoryStatus',
          {},
          /no shared memory for clients .*--allow_client_shm.*; send and receive tensors/,
        ],
        ['CudaSharedMemoryRegister', {}, /no shared memory of GPUs/],
        [
          'LogSettings',
          { settings: { log_file: { string_param: '/x' } } },
          /settings of this server cannot be changed by request/,
        ],
        [
          'TraceSetting',
          { settings: { trace_level: { value: ['OFF'] } } },
          /settings of this server cannot be changed by request/,
        ],
      ] as const) {
        const failure = await server.failure(INFERENCE, method, request);
        assert.equal(failure.code, Status.UNIMPLEMENTED, method);
        assert.match(failure.details, text);
      }
      const { settings } = await server.call(INFERENCE, 'LogSettings', {});
      assert.equal(settings.log_info.bool_param, true);
    },
  );
});
