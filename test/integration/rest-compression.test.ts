/** Answers that go out compressed: when they do, what they say, and what ends a request meanwhile. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { after, before, describe, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ANSWER_CODINGS } from '../../src/proxy/http1/coding/answer-coding.ts';
import { decodeZstd } from '../../src/proxy/http1/coding/zstd-body.ts';
import { MAX_TIMEOUT_MS, type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';

const FROM = 100;
const PATH = '/v1/models/m:predict';
const LARGE = JSON.stringify({ instances: Array.from({ length: 500 }, (_, i) => i) });
const LARGE_ANSWER = JSON.stringify({ predictions: Array.from({ length: 500 }, (_, i) => `${i}.0`) }).replaceAll(
  /"(\d+\.0)"/g,
  '$1',
);
const SMALL = '{"instances":[1]}';
const PAGE = 'metric 1\n'.repeat(100);

const rest = new RestHarness({
  server: { compressFromBytes: FROM },
  metrics: async () => ({ contentType: 'text/plain', text: PAGE }),
});
let connection: RawConnection;

before(async () => {
  rest.models.add('m');
  await rest.listen();
});

after(() => rest.close());

async function post(body: string, headers: readonly string[] = []): Promise<RawAnswer> {
  connection ??= await rest.connect();
  connection.post(PATH, body, headers);
  return connection.answer();
}

async function whole({ headers, body }: RawAnswer): Promise<string> {
  switch (headers.get('content-encoding')) {
    case 'gzip':
      return gunzipSync(body).toString();
    case 'br':
      return brotliDecompressSync(body).toString();
    case 'zstd':
      return ((await decodeZstd(body, 1 << 20)) as Buffer).toString();
    default:
      return body.toString();
  }
}

describe('answers of at least the size', () => {
  test('go out in each coding that the client asks for, on either lane', async () => {
    const handedOver = await rest.connect();
    handedOver.get('/v1/models/m');
    await handedOver.answer();
    for (const coding of ANSWER_CODINGS) {
      const answer = await post(LARGE, [`accept-encoding: ${coding}`]);
      assert.equal(answer.headers.get('content-encoding'), coding);
      assert.ok(answer.body.length < LARGE_ANSWER.length);
      assert.equal(await whole(answer), LARGE_ANSWER);
      assert.equal(rest.records.at(-1)?.responseBytes, answer.body.length);
      handedOver.post(PATH, LARGE, [`accept-encoding: ${coding}`]);
      assert.deepEqual((await handedOver.answer()).body, answer.body);
    }
  });

  test('go out as they are to who does not ask, and to who refuses', async () => {
    for (const headers of [[], ['accept-encoding: deflate'], ['accept-encoding: gzip;q=0, br;q=0, zstd;q=0']]) {
      const answer = await post(LARGE, headers);
      assert.equal(answer.headers.has('content-encoding'), false);
      assert.equal(answer.body.toString(), LARGE_ANSWER);
      assert.equal(answer.headers.get('vary'), 'accept-encoding', 'a cache must know all the same');
    }
  });

  test('smaller ones, and errors, go out as they are', async () => {
    const small = await post(SMALL, ['accept-encoding: gzip']);
    assert.deepEqual([small.headers.has('content-encoding'), small.headers.get('vary')], [false, 'accept-encoding']);
    const error = await post(`{"instances":["${'x'.repeat(500)}"]}`, ['accept-encoding: gzip']);
    assert.deepEqual([error.status, error.headers.has('content-encoding')], [400, false]);
  });

  test('are followed by the next on the same connection, pipelined too', async () => {
    const pipelined = await rest.connect();
    pipelined.post(PATH, LARGE, ['accept-encoding: gzip']);
    pipelined.post(PATH, SMALL, ['accept-encoding: gzip']);
    assert.equal(await whole(await pipelined.answer()), LARGE_ANSWER);
    assert.equal((await pipelined.answer()).body.toString(), '{"predictions":[1.0]}');
  });
});

test('the metrics page is compressed too, and HEAD has the length of its GET', async () => {
  const own = await rest.connect();
  const headers = ['accept-encoding: gzip'];
  own.get('/monitoring/prometheus/metrics', headers);
  const answer = await own.answer();
  assert.deepEqual([answer.headers.get('content-encoding'), await whole(answer)], ['gzip', PAGE]);
  for (const path of ['/monitoring/prometheus/metrics', '/v1/models/m/metadata']) {
    own.get(path, headers);
    const get = await own.answer();
    own.get(path, headers, 'HEAD');
    const head = await own.answer(false);
    for (const name of ['content-length', 'content-encoding', 'vary', 'content-type']) {
      assert.equal(head.headers.get(name), get.headers.get(name), `${name} of ${path}`);
    }
    assert.equal(get.headers.get('content-encoding'), 'gzip', path);
  }
  own.get('/monitoring/prometheus/metrics');
  assert.equal((await own.answer()).body.toString(), PAGE);
});

test('a deadline that passes while the answer is compressed is the answer, once', async () => {
  const body = JSON.stringify({ instances: Array.from({ length: 60_000 }, () => 0.125) });
  const own = await rest.connect();
  const before = rest.records.length;
  const runner = rest.models.add('waits', {
    behave: ({ inputs }) => {
      // The answer is printed and handed to the compressor before the turn ends: what comes then comes too late.
      setImmediate(() => rest.clock.advance(MAX_TIMEOUT_MS));
      return new Map([['y', inputs.get('x')!]]);
    },
  });
  own.post('/v1/models/waits:predict', body, ['accept-encoding: br']);
  const answer = await own.answer();
  assert.equal(runner.requests.length, 1);
  assert.equal(answer.status, 504);
  assert.match(answer.body.toString(), /while the answer was written/);
  const records = await rest.recorded(before + 1);
  assert.deepEqual(
    records.slice(before).map(({ outcome }) => outcome),
    ['deadline_exceeded'],
  );
  own.post(PATH, SMALL);
  assert.equal((await own.answer()).status, 200);
});

test('without the option nothing is compressed, and nothing varies', async () => {
  const off = new RestHarness();
  off.models.add('m');
  await off.listen();
  const own = await off.connect();
  own.post(PATH, LARGE, ['accept-encoding: gzip']);
  const answer = await own.answer();
  assert.deepEqual([answer.headers.has('content-encoding'), answer.headers.has('vary')], [false, false]);
  assert.equal(answer.body.toString(), LARGE_ANSWER);
  await off.close();
});
