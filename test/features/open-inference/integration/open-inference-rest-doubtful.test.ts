/** Requests of the Open Inference Protocol over REST that can be read in two ways, or cost much: one answer for each. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { signature, spec } from '../../../support/puppet-models.ts';
import { errorOf, jsonOf, type RawAnswer, type RawConnection, RestHarness } from '../../../support/rest-harness.ts';

const rest = new RestHarness();
let connection: RawConnection;

const INFER = '/v2/models/m/infer';
const LENGTH = 'inference-header-content-length';
const X = '"name":"x","shape":[1,2],"datatype":"FP32"';
const GOOD = `{"inputs":[{${X},"data":[1,2]}]}`;

before(async () => {
  const float = signature({ x: spec('float32', [-1, 2]) }, { y: spec('float32', [-1, 2]) });
  rest.models.add('m', { signatures: { serving_default: float } });
  const bool = signature({ b: spec('bool', [-1]) }, { b: spec('bool', [-1]) });
  rest.models.add('flags', { signatures: { serving_default: bool } });
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

async function post(path: string, body: string | Uint8Array, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.post(path, body, headers);
  return connection.answer();
}

/** The connection serves on. */
async function isServing(): Promise<boolean> {
  return (await post(INFER, GOOD)).status === 200;
}

test('the first of two equal keys counts, also where it is empty', async () => {
  const second = '"parameters":{"binary_data_size":8}';
  const input = await post(INFER, `{"inputs":[{${X},"parameters":{},${second},"data":[1,2]}]}`);
  assert.equal(input.status, 200, errorOf(input));
  const request = await post(INFER, `{"parameters":{},"parameters":{"priority":-1},${GOOD.slice(1)}`);
  assert.equal(request.status, 200);
  const index = async (body: string): Promise<unknown> => jsonOf(await post('/v2/repository/index', body));
  assert.deepEqual(await index('{"ready":true,"ready":"x"}'), await index('{"ready":true}'));
  const load = await post('/v2/repository/models/m/load', '{"parameters":{},"parameters":[]}');
  assert.equal(load.status, 501);
});

test('a key whose value is null is not there, in small bodies too', async () => {
  assert.equal((await post('/v2/repository/index', '{"ready":null}')).status, 200);
  assert.equal((await post('/v2/repository/models/m/load', '{"parameters":null}')).status, 501);
  assert.equal((await post('/v2/logging', '{"log_file":null}')).status, 200);
});

test('the length of the JSON is digits, and nothing else', async () => {
  const size = Buffer.byteLength(GOOD);
  for (const value of [
    `+${size}`,
    `0x${size.toString(16)}`,
    `\u00a0${size}`,
    `${size}.0`,
    `${size},${size}`,
    '1e2',
    ' ',
  ]) {
    const answer = await post(INFER, Buffer.from(GOOD), [`${LENGTH}: ${value}`]);
    assert.equal(answer.status, 400, value);
    assert.match(errorOf(answer), /Unable to parse Inference-Header-Content-Length/);
  }
  assert.equal((await post(INFER, GOOD, [`${LENGTH}: ${size}`])).status, 200);
});

test('the length of the JSON is of what was inflated', async () => {
  const body = Buffer.concat([Buffer.from(`{"inputs":[{${X},"parameters":{"binary_data_size":8}}]}`), Buffer.alloc(8)]);
  const zipped = gzipSync(body);
  const asSent = await post(INFER, zipped, ['content-encoding: gzip', `${LENGTH}: ${zipped.length}`]);
  assert.equal(asSent.status, 400);
  const asIs = await post(INFER, zipped, ['content-encoding: gzip', `${LENGTH}: ${body.length - 8}`]);
  assert.equal(asIs.status, 200);
});

test('a coding that is not taken: the answer says which are, and the connection serves on', async () => {
  for (const coding of ['lzma', 'gzip, gzip, gzip, gzip']) {
    const answer = await post(INFER, GOOD, [`content-encoding: ${coding}`]);
    assert.equal(answer.status, 501);
    assert.equal(answer.headers.get('accept-encoding'), 'gzip, deflate, br, zstd');
    assert.ok(await isServing());
  }
  assert.equal((await post(INFER, '{')).headers.get('accept-encoding'), undefined);
});

test('a transfer coding that nobody undoes is refused, and never read as the body', async () => {
  const zipped = gzipSync(GOOD);
  const head = ['POST /v2/models/m/infer HTTP/1.1', 'host: t', 'transfer-encoding: gzip, chunked', '', ''].join('\r\n');
  const other = await rest.connect();
  other.send(
    Buffer.concat([Buffer.from(`${head}${zipped.length.toString(16)}\r\n`), zipped, Buffer.from('\r\n0\r\n\r\n')]),
  );
  const answer = await other.answer();
  assert.deepEqual([answer.status, answer.headers.get('connection')], [501, 'close']);
  assert.match(errorOf(answer), /Transfer-Encoding/);
});

test('an id is repeated up to 65,536 characters', async () => {
  const ask = (length: number): Promise<RawAnswer> => post(INFER, `{"id":"${'a'.repeat(length)}",${GOOD.slice(1)}`);
  assert.equal((jsonOf(await ask(65_536)) as { id: string }).id.length, 65_536);
  const refused = await ask(65_537);
  assert.equal(refused.status, 400);
  assert.match(errorOf(refused), /"id" has 65537 characters/);
});

test('a path or method that is not there is said before what is wrong with a header', async () => {
  for (const [method, path, status] of [
    ['PUT', INFER, 405],
    ['GET', '/v2/nowhere', 404],
    ['PUT', '/v1/models/m:predict', 405],
  ] as const) {
    connection.get(path, ['x-envoy-expected-rq-timeout-ms: x', 'x-pillion-priority: x'], method);
    assert.equal((await connection.answer()).status, status, path);
  }
  assert.equal((await post(INFER, GOOD, ['x-envoy-expected-rq-timeout-ms: x'])).status, 400);
});

test('a byte that is no boolean reaches no model', async () => {
  const json = '{"inputs":[{"name":"b","shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}}]}';
  const send = (...bytes: number[]): Promise<RawAnswer> =>
    post('/v2/models/flags/infer', Buffer.concat([Buffer.from(json), Buffer.from(bytes)]), [
      `${LENGTH}: ${json.length}`,
    ]);
  assert.equal((await send(0, 1)).status, 200);
  const refused = await send(1, 2);
  assert.equal(refused.status, 400);
  assert.match(errorOf(refused), /element 1, has the byte 2/);
});

test('an expectation that nobody knows does not matter', async () => {
  const answer = await post(INFER, GOOD, ['expect: 200-maybe']);
  assert.equal(answer.status, 200);
  assert.ok(await isServing());
});
