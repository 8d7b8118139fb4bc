/** What goes wrong, as a client sees it: the code, the text, and that the connection goes on. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { status as Status } from '@grpc/grpc-js';
import { ServingError } from '../../src/core/errors.ts';
import { currentEngine, GRPC_JS, eachEngine as test } from '../support/grpc-engines.ts';
import { floatRequest, type GrpcHarness, MODEL, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { hasFeature } from '../support/has-feature.ts';
import { encode } from '../support/proto-registry.ts';
import { affine, fail, signature, spec } from '../support/puppet-models.ts';
import { answerOf, frame, openCall, openSession, rawCall } from '../support/raw-grpc.ts';

const PREDICT = `/${PREDICTION}/Predict`;

async function assertStillAnswers(server: GrpcHarness): Promise<void> {
  const answer = await server.call(PREDICTION, 'Predict', floatRequest([1]));
  assert.deepEqual(answer.outputs.y.float_val, [2]);
}

function addDouble(models: GrpcHarness['models']): void {
  models.add('m', { behave: affine(2, 0), labels: ['stable'] });
}

const float = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 1 }] }, float_val: [1] };

test('a priority that is none is told which there are; one that is reaches the scheduler', async () => {
  await withGrpc(addDouble, async (server) => {
    const wrong = { metadata: { 'x-pillion-priority': 'vip' } };
    const error = await server.failure(PREDICTION, 'Predict', floatRequest([1]), wrong);
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    assert.match(error.details, /x-pillion-priority is "vip"; send one of critical, default, sheddable/);
    await server.call(PREDICTION, 'Predict', floatRequest([1]), { metadata: { 'x-pillion-priority': 'sheddable' } });
    await assertStillAnswers(server);
  });
});

/** Case, request, code, text. */
const CASES: readonly (readonly [string, object, Status, RegExp])[] = [
  ['no model spec', { inputs: { x: float } }, Status.INVALID_ARGUMENT, /Missing ModelSpec.*model_spec\.name/],
  ['an empty name', floatRequest([1], { name: '' }), Status.INVALID_ARGUMENT, /name is empty/],
  ['an unknown model', floatRequest([1], { name: 'other' }), Status.NOT_FOUND, /"other"/],
  ['an unknown version', floatRequest([1], { version: { value: 9 } }), Status.NOT_FOUND, /version 9/],
  ['version 0, which is a version', floatRequest([1], { version: { value: 0 } }), Status.NOT_FOUND, /version 0/],
  ['an unknown label', floatRequest([1], { version_label: 'canary' }), Status.INVALID_ARGUMENT, /"canary"/],
  [
    'an unknown signature',
    floatRequest([1], { signature_name: 'nope' }),
    Status.FAILED_PRECONDITION,
    /"serving_default"/,
  ],
  ['an unknown output', { ...floatRequest([1]), output_filter: ['z'] }, Status.INVALID_ARGUMENT, /"z"/],
  [
    'a wrong input name',
    { model_spec: { name: 'm' }, inputs: { z: float } },
    Status.INVALID_ARGUMENT,
    /missing: "x".*unknown: "z"/,
  ],
  [
    'a wrong dtype',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, dtype: 'DT_INT64' } } },
    Status.INVALID_ARGUMENT,
    /input "x" is int64.*wants float32/,
  ],
  [
    'no dtype',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, dtype: 'DT_INVALID' } } },
    Status.INVALID_ARGUMENT,
    /input "x" has no dtype/,
  ],
  [
    'a dtype that we do not hold',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, dtype: 'DT_COMPLEX64' } } },
    Status.UNIMPLEMENTED,
    /DT_COMPLEX64/,
  ],
  [
    'a reference dtype',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, dtype: 'DT_FLOAT_REF' } } },
    Status.INVALID_ARGUMENT,
    /DT_FLOAT_REF/,
  ],
  [
    'a negative dim',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, tensor_shape: { dim: [{ size: -1 }] } } } },
    Status.INVALID_ARGUMENT,
    /\[-1\]/,
  ],
  [
    'tensor_content of another length',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, tensor_content: Buffer.alloc(5) } } },
    Status.INVALID_ARGUMENT,
    /5 bytes of tensor_content.*takes 4/,
  ],
  [
    'ten bytes that ask for terabytes',
    { model_spec: { name: 'm' }, inputs: { x: { ...float, tensor_shape: { dim: [{ size: '1000000000000' }] } } } },
    Status.RESOURCE_EXHAUSTED,
    /takes 4000000000000 bytes/,
  ],
];

test('each bad request gets its code and a text that says what to do, and the next call works', async () => {
  await withGrpc(addDouble, async (server) => {
    for (const [what, request, code, text] of CASES) {
      const error = await server.failure(PREDICTION, 'Predict', request);
      assert.equal(error.code, code, `${what}: ${error.details}`);
      assert.match(error.details, text, what);
      await assertStillAnswers(server);
    }
    assert.deepEqual(server.internalErrors, []);
    assert.equal(server.lifecycle.inFlight, 0);
    assert.equal(server.records.length, 2 * CASES.length);
  });
});

test('a model that still loads is UNAVAILABLE with the time after which to try again', async () => {
  await withGrpc(
    (models) => models.add('m', { state: 'LOADING' }),
    async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest([1], { version: { value: 1 } }));
      assert.equal(error.code, Status.UNAVAILABLE);
      assert.deepEqual(error.metadata.get('grpc-retry-pushback-ms'), ['1500']);
      const details = error.metadata.get('grpc-status-details-bin')[0] as Buffer;
      assert.ok(details.includes('google.rpc.RetryInfo'));
    },
  );
});

test('metadata: which field is asked for must be said, and be signature_def', async () => {
  await withGrpc(addDouble, async (server) => {
    const none = await server.failure(PREDICTION, 'GetModelMetadata', { model_spec: { name: 'm' } });
    assert.equal(none.code, Status.INVALID_ARGUMENT);
    assert.match(none.details, /metadata_field is empty.*signature_def/);
    const other = await server.failure(PREDICTION, 'GetModelMetadata', {
      model_spec: { name: 'm' },
      metadata_field: ['signature_def', 'graph'],
    });
    assert.match(other.details, /"graph"/);
    const noSpec = await server.failure(PREDICTION, 'GetModelMetadata', { metadata_field: ['signature_def'] });
    assert.match(noSpec.details, /Missing ModelSpec/);
    const noStatusSpec = await server.failure(MODEL, 'GetModelStatus', {});
    assert.equal(noStatusSpec.code, Status.INVALID_ARGUMENT);
    const unknown = await server.failure(MODEL, 'GetModelStatus', { model_spec: { name: 'x' } });
    assert.equal(unknown.code, Status.NOT_FOUND);
  });
});

if (hasFeature('reload')) {
  test('methods that are not built say so', async () => {
    await withGrpc(addDouble, async (server) => {
      const error = await server.failure(MODEL, 'HandleReloadConfigRequest', {});
      assert.equal(error.code, Status.UNIMPLEMENTED);
      assert.match(error.details, /does not have .*HandleReloadConfigRequest/);
    });
  });
}

test('an unknown throw is INTERNAL with a text that tells nothing, and the cause is reported once', async () => {
  const cause = new Error('secret path /etc/model');
  await withGrpc(
    (models) => models.add('m', { behave: fail(cause) }),
    async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest([1]));
      assert.equal(error.code, Status.INTERNAL);
      assert.ok(!error.details.includes('secret'));
      assert.deepEqual(server.internalErrors, [cause]);
      assert.equal((await server.record(1)).outcome, 'internal');
    },
  );
});

test('a long text is cut to 1024 bytes at a whole character, lone surrogates replaced', async () => {
  const error = new ServingError('backend_failed', `\ud800${'ü'.repeat(2000)}`);
  await withGrpc(
    (models) => models.add('m', { behave: fail(error) }),
    async (server) => {
      const { code, details } = await server.failure(PREDICTION, 'Predict', floatRequest([1]));
      assert.equal(code, Status.INTERNAL);
      assert.match(details, /^\ufffdü+\.\.\.TRUNCATED$/);
      assert.ok(Buffer.byteLength(details) <= 1024 + '...TRUNCATED'.length);
    },
  );
});

test('a message over the limit is RESOURCE_EXHAUSTED, and the connection goes on', async () => {
  const options = { maxReceiveBytes: 1000 };
  await withGrpc(
    addDouble,
    async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest(new Array(300).fill(1)));
      assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
      assert.match(error.details, /larger than the 1000 bytes/);
      await assertStillAnswers(server);
      assert.equal((await server.record(1)).outcome, 'too_large');
    },
    options,
  );
});

test('garbage in the message, the framing or the compression costs one call', async () => {
  await withGrpc(
    addDouble,
    async (server) => {
      const session = openSession(server.address);
      const good = encode('tensorflow.serving.PredictRequest', {
        modelSpec: { name: 'm' },
        inputs: { x: { dtype: 1, tensorShape: { dim: [{ size: 1n }] }, floatVal: [1] } },
      });
      // grpc-js takes it for no message at all.
      const halfFrame = currentEngine() === GRPC_JS ? Status.UNIMPLEMENTED : Status.INVALID_ARGUMENT;
      const bomb = gzipSync(Buffer.alloc(1 << 20));
      /** Body, headers, code. */
      const bodies: readonly (readonly [string, Uint8Array, Record<string, string>, Status])[] = [
        ['no protobuf', frame(Buffer.from('\xff\xff\xff hello')), {}, Status.INVALID_ARGUMENT],
        ['an empty message', frame(Buffer.alloc(0)), {}, Status.INVALID_ARGUMENT],
        ['cut off inside', frame(good.subarray(0, good.length - 3)), {}, Status.INVALID_ARGUMENT],
        ['no message at all', Buffer.alloc(0), {}, Status.UNIMPLEMENTED],
        ['two messages', Buffer.concat([frame(good), frame(good)]), {}, Status.UNIMPLEMENTED],
        ['half a frame', frame(good).subarray(0, 9), {}, halfFrame],
        ['bad gzip', frame(Buffer.from('no gzip'), 1), { 'grpc-encoding': 'gzip' }, Status.INVALID_ARGUMENT],
        ['unknown compression', frame(good, 1), { 'grpc-encoding': 'snappy' }, Status.UNIMPLEMENTED],
        ['a gzip bomb', frame(bomb, 1), { 'grpc-encoding': 'gzip' }, Status.RESOURCE_EXHAUSTED],
        ['a bad grpc-timeout', frame(good), { 'grpc-timeout': 'soon' }, Status.INVALID_ARGUMENT],
        ['good gzip', frame(gzipSync(good), 1), { 'grpc-encoding': 'gzip' }, Status.OK],
      ];
      for (const [what, body, headers, code] of bodies) {
        const answer = await rawCall(session, PREDICT, body, headers);
        assert.equal(answer.grpcStatus, code, `${what}: ${answer.grpcMessage}`);
        assert.equal((await rawCall(session, PREDICT, frame(good))).grpcStatus, Status.OK, `after ${what}`);
      }
      session.destroy();
      assert.equal(server.lifecycle.inFlight, 0);
      assert.deepEqual(server.internalErrors, []);
    },
    { maxReceiveBytes: 10_000 },
  );
});

test('a path that is no method is UNIMPLEMENTED, whatever is in it', async () => {
  await withGrpc(addDouble, async (server) => {
    const session = openSession(server.address);
    for (const path of ['/', '/a.B/C', `/${PREDICTION}/predict`, '/%ff%0a', `/${'x'.repeat(5000)}`, '/\u00ff']) {
      const answer = await rawCall(session, path, frame(Buffer.alloc(0)));
      assert.equal(answer.grpcStatus, Status.UNIMPLEMENTED, path.slice(0, 40));
    }
    const json = await rawCall(session, PREDICT, Buffer.from('{}'), { 'content-type': 'application/json' });
    assert.equal(json.status, 415);
    session.destroy();
    await assertStillAnswers(server);
  });
});

test('a shape that the graph refuses is answered with what to send', async () => {
  const rows = signature({ x: spec('float32', [-1, 3]) }, { y: spec('float32', [-1, 3]) });
  await withGrpc(
    (models) => {
      const behave = fail(new ServingError('invalid_request', 'rank 1'));
      models.add('m', { signatures: { serving_default: rows }, behave });
    },
    async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest([1, 2, 3]));
      assert.equal(error.code, Status.INVALID_ARGUMENT);
      assert.match(error.details, /add the batch dimension in front: \[1,3\]\. The model refused it: rank 1$/);
    },
  );
});

test('a shape that the runtime takes from nobody is refused without a run', async () => {
  const x = { ...spec('float32', [-1, 3]), isShapeStrict: true };
  await withGrpc(
    (models) => {
      const behave = (): never => assert.fail('it was run');
      models.add('m', { signatures: { serving_default: signature({ x }, { y: spec('float32', [-1, 3]) }) }, behave });
    },
    async (server) => {
      const error = await server.failure(PREDICTION, 'Predict', floatRequest([1, 2, 3]));
      assert.equal(error.code, Status.INVALID_ARGUMENT);
      assert.match(error.details, /^input "x" has shape \[3\], .* add the batch dimension in front: \[1,3\]$/);
    },
  );
});

test('a second answer stream on the connection is not disturbed by a failing one', async () => {
  await withGrpc(addDouble, async (server) => {
    const session = openSession(server.address);
    const slow = openCall(session, PREDICT);
    const slowAnswer = answerOf(slow);
    await rawCall(session, PREDICT, frame(Buffer.from([0xff])));
    slow.end(
      frame(
        encode('tensorflow.serving.PredictRequest', {
          modelSpec: { name: 'm' },
          inputs: { x: { dtype: 1, floatVal: [4] } },
        }),
      ),
    );
    assert.equal((await slowAnswer).grpcStatus, Status.OK);
    session.destroy();
  });
});
