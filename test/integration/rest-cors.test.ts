/** A page of another origin and its browser: preflight, answers, errors; and nothing of it unless it is asked for. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { skipsHttp2 } from '../support/http-version.ts';
import { type RawAnswer, RestHarness } from '../support/rest-harness.ts';

const rest = new RestHarness({ server: { hasCors: true } });
const off = new RestHarness();
const ORIGIN = 'origin: http://page.example';
const PREFIX = 'access-control-';

before(async () => {
  for (const harness of [rest, off]) {
    harness.models.add('m');
    await harness.listen();
  }
});

after(async () => {
  await rest.close();
  await off.close();
});

function isOpen({ headers }: RawAnswer): void {
  assert.equal(headers.get(`${PREFIX}allow-origin`), '*');
  assert.equal(headers.get(`${PREFIX}allow-methods`), 'POST, GET');
  assert.equal(headers.get(`${PREFIX}allow-headers`), 'Content-Type');
  const exposed = headers.get(`${PREFIX}expose-headers`)!.split(', ');
  for (const name of ['x-pillion-model-version', 'x-request-id', 'server-timing'])
    assert.ok(exposed.includes(name), name);
}

test('answers and errors have the headers, on either lane', async () => {
  const connection = await rest.connect();
  const plain = await rest.connect();
  for (const [path, status] of [
    ['/v1/models/m', 200],
    ['/v1/models', 200],
    ['/v1/models/m/metadata', 200],
    ['/monitoring/prometheus/metrics', 200],
    ['/v1/models/none', 404],
    ['/nowhere', 404],
    ['/v1/models/m:predict', 405],
  ] as const) {
    connection.get(path, [ORIGIN]);
    const answer = await connection.answer();
    assert.equal(answer.status, status, path);
    isOpen(answer);
  }
  for (const on of [plain, connection]) {
    for (const [body, status] of [
      ['{"instances":[1]}', 200],
      ['nonsense', 400],
    ] as const) {
      on.post('/v1/models/m:predict', body, [ORIGIN]);
      const answer = await on.answer();
      assert.equal(answer.status, status);
      isOpen(answer);
    }
  }
});

test('what is no HTTP has them too', skipsHttp2(), async () => {
  const connection = await rest.connect();
  connection.send('GET / HTTP/9.9\r\n\r\n');
  isOpen(await connection.answer());
});

test('a preflight gets the method and the headers that the page wants', async () => {
  const connection = await rest.connect();
  const wants = [ORIGIN, `${PREFIX}request-method: POST`, `${PREFIX}request-headers: content-type,traceparent`];
  connection.get('/v1/models/m:predict', wants, 'OPTIONS');
  const answer = await connection.answer();
  assert.deepEqual([answer.status, answer.body.length], [200, 0]);
  assert.equal(answer.headers.get(`${PREFIX}allow-origin`), '*');
  assert.equal(answer.headers.get(`${PREFIX}allow-methods`), 'POST, GET');
  assert.equal(answer.headers.get(`${PREFIX}allow-headers`), 'content-type,traceparent');
  assert.equal(answer.headers.get(`${PREFIX}max-age`), '7200');
  assert.equal(answer.headers.get('allow'), 'POST, OPTIONS');
  connection.post('/v1/models/m:predict', '{"instances":[1]}', [ORIGIN]);
  isOpen(await connection.answer());
});

test('OPTIONS without a wish gets what every answer has', async () => {
  const connection = await rest.connect();
  connection.get('/v1/models/m', [ORIGIN], 'OPTIONS');
  isOpen(await connection.answer());
});

test('unless it is asked for, no answer has any of it', async () => {
  const connection = await off.connect();
  connection.post('/v1/models/m:predict', '{"instances":[1]}', [ORIGIN]);
  connection.get('/v1/models/m', [ORIGIN, `${PREFIX}request-method: GET`], 'OPTIONS');
  connection.get('/nowhere', [ORIGIN]);
  for (let i = 0; i < 3; i++) {
    const { headers } = await connection.answer();
    assert.deepEqual(
      [...headers.keys()].filter((name) => name.startsWith(PREFIX)),
      [],
    );
  }
});
