/** What REST answers when something is wrong, and that the connection works on afterwards. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ERROR_TABLE, type ErrorKind, ServingError } from '../../src/core/errors.ts';
import { isHttp2 } from '../support/http-version.ts';
import { fail, never, signature, spec } from '../support/puppet-models.ts';
import { errorOf, type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';

const rest = new RestHarness({
  metrics: async () => {
    throw new Error('secret of the metrics');
  },
});
let connection: RawConnection;

before(async () => {
  rest.models.add('m');
  rest.models.add('fixed', {
    signatures: { serving_default: signature({ x: spec('float32', [-1, 2]) }, { y: spec('float32', [-1, 2]) }) },
    behave: fail(new ServingError('invalid_request', 'In[0]: [1,3]')),
  });
  rest.models.add('pair', {
    signatures: {
      serving_default: signature({ a: spec('float32', [-1]), b: spec('int32', [-1]) }, { y: spec('float32', [-1]) }),
    },
  });
  rest.models.add('loading', { state: 'LOADING' });
  rest.models.add('broken', { behave: fail(new Error('secret of the runtime')) });
  rest.models.add('never', { behave: never });
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

async function post(path: string, body: string, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.post(path, body, headers);
  return connection.answer();
}

/** The answer has the row of `kind`, as has its record, and the next request on the same connection is answered. */
async function isRefused(answer: RawAnswer, kind: ErrorKind, message: RegExp): Promise<void> {
  assert.equal(answer.status, ERROR_TABLE[kind].http);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.match(errorOf(answer), message);
  assert.equal(rest.records.at(-1)?.outcome, kind);
  assert.equal(answer.headers.get('connection'), isHttp2() ? undefined : 'keep-alive');
  const next = await post('/v1/models/m:predict', '{"instances":[1]}');
  assert.equal(next.body.toString(), '{"predictions":[1.0]}');
}

test('a priority that is none is told which there are', async () => {
  const answer = await post('/v1/models/m:predict', '{"instances":[1]}', ['X-Pillion-Priority: vip']);
  await isRefused(answer, 'invalid_request', /x-pillion-priority is "vip"; send one of critical, default, sheddable/);
  const good = await post('/v1/models/m:predict', '{"instances":[1]}', ['X-Pillion-Priority: Critical']);
  assert.equal(good.status, 200);
});

describe('each kind of error', () => {
  const bodies: readonly [path: string, body: string, kind: ErrorKind, message: RegExp][] = [
    ['m', '', 'invalid_request', /the body is empty/],
    ['m', '{', 'invalid_request', /not valid JSON/],
    ['m', '{"instances":["a"]}', 'invalid_request', /instances\[0\] is a string, but input "x" wants float32/],
    [
      'fixed',
      '{"instances":[[1,2,3]]}',
      'invalid_request',
      /has shape \[1,3\], but .* wants \[\?,2\]; send 2 elements a row, not 3\. The model refused it: In\[0\]: \[1,3\]$/,
    ],
    ['pair', '{"inputs":{"a":[1]}}', 'invalid_request', /missing: "b"/],
    ['unknown', '{"instances":[1]}', 'model_not_found', /unknown/],
    ['m/versions/9', '{"instances":[1]}', 'model_not_found', /has no version 9/],
    ['m/labels/l', '{"instances":[1]}', 'label_not_found', /has no label/],
    [
      'm',
      '{"instances":[1],"signature_name":"s"}',
      'signature_not_found',
      /has no signature "s"; it has: "serving_default"/,
    ],
    ['loading/versions/1', '{"instances":[1]}', 'model_not_ready', /still loading/],
    ['broken', '{"instances":[1]}', 'internal', /^internal error; the server log has the cause$/],
  ];
  for (const [path, body, kind, message] of bodies) {
    test(`${kind}: ${path} ${body}`, async () =>
      isRefused(await post(`/v1/models/${path}:predict`, body), kind, message));
  }

  test('route_not_found and method_not_allowed', async () => {
    await isRefused(await post('/v1/models/m:PREDICT', '{}'), 'route_not_found', /no such path/);
    const wrong = await post('/v1/models/m', '{}');
    assert.equal(wrong.headers.get('allow'), 'GET, HEAD, OPTIONS');
    await isRefused(wrong, 'method_not_allowed', /POST is not possible/);
    connection.get('/v1/models/m:predict');
    await isRefused(await connection.answer(), 'method_not_allowed', /use POST/);
    connection.get('/v1/models/');
    await isRefused(await connection.answer(), 'invalid_request', /names no model/);
  });

  test('every other kind comes from the runner with its own row', async () => {
    for (const kind of Object.keys(ERROR_TABLE) as ErrorKind[]) {
      if (kind === 'internal') continue;
      rest.models.add(`fails_${kind}`, { behave: fail(new ServingError(kind, `text of ${kind}`)) });
      const answer = await post(`/v1/models/fails_${kind}:predict`, '{"instances":[1]}');
      await isRefused(answer, kind, new RegExp(`^text of ${kind}$`));
    }
  });

  test('a cause that is ours is told to the server, never to the caller', async () => {
    const before = rest.internalErrors.length;
    const answer = await post('/v1/models/broken:predict', '{"instances":[1]}');
    assert.doesNotMatch(answer.body.toString(), /secret/);
    assert.match(String(rest.internalErrors[before]), /secret of the runtime/);
    connection.get('/monitoring/prometheus/metrics');
    const metrics = await connection.answer();
    assert.equal(metrics.status, 500);
    assert.doesNotMatch(metrics.body.toString(), /secret/);
    assert.match(String(rest.internalErrors.at(-1)), /secret of the metrics/);
  });

  test('Retry-After says when, in seconds', async () => {
    assert.equal(
      (await post('/v1/models/loading/versions/1:predict', '{"instances":[1]}')).headers.get('retry-after'),
      '2',
    );
    assert.equal((await post('/v1/models/unknown:predict', '{"instances":[1]}')).headers.has('retry-after'), false);
  });
});

describe('the order of checks', () => {
  test('syntax, then signature_name, then the model, then the signature, then the values', async () => {
    const status = async (path: string, body: string): Promise<[number, string]> => {
      const answer = await post(`/v1/models/${path}:predict`, body);
      return [answer.status, errorOf(answer)];
    };
    assert.match((await status('unknown', '{"instances":[')).join(' '), /^400 .*not valid JSON/);
    assert.match((await status('unknown', '{"signature_name":1}')).join(' '), /^400 .*"signature_name" is no string/);
    assert.match((await status('unknown', '{}')).join(' '), /^404 /);
    assert.match((await status('m', '{"signature_name":"s"}')).join(' '), /^400 .*has no signature/);
    assert.match((await status('m', '{"signature_name":"serving_default"}')).join(' '), /^400 .*neither/);
  });
});

describe('deadlines', () => {
  test('each header counts; a malformed one is refused', async () => {
    for (const header of ['x-envoy-expected-rq-timeout-ms: 50', 'grpc-timeout: 50m', 'request-timeout: 0.05']) {
      connection.post('/v1/models/never:predict', '{"instances":[1]}', [header]);
      const runner = rest.models.acquire('never', {}).servable.runner;
      while (runner.runningBatches === 0) await new Promise(setImmediate);
      rest.clock.advance(50);
      await isRefused(await connection.answer(), 'deadline_exceeded', /^deadline of 50 ms passed while the model ran/);
    }
    await isRefused(
      await post('/v1/models/m:predict', '{"instances":[1]}', ['request-timeout: soon']),
      'invalid_request',
      /^the header request-timeout is "soon"; send seconds/,
    );
  });

  test('a request that has no time left is refused at once', async () => {
    const answer = await post('/v1/models/m:predict', '{"instances":[1]}', ['grpc-timeout: 0m']);
    await isRefused(answer, 'deadline_exceeded', /deadline of 0 ms/);
  });
});

test('nothing is left open', () => {
  assert.equal(rest.lifecycle.inFlight, 0);
});
