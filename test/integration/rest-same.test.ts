/**
 * One table of requests over HTTP/1.1 and over HTTP/2: paths as hostile clients write them, every kind of answer, headers
 * of browsers. Each gets the same status, headers and body.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { useHttp2 } from '../support/http-version.ts';
import { type RawAnswer, RawConnection, RestHarness } from '../support/rest-harness.ts';

useHttp2();

const rest = new RestHarness({ server: { hasCors: true, compressFromBytes: 64 } });
let over1: RawConnection;
let over2: RawConnection;

before(async () => {
  rest.models.add('m', { version: 7n });
  rest.models.add('a b');
  await rest.listen();
  over1 = new RawConnection(await rest.server.listen('127.0.0.1:0'));
  await over1.opened();
  over2 = await rest.connect();
});

after(async () => {
  over1.destroy();
  await rest.close();
});

/** Headers of the connection, and those that tell times. */
const OWN = ['connection', 'keep-alive', 'date', 'server-timing'];

function seen({ status, headers, body }: RawAnswer): unknown {
  const kept = [...headers].filter(([name]) => !OWN.includes(name));
  // Each request has a span of its own.
  const trace = kept.find(([name]) => name === 'traceparent');
  if (trace !== undefined) trace[1] = trace[1].slice(0, 35);
  return { status, headers: kept.sort(), body: body.toString('latin1') };
}

async function isSame(ask: (connection: RawConnection) => void, hasBody = true): Promise<number> {
  ask(over1);
  ask(over2);
  const [first, second] = [await over1.answer(hasBody), await over2.answer(hasBody)];
  assert.deepEqual(seen(second), seen(first));
  assert.equal(second.headers.has('date'), true);
  assert.equal(second.headers.has('server-timing'), first.headers.has('server-timing'));
  return first.status;
}

const GETS: readonly (readonly [path: string, status: number])[] = [
  ['/v1/models', 200],
  ['/v1/models/m', 200],
  ['/v1/models/m?x=1', 200],
  ['/v1/models/m/metadata', 200],
  ['/v1/models/m/versions/7', 200],
  ['/V1/MODELS/m', 200],
  ['/v1/models/%6d', 200],
  ['/v1/models/a%20b', 200],
  ['/monitoring/prometheus/metrics', 200],
  ['/v1/models/m:predict', 405],
  ['/v1/models/', 400],
  ['/v1/models/%zz', 400],
  ['/v1/models/%ff', 400],
  ['/v1/models/m%2Fmetadata', 404],
  ['/v1/models/m%3Apredict', 404],
  ['/v1/models/m%00', 404],
  ['/v1/models/m;x=1', 404],
  ['/v1/models/m/', 404],
  ['//v1/models/m', 404],
  ['/v1//models/m', 404],
  ['/v1/./models/m', 404],
  ['/v1/models/../models/m', 404],
  ['/v1/models/m/..', 404],
  ['/v1/models/..%2f..%2fetc%2fpasswd', 404],
  ['/v1/models/m\\..\\x', 404],
  ['/v1/models/m#fragment', 404],
  ['/tensorflow.serving.PredictionService/Predict', 404],
  ['/', 404],
  ['/nowhere', 404],
  [`/${'x'.repeat(10_000)}`, 404],
];

describe('GET and HEAD', () => {
  for (const [path, status] of GETS) {
    test(path.slice(0, 60), async () => {
      assert.equal(await isSame((connection) => connection.get(path)), status);
      assert.equal(await isSame((connection) => connection.get(path, [], 'HEAD'), false), status);
    });
  }
});

test('other methods', async () => {
  for (const method of ['OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
    for (const path of ['/v1/models', '/v1/models/m:predict', '/nowhere', '/monitoring/prometheus/metrics']) {
      await isSame((connection) => connection.get(path, [], method));
    }
  }
  await isSame((connection) => connection.get('*', [], 'OPTIONS'));
});

test('bodies, and headers that choose an answer', async () => {
  const values = JSON.stringify({ instances: Array.from({ length: 100 }, (_, i) => i) });
  for (const [body, headers, status] of [
    ['{"instances":[1,2]}', [], 200],
    [values, ['accept-encoding: gzip'], 200],
    [values, ['accept-encoding: br;q=0.5, zstd;q=0'], 200],
    [
      '{"instances":[1]}',
      ['x-request-id: r-1', 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
      200,
    ],
    ['{"instances":[1]}', ['origin: https://page.example', 'cookie: a=b'], 200],
    ['{"instances":[1]}', ['content-type: text/plain', 'te: trailers'], 200],
    ['', [], 400],
    ['nonsense', [], 400],
    ['{"instances":["text"]}', [], 400],
    ['{"instances":[1]}', ['request-timeout: soon'], 400],
    ['{"instances":[1]}', ['x-pillion-priority: urgent'], 400],
    ['{"instances":[1]}', ['content-encoding: compress'], 501],
    ['{"instances":[1]}', ['content-type: application/x-protobuf'], 400],
  ] as const) {
    const path = '/v1/models/m:predict';
    assert.equal(await isSame((connection) => connection.post(path, body, headers)), status, body.slice(0, 40));
  }
});

test('a preflight, whose headers a page of another origin names', async () => {
  const wants = ['origin: https://page.example', 'access-control-request-method: POST'];
  const names = 'access-control-request-headers: content-type,x-request-id';
  assert.equal(await isSame((connection) => connection.get('/v1/models/m:predict', [...wants, names], 'OPTIONS')), 200);
});
