/** inference.GRPCInferenceService over a real connection: requests, and questions about models. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { status as Status } from '@grpc/grpc-js';
import { eachEngine as test } from '../support/grpc-engines.ts';
import { floatRequest, INFERENCE, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { affine, echo, signature, spec } from '../support/puppet-models.ts';

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

const X = { name: 'x', datatype: 'FP32', shape: [3] };

test('ModelInfer takes raw and typed contents alike, and answers raw', async () => {
  await withGrpc(
    (models) => models.add('m', { version: 7n, behave: affine(0.5, 2) }),
    async (server) => {
      const raw = { model_name: 'm', id: 'r-1', inputs: [X], raw_input_contents: [floats(1, 2, 5)] };
      const typed = { model_name: 'm', inputs: [{ ...X, contents: { fp32_contents: [1, 2, 5] } }] };
      const answer = await server.call(INFERENCE, 'ModelInfer', raw);
      assert.equal(answer.model_name, 'm');
      assert.equal(answer.model_version, '7');
      assert.equal(answer.id, 'r-1');
      assert.deepEqual(answer.outputs, [{ name: 'y', datatype: 'FP32', shape: ['3'], parameters: {}, contents: null }]);
      assert.deepEqual(answer.raw_output_contents, [floats(2.5, 3, 4.5)]);
      const second = await server.call(INFERENCE, 'ModelInfer', typed);
      assert.deepEqual(second.raw_output_contents, answer.raw_output_contents);
      assert.equal(second.id, '');
      const record = await server.record(1);
      assert.equal(record.method, 'ModelInfer');
      assert.equal(record.outcome, 'ok');
      assert.equal(record.rows, 3);
      assert.equal(record.stages.reached, 'encode');
    },
  );
});

test('the same bits as by TensorFlow Serving’s API', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: affine(1.7, 0.3) }),
    async (server) => {
      const values = [1.1, -2.7, 3e-9];
      const theirs = await server.call(PREDICTION, 'Predict', floatRequest(values));
      const request = { model_name: 'm', inputs: [X], raw_input_contents: [floats(...values)] };
      const ours = await server.call(INFERENCE, 'ModelInfer', request);
      assert.deepEqual(ours.raw_output_contents, [floats(...theirs.outputs.y.float_val)]);
    },
  );
});

test('BYTES and 64-bit integers go through exactly', async () => {
  const both = signature(
    { s: spec('string', [-1]), n: spec('int64', [-1]) },
    { s2: spec('string', [-1]), n2: spec('int64', [-1]) },
  );
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: both }, behave: echo }),
    async (server) => {
      const strings = [Buffer.from([0xff, 0, 0x80]), Buffer.from('ü'), Buffer.alloc(0)];
      const numbers = ['9223372036854775807', '-9223372036854775808', '0'];
      const inputs = [
        { name: 's', datatype: 'BYTES', shape: [3], contents: { bytes_contents: strings } },
        { name: 'n', datatype: 'INT64', shape: [3], contents: { int64_contents: numbers } },
      ];
      const answer = await server.call(INFERENCE, 'ModelInfer', { model_name: 'm', inputs });
      const raw = Buffer.concat(strings.flatMap((s) => [Buffer.from(Uint32Array.of(s.length).buffer), s]));
      assert.deepEqual(answer.raw_output_contents, [raw, Buffer.from(BigInt64Array.from(numbers.map(BigInt)).buffer)]);
      const heads = inputs.map(({ contents: _, ...head }) => head);
      const again = { model_name: 'm', inputs: heads, raw_input_contents: answer.raw_output_contents };
      const second = await server.call(INFERENCE, 'ModelInfer', again);
      assert.deepEqual(second.raw_output_contents, answer.raw_output_contents);
    },
  );
});

test('requested outputs come alone, in their order', async () => {
  const two = signature(
    { x: spec('float32', undefined) },
    { a: spec('float32', undefined), b: spec('float32', undefined) },
  );
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: two } }),
    async (server) => {
      const request = (...names: string[]): object => ({
        ...{ model_name: 'm', inputs: [X], raw_input_contents: [floats(1, 2, 3)] },
        outputs: names.map((name) => ({ name })),
      });
      const names = async (...asked: string[]): Promise<unknown> =>
        (await server.call(INFERENCE, 'ModelInfer', request(...asked))).outputs.map(
          (output: { name: string }) => output.name,
        );
      assert.deepEqual(await names('b'), ['b']);
      assert.deepEqual(await names('b', 'a'), ['b', 'a']);
      const failure = await server.failure(INFERENCE, 'ModelInfer', request('c'));
      assert.equal(failure.code, Status.INVALID_ARGUMENT);
      assert.match(failure.details, /^outputs names "c", which model "m"/);
    },
  );
});

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
      assert.deepEqual([name, version], ['pillion', '1.2.3']);
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
          { name: 'z', datatype: 'FP16', shape: [] },
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
