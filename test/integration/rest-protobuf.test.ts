/** PredictRequest in, PredictResponse out, over HTTP: the bytes of the gRPC method on the path of the REST one. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { skipsHttp2 } from '../support/http-version.ts';
import { decode, encode, type Fields } from '../support/proto-registry.ts';
import { signature, spec } from '../support/puppet-models.ts';
import { errorOf, type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';

const rest = new RestHarness();
const PROTOBUF = 'content-type: application/x-protobuf';
const REQUEST = 'tensorflow.serving.PredictRequest';
const RESPONSE = 'tensorflow.serving.PredictResponse';
let connection: RawConnection;

before(async () => {
  rest.models.add('m', { version: 7n });
  rest.models.add('m', { version: 3n, labels: ['stable'] });
  const x = { x: spec('float32', [-1], 'x:0') };
  const two = signature(x, { a: spec('float32', [-1]), b: spec('float32', [-1]) });
  rest.models.add('two', { signatures: { serving_default: two, other: two } });
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

const floats = (...values: readonly number[]): Fields => ({
  dtype: 1,
  tensorShape: { dim: [{ size: BigInt(values.length) }] },
  floatVal: values,
});

function request(modelSpec?: Fields, more: Fields = {}): Uint8Array {
  return encode(REQUEST, { ...(modelSpec !== undefined && { modelSpec }), inputs: { x: floats(1, 2.5) }, ...more });
}

async function post(path: string, body: Uint8Array, headers: readonly string[] = [PROTOBUF]): Promise<RawAnswer> {
  connection.post(`/v1/models/${path}:predict`, body, headers);
  return connection.answer();
}

function readAnswer(answer: RawAnswer): { spec: unknown[]; outputs: Record<string, number[]> } {
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'application/x-protobuf']);
  const response = decode(RESPONSE, answer.body) as unknown as {
    modelSpec: { name: string; signatureName: string; versionChoice: { value: { value: bigint } } };
    outputs: Record<string, { floatVal: number[] }>;
  };
  const { name, signatureName, versionChoice } = response.modelSpec;
  return {
    spec: [name, versionChoice.value.value, signatureName],
    outputs: Object.fromEntries(Object.entries(response.outputs).map(([key, { floatVal }]) => [key, floatVal])),
  };
}

describe('a PredictRequest over HTTP', () => {
  test('is answered with a PredictResponse of its own media type, without a model_spec and with one', async () => {
    for (const body of [request(), request({}), request({ name: 'm', signatureName: 'serving_default' })]) {
      const answer = await post('m', body);
      assert.deepEqual(readAnswer(answer), { spec: ['m', 7n, 'serving_default'], outputs: { y: [1, 2.5] } });
      assert.equal(answer.headers.get('x-pillion-model-version'), '7');
    }
    for (const type of ['application/protobuf', 'application/vnd.google.protobuf']) {
      const answer = await post('m', request(), [`Content-Type: ${type}; proto=${REQUEST}`]);
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, type]);
    }
  });

  test('keeps its tensors while others arrive on other connections', async () => {
    let answerFirst = (): void => assert.fail('the first request did not arrive');
    const arrived = new Promise<void>((resolve) => {
      rest.models.add('slow', {
        behave: ({ inputs }) =>
          new Promise((settle) => {
            answerFirst = () => settle(new Map([['y', inputs.get('x')!]]));
            resolve();
          }),
      });
    });
    const first = await rest.connect();
    const content = Buffer.alloc(8000, 0);
    for (let i = 0; i < 2000; i++) content.writeFloatLE(i, 4 * i);
    const tensor = { dtype: 1, tensorShape: { dim: [{ size: 2000n }] }, tensorContent: content };
    first.post('/v1/models/slow:predict', encode(REQUEST, { inputs: { x: tensor } }), [PROTOBUF]);
    await arrived;
    await post('m', encode(REQUEST, { inputs: { x: { ...tensor, tensorContent: Buffer.alloc(8000, 0xff) } } }));
    answerFirst();
    const { outputs } = readAnswer(await first.answer());
    assert.deepEqual(
      outputs['y'],
      Array.from({ length: 2000 }, (_, i) => i),
    );
  });

  test('names signature and outputs', async () => {
    const body = request({ signatureName: 'other' }, { outputFilter: ['b'] });
    assert.deepEqual(readAnswer(await post('two', body)), { spec: ['two', 1n, 'other'], outputs: { b: [1, 2.5] } });
  });

  test('may say more than the path, but not otherwise', async () => {
    const version = (value: bigint): Fields => ({ versionChoice: { case: 'version', value: { value } } });
    const label = (value: string): Fields => ({ versionChoice: { case: 'versionLabel', value } });
    const chosen = async (path: string, modelSpec: Fields): Promise<unknown> =>
      readAnswer(await post(path, request(modelSpec))).spec[1];
    assert.equal(await chosen('m', version(3n)), 3n);
    assert.equal(await chosen('m', label('stable')), 3n);
    assert.equal(await chosen('m/versions/3', { name: 'm' }), 3n);
    assert.equal(await chosen('m/versions/3', version(3n)), 3n);
    assert.equal(await chosen('m/labels/stable', label('stable')), 3n);
    for (const [path, modelSpec, text] of [
      ['m', { name: 'two' }, /model_spec\.name is "two", but the path names model "m"; leave it out of one/],
      ['m/versions/3', version(7n), /model_spec names version 7, but the path names version 3/],
      ['m/versions/3', label('stable'), /model_spec names label "stable", but the path names version 3/],
      ['m/labels/stable', version(3n), /model_spec names version 3, but the path names label "stable"/],
      ['m/labels/stable', label('canary'), /model_spec names label "canary", but the path names label "stable"/],
    ] as const) {
      const answer = await post(path, request(modelSpec));
      assert.equal(answer.status, 400);
      assert.match(errorOf(answer), text);
    }
  });

  test('may be compressed, chunked, and come over node:http', skipsHttp2(), async () => {
    const gzipped = await post('m', gzipSync(request()), [PROTOBUF, 'content-encoding: gzip']);
    assert.deepEqual(readAnswer(gzipped).outputs, { y: [1, 2.5] });
    const body = Buffer.from(request());
    connection.send(
      `POST /v1/models/m:predict HTTP/1.1\r\nhost: a\r\n${PROTOBUF}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    for (const byte of body)
      connection.send(Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]));
    connection.send('0\r\n\r\n');
    assert.deepEqual(readAnswer(await connection.answer()).outputs, { y: [1, 2.5] });
  });
});

describe('what is wrong with one', () => {
  test('is told as JSON, as everywhere on this surface', async () => {
    const whole = request();
    for (const [path, body, status, text] of [
      ['m', whole.subarray(0, -1), 400, /PredictRequest/],
      ['m', Buffer.from('{"instances":[1]}'), 400, /PredictRequest/],
      ['m', Buffer.alloc(0), 400, /wants the inputs "x"; missing: "x"/],
      ['none', whole, 404, /none/],
      ['m/labels/other', whole, 400, /label/],
      ['m', request({ signatureName: 'other' }), 400, /has no signature "other"/],
      ['m', request(undefined, { inputs: { z: floats(1) } }), 400, /unknown: "z"/],
      ['m', request(undefined, { outputFilter: ['z'] }), 400, /output_filter names "z"/],
    ] as const) {
      const answer = await post(path, body);
      assert.equal(answer.status, status, path);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.match(errorOf(answer), text);
    }
  });

  test('is that it would fill more memory than a body may have', async () => {
    const huge = { dtype: 1, tensorShape: { dim: [{ size: 1n << 40n }] }, floatVal: [1] };
    const answer = await post('m', encode(REQUEST, { inputs: { x: huge } }));
    assert.equal(answer.status, 413);
  });

  test('is not its Content-Type: any other is JSON', async () => {
    for (const type of ['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded', 'x']) {
      const answer = await post('m', Buffer.from('{"instances":[1]}'), [`content-type: ${type}`]);
      assert.equal(answer.body.toString(), '{"predictions":[1.0]}', type);
      assert.match(errorOf(await post('m', request(), [`content-type: ${type}`])), /JSON/i);
    }
  });
});
