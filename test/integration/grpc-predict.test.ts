/** Predict, metadata and status over a real connection. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ServingError } from '../../src/core/errors.ts';
import type { CallerTrace } from '../../src/ledger/request-record.ts';
import { eachEngine as test } from '../support/grpc-engines.ts';
import { floatRequest, MODEL, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { decode } from '../support/proto-registry.ts';
import { affine, echo, signature, spec } from '../support/puppet-models.ts';

test('Predict answers with the version, the signature and typed values', async () => {
  await withGrpc(
    (models) => models.add('m', { version: 7n, behave: affine(0.5, 2) }),
    async (server) => {
      const answer = await server.call(PREDICTION, 'Predict', floatRequest([1, 2, 5]));
      assert.deepEqual(answer.model_spec, {
        name: 'm',
        signature_name: 'serving_default',
        version: { value: '7' },
        version_choice: 'version',
      });
      assert.deepEqual(answer.outputs.y.float_val, [2.5, 3, 4.5]);
      assert.deepEqual(answer.outputs.y.tensor_shape.dim, [{ size: '3', name: '' }]);
      assert.equal(answer.outputs.y.dtype, 'DT_FLOAT');
      const record = await server.record(1);
      assert.equal(record.outcome, 'ok');
      assert.equal(record.method, 'Predict');
      assert.equal(record.rows, 3);
      assert.equal(record.model, 'm');
      assert.equal(record.version, '7');
      assert.ok(record.requestBytes > 12 && record.responseBytes > 12);
      assert.equal(record.stages.reached, 'encode');
    },
  );
});

test('tensor_content is read, and written when the server is told to', async () => {
  const content = Buffer.from(Float32Array.of(1, 2).buffer);
  const x = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 2 }] }, tensor_content: content };
  await withGrpc(
    (models) => models.add('m', { behave: echo }),
    async (server) => {
      const answer = await server.call(PREDICTION, 'Predict', { model_spec: { name: 'm' }, inputs: { x } });
      assert.deepEqual(answer.outputs.y.tensor_content, content);
      assert.deepEqual(answer.outputs.y.float_val, []);
    },
    { server: { serializationAsTensorContent: true } },
  );
});

test('a message of several MiB goes there and back', async () => {
  const content = Buffer.from(Float32Array.from({ length: 1 << 20 }, (_, i) => i).buffer);
  const x = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 1 << 20 }] }, tensor_content: content };
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const { outputs } = await server.call(PREDICTION, 'Predict', { model_spec: { name: 'm' }, inputs: { x } });
      assert.ok(content.equals(outputs.y.tensor_content));
    },
    { maxReceiveBytes: 8 << 20, server: { serializationAsTensorContent: true } },
  );
});

test('strings go through as bytes, 64-bit integers exactly', async () => {
  const both = signature(
    { s: spec('string', [-1]), n: spec('int64', [-1]) },
    { s2: spec('string', [-1]), n2: spec('int64', [-1]) },
  );
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: both } }),
    async (server) => {
      const raw = Buffer.from([0xff, 0, 0x80]);
      const tensor_shape = { dim: [{ size: 2 }] };
      const inputs = {
        s: { dtype: 'DT_STRING', tensor_shape, string_val: [raw, Buffer.from('ü')] },
        n: { dtype: 'DT_INT64', tensor_shape, int64_val: ['9223372036854775807', '-9223372036854775808'] },
      };
      const { outputs } = await server.call(PREDICTION, 'Predict', { model_spec: { name: 'm' }, inputs });
      assert.deepEqual(outputs.s2.string_val, [raw, Buffer.from('ü')]);
      assert.deepEqual(outputs.n2.int64_val, ['9223372036854775807', '-9223372036854775808']);
    },
  );
});

test('output_filter gives the named outputs alone', async () => {
  const two = signature(
    { x: spec('float32', undefined) },
    { a: spec('float32', undefined), b: spec('float32', undefined) },
  );
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: two } }),
    async (server) => {
      const { outputs } = await server.call(PREDICTION, 'Predict', { ...floatRequest([1]), output_filter: ['b'] });
      assert.deepEqual(Object.keys(outputs), ['b']);
    },
  );
});

test('a version and a label choose the version that answers; the label is not repeated', async () => {
  await withGrpc(
    (models) => {
      models.add('m', { version: 1n, behave: affine(1, 0), labels: ['stable'] });
      models.add('m', { version: 2n, behave: affine(2, 0) });
    },
    async (server) => {
      const predict = async (choice: object): Promise<unknown> => {
        const answer = await server.call(PREDICTION, 'Predict', floatRequest([3], choice));
        return [answer.model_spec.version.value, answer.model_spec.version_choice, ...answer.outputs.y.float_val];
      };
      assert.deepEqual(await predict({}), ['2', 'version', 6]);
      assert.deepEqual(await predict({ version: { value: 1 } }), ['1', 'version', 3]);
      assert.deepEqual(await predict({ version_label: 'stable' }), ['1', 'version', 3]);
    },
  );
});

test('GetModelMetadata gives the signatures in an Any', async () => {
  const full = signature(
    { x: spec('float32', [-1, 3], 'serving_default_x:0') },
    { y: spec('string', undefined, 'out:0'), z: spec('int64', [], 'z:0') },
  );
  await withGrpc(
    (models) => models.add('m', { version: 3n, signatures: { serving_default: full } }),
    async (server) => {
      const request = { model_spec: { name: 'm' }, metadata_field: ['signature_def'] };
      const { model_spec, metadata } = await server.call(PREDICTION, 'GetModelMetadata', request);
      assert.equal(model_spec.name, 'm');
      assert.equal(model_spec.version.value, '3');
      assert.equal(model_spec.signature_name, '');
      const any = metadata.signature_def;
      assert.equal(any.type_url, 'type.googleapis.com/tensorflow.serving.SignatureDefMap');
      const map = JSON.parse(
        JSON.stringify(decode('tensorflow.serving.SignatureDefMap', any.value), (_, value: unknown) =>
          typeof value === 'bigint' ? Number(value) : value,
        ),
      );
      const { inputs, outputs, methodName } = map.signatureDef.serving_default;
      assert.equal(methodName, 'tensorflow/serving/predict');
      assert.deepEqual(inputs.x.encoding, { case: 'name', value: 'serving_default_x:0' });
      assert.equal(inputs.x.dtype, 1);
      assert.deepEqual(
        inputs.x.tensorShape.dim.map((dim: { size: number }) => dim.size),
        [-1, 3],
      );
      assert.equal(outputs.y.tensorShape.unknownRank, true);
      assert.equal(outputs.y.dtype, 7);
      assert.deepEqual(outputs.z.tensorShape.dim, []);
      assert.equal(outputs.z.tensorShape.unknownRank, false);
      assert.equal((await server.record(1)).method, 'GetModelMetadata');
    },
  );
});

test('GetModelStatus tells of every version, the failed one with its error', async () => {
  const error = new ServingError('load_failed', 'model.onnx is no ONNX file');
  await withGrpc(
    (models) => {
      models.add('m', { version: 1n });
      models.add('m', { version: 2n, state: 'END', error });
    },
    async (server) => {
      const all = await server.call(MODEL, 'GetModelStatus', { model_spec: { name: 'm' } });
      assert.deepEqual(all.model_version_status, [
        { version: '2', state: 'END', status: { error_code: 'FAILED_PRECONDITION', error_message: error.message } },
        { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
      ]);
      const one = await server.call(MODEL, 'GetModelStatus', { model_spec: { name: 'm', version: { value: 1 } } });
      assert.deepEqual(
        one.model_version_status.map((status: { version: string }) => status.version),
        ['1'],
      );
    },
  );
});

test('answers carry traceparent when the request is traced, and x-request-id if one was sent', async () => {
  const seen: (CallerTrace | undefined)[] = [];
  const traceId = 'a'.repeat(32);
  const startTrace = (caller: CallerTrace | undefined) => {
    seen.push(caller);
    return { traceId, spanId: 'b'.repeat(16), parentSpanId: caller?.spanId, isSampled: true, traceState: undefined };
  };
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const metadata = { traceparent: `00-${traceId}-${'c'.repeat(16)}-01`, 'x-request-id': 'r-1' };
      const ok = await server.callWithHeaders(PREDICTION, 'Predict', floatRequest([1]), { metadata });
      assert.deepEqual(ok.headers.get('traceparent'), [`00-${traceId}-${'b'.repeat(16)}-01`]);
      assert.deepEqual(ok.headers.get('x-request-id'), ['r-1']);
      assert.equal(seen[0]?.spanId, 'c'.repeat(16));
      assert.equal((await server.record(1)).id, 'r-1');

      const bin = Buffer.concat([
        Buffer.from([0, 0]),
        Buffer.alloc(16, 1),
        Buffer.from([1]),
        Buffer.alloc(8, 2),
        Buffer.from([2, 1]),
      ]);
      const other = await server.callWithHeaders(PREDICTION, 'Predict', floatRequest([1]), {
        metadata: { 'grpc-trace-bin': bin },
      });
      assert.equal(seen[1]?.spanId, '02'.repeat(8));
      assert.deepEqual(other.headers.get('x-request-id'), []);

      const failed = await server.failure(PREDICTION, 'Predict', floatRequest([1], { name: 'other' }), { metadata });
      assert.deepEqual(failed.metadata.get('x-request-id'), ['r-1']);
    },
    { telemetry: { startTrace } },
  );
});
