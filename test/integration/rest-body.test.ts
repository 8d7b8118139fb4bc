/** Bodies that are compressed, too large, slow, broken off or malformed. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { errorOf, MAX_BODY_BYTES, type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';
import { EMPTY_FRAME, SKIPPABLE_FRAME, ZSTD_BODY, zstdBomb } from '../support/zstd-bodies.ts';

const rest = new RestHarness();
const PATH = '/v1/models/m:predict';
const BODY = '{"instances":[1,2]}';
const ANSWER = '{"predictions":[1.0,2.0]}';

before(async () => {
  rest.models.add('m');
  await rest.listen();
});

after(() => rest.close());

async function post(
  connection: RawConnection,
  body: string | Uint8Array,
  headers: readonly string[] = [],
): Promise<RawAnswer> {
  connection.post(PATH, body, headers);
  return connection.answer();
}

async function isRefused(connection: RawConnection, answer: RawAnswer, status: number, message: RegExp): Promise<void> {
  assert.equal(answer.status, status);
  assert.match(errorOf(answer), message);
  assert.equal((await post(connection, BODY)).body.toString(), ANSWER);
}

/** Parts of a chunked request. */
const CHUNKED_HEAD = `POST ${PATH} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const LAST_CHUNK = '0\r\n\r\n';

describe('bodies of several reads', () => {
  const LARGE = BODY + ' '.repeat(300_000);
  const head = `POST ${PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: ${LARGE.length}\r\n\r\n`;

  test('are read whole, and what comes behind them in its turn', async () => {
    const connection = await rest.connect();
    for (const cut of [0, 5, 100, 70_000, LARGE.length - 1]) {
      connection.send(head + LARGE.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 5));
      connection.send(`${LARGE.slice(cut)}${head}${LARGE}`);
      for (let i = 0; i < 2; i++) assert.equal((await connection.answer()).body.toString(), ANSWER);
      assert.equal((await post(connection, BODY)).body.toString(), ANSWER);
    }
  });

  test('a client that closes its side within one is answered', async () => {
    const connection = await rest.connect();
    connection.send(head + LARGE.slice(0, 100_000));
    connection.socket.end();
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [499, 'close']);
  });
});

describe('compressed bodies', () => {
  test('gzip and deflate are inflated', async () => {
    const connection = await rest.connect();
    const gzipped = gzipSync(BODY);
    assert.equal((await post(connection, gzipped, ['content-encoding: gzip'])).body.toString(), ANSWER);
    assert.equal(rest.records.at(-1)?.requestBytes, gzipped.length);
    assert.equal((await post(connection, gzipped, ['content-encoding: X-GZip'])).body.toString(), ANSWER);
    assert.equal((await post(connection, deflateSync(BODY), ['content-encoding: deflate'])).body.toString(), ANSWER);
    assert.equal((await post(connection, BODY, ['content-encoding: identity'])).body.toString(), ANSWER);
    const halves = Buffer.concat([gzipSync(BODY.slice(0, 5)), gzipSync(BODY.slice(5))]);
    assert.equal((await post(connection, halves, ['content-encoding: gzip'])).body.toString(), ANSWER);
  });

  test('what cannot be inflated is refused', async () => {
    const connection = await rest.connect();
    for (const body of [BODY, '', gzipSync(BODY).subarray(0, 20), deflateRawSync(BODY)]) {
      await isRefused(connection, await post(connection, body, ['content-encoding: gzip']), 400, /cannot be inflated/);
    }
  });

  test('a small body that would inflate past the limit is refused', async () => {
    const connection = await rest.connect();
    const bomb = gzipSync(Buffer.alloc(50 * MAX_BODY_BYTES, ' '));
    assert.ok(bomb.length < MAX_BODY_BYTES);
    await isRefused(
      connection,
      await post(connection, bomb, ['content-encoding: gzip']),
      413,
      /limit is 1048576 bytes/,
    );
  });

  test('an unknown encoding is refused, and the text names those there are', async () => {
    const connection = await rest.connect();
    for (const encoding of ['compress', 'lzma, gzip', 'gzip, gzip, gzip, gzip']) {
      const answer = await post(connection, BODY, [`content-encoding: ${encoding}`]);
      const text = /as one of gzip, deflate, br, zstd|more than 3 content encodings/;
      await isRefused(connection, answer, 501, text);
    }
  });

  test('br and zstd are inflated, and encodings one over another', async () => {
    const connection = await rest.connect();
    const zstd = Buffer.from(ZSTD_BODY, 'base64');
    for (const [body, encoding] of [
      [brotliCompressSync(BODY), 'br'],
      [zstd, 'zstd'],
      [Buffer.concat([zstd, EMPTY_FRAME, SKIPPABLE_FRAME]), 'ZSTD'],
      [brotliCompressSync(gzipSync(BODY)), 'gzip, identity,br'],
      [gzipSync(zstd), 'zstd, gzip'],
    ] as const) {
      const answer = await post(connection, body, [`content-encoding: ${encoding}`]);
      assert.equal(answer.body.toString(), ANSWER, encoding);
    }
  });

  test('what is cut off, broken or followed by something is refused, in every encoding', async () => {
    const connection = await rest.connect();
    const zstd = Buffer.from(ZSTD_BODY, 'base64');
    for (const [whole, encoding] of [
      [gzipSync(BODY), 'gzip'],
      [deflateSync(BODY), 'deflate'],
      [brotliCompressSync(BODY), 'br'],
      [zstd, 'zstd'],
    ] as const) {
      for (const body of ['', BODY, whole.subarray(0, -1), Buffer.concat([whole, Buffer.from('more')])]) {
        const answer = await post(connection, body, [`content-encoding: ${encoding}`]);
        await isRefused(connection, answer, 400, /cannot be inflated as .*; send it whole/);
      }
    }
  });

  test('a bomb in any encoding, or one over another, is refused', async () => {
    const connection = await rest.connect();
    const spaces = Buffer.alloc(50 * MAX_BODY_BYTES, ' ');
    const bombs: readonly (readonly [Buffer, string])[] = [
      [brotliCompressSync(spaces), 'br'],
      [gzipSync(gzipSync(spaces)), 'gzip, gzip'],
      [zstdBomb(50 * MAX_BODY_BYTES), 'zstd'],
    ];
    for (const [bomb, encoding] of bombs) {
      assert.ok(bomb.length < MAX_BODY_BYTES);
      const answer = await post(connection, bomb, [`content-encoding: ${encoding}`]);
      await isRefused(connection, answer, 413, /the limit is 1048576 bytes, but the body has more, inflated/);
    }
  });
});

describe('bodies over the limit', () => {
  test('one byte over by Content-Length is refused; the limit itself is not', async () => {
    const connection = await rest.connect();
    const whole = `${BODY}${' '.repeat(MAX_BODY_BYTES - BODY.length)}`;
    assert.equal((await post(connection, whole)).body.toString(), ANSWER);
    const answer = await post(connection, `${whole} `);
    assert.equal(answer.status, 413);
    assert.match(errorOf(answer), /the limit is 1048576 bytes, but the body has 1048577; send fewer rows/);
    assert.equal(answer.headers.get('connection'), 'close');
    assert.equal(await connection.ended(), '');
  });

  test('the rest of a small one is passed over, and its connection goes on', async () => {
    const small = new RestHarness({ maxBodyBytes: 100 });
    small.models.add('m');
    await small.listen();
    const connection = await small.connect();
    const answer = await post(connection, BODY.padEnd(101));
    assert.equal(answer.headers.get('connection'), 'keep-alive');
    await isRefused(connection, answer, 413, /the limit is 100 bytes, but the body has 101; send fewer rows/);
    connection.send(`POST ${PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: 101\r\n\r\n`);
    const early = await connection.answer();
    connection.send(BODY.padEnd(101));
    await isRefused(connection, early, 413, /the body has 101/);
    await small.close();
  });

  test('the answer comes before the body does, and is not lost to what the client still sends', async () => {
    const connection = await rest.connect();
    const length = 5 * MAX_BODY_BYTES;
    connection.send(`POST ${PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: ${length}\r\n\r\n`);
    assert.equal((await connection.answer()).status, 413);
    connection.send(Buffer.alloc(length, ' '));
    assert.equal(await connection.ended(), '');
  });

  test('a client that goes on sending without end is cut off', async () => {
    const connection = await rest.connect();
    connection.send(CHUNKED_HEAD);
    const piece = chunk(' '.repeat(64 * 1024));
    let isOpen = true;
    connection.socket.once('close', () => {
      isOpen = false;
    });
    const sendOn = (): void => {
      if (isOpen) connection.socket.write(piece, () => setImmediate(sendOn));
    };
    sendOn();
    assert.equal((await connection.answer()).status, 413);
    await connection.ended();
  });

  test('a client that stays and sends nothing is let go after a while', async () => {
    const connection = await rest.connect();
    connection.send(`POST ${PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: ${5 * MAX_BODY_BYTES}\r\n\r\n`);
    assert.equal((await connection.answer()).status, 413);
    rest.clock.advance(1000);
    assert.equal(await connection.ended(), '');
  });

  test('a chunked body over the limit is refused as soon as it is over', async () => {
    const connection = await rest.connect();
    connection.send(CHUNKED_HEAD + chunk(' '.repeat(MAX_BODY_BYTES)));
    connection.send(chunk(' '));
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [413, 'close']);
    connection.send(LAST_CHUNK);
    assert.equal(await connection.ended(), '');
  });

  test('a client that asks first is told before it sends', async () => {
    const connection = await rest.connect();
    const head = (length: number): string =>
      `POST ${PATH} HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
    connection.send(head(BODY.length));
    assert.equal((await connection.answer()).status, 100);
    connection.send(BODY);
    assert.equal((await connection.answer()).body.toString(), ANSWER);
    connection.send(head(MAX_BODY_BYTES + 1));
    assert.equal((await connection.answer()).status, 413);
  });
});

describe('bodies that do not arrive', () => {
  test('a slow body ends with the deadline of its request', async () => {
    const connection = await rest.connect();
    const before = rest.records.length;
    connection.send(
      `POST ${PATH} HTTP/1.1\r\nhost: test\r\ngrpc-timeout: 200m\r\ncontent-length: ${BODY.length}\r\n\r\n{`,
    );
    while (rest.lifecycle.inFlight === 0) await new Promise(setImmediate);
    rest.clock.advance(200);
    const answer = await connection.answer();
    assert.equal(answer.status, 504);
    assert.match(errorOf(answer), /^deadline of 200 ms passed before the request had arrived whole/);
    assert.equal((await rest.recorded(before + 1)).at(-1)?.outcome, 'deadline_exceeded');
    // The little that is missing still comes, and the connection goes on.
    connection.send(BODY.slice(1));
    assert.equal((await post(connection, BODY)).body.toString(), ANSWER);
  });

  test('a slow chunked body ends its connection too', async () => {
    const connection = await rest.connect();
    connection.send(CHUNKED_HEAD.replace('host', 'grpc-timeout: 200m\r\nhost'));
    while (rest.lifecycle.inFlight === 0) await new Promise(setImmediate);
    rest.clock.advance(200);
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [504, 'close']);
    connection.send(LAST_CHUNK);
    assert.equal(await connection.ended(), '');
  });

  test('a client that leaves amid its body leaves a record and nothing else', async () => {
    const connection = await rest.connect();
    const before = rest.records.length;
    connection.send(`POST ${PATH} HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{"inst`);
    while (rest.lifecycle.inFlight === 0) await new Promise(setImmediate);
    connection.destroy();
    const record = (await rest.recorded(before + 1)).at(-1)!;
    assert.deepEqual([record.outcome, record.error?.attributes], ['cancelled', { stage: 'receive' }]);
    assert.equal(rest.lifecycle.inFlight, 0);
  });

  test('malformed chunks are answered', async () => {
    const connection = await rest.connect();
    connection.send(`${CHUNKED_HEAD}${chunk('{"inst')}nonsense\r\n`);
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [400, 'close']);
    assert.match(errorOf(answer), /chunks are malformed/);
    rest.clock.advance(1000);
    await connection.ended();
  });

  test('a chunked body arrives in pieces of any size', async () => {
    const connection = await rest.connect();
    connection.send(CHUNKED_HEAD);
    for (const letter of BODY) connection.send(chunk(letter));
    connection.send(LAST_CHUNK);
    assert.equal((await connection.answer()).body.toString(), ANSWER);
  });
});

describe('bodies that are no JSON', () => {
  test('cut short at any byte: 400, never 500', async () => {
    const connection = await rest.connect();
    const body =
      '{"signature_name":"serving_default","instances":[[1.5e1,-2],[NaN,4]],"x":{"y":[true,null,"\\u00e9"]}}';
    for (let length = 0; length < body.length; length++) {
      const answer = await post(connection, body.slice(0, length));
      assert.equal(answer.status, 400, body.slice(0, length));
    }
    assert.equal((await post(connection, body)).status, 200);
  });

  test('nested a million deep: refused, or ignored where it does not matter', async () => {
    const small = new RestHarness({ maxBodyBytes: 8 * MAX_BODY_BYTES });
    small.models.add('m');
    await small.listen();
    const connection = await small.connect();
    const depth = 1_000_000;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    assert.equal((await post(connection, `{"instances":${'['.repeat(depth)}`)).status, 400);
    assert.match(errorOf(await post(connection, `{"instances":${deep}}`)), /64 dimensions at most/);
    assert.equal((await post(connection, `{"other":${deep},"instances":[1,2]}`)).body.toString(), ANSWER);
    await small.close();
  });

  test('a body where none belongs is left aside', async () => {
    const connection = await rest.connect();
    connection.send('GET /v1/models/m HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\nhello');
    assert.equal((await connection.answer()).status, 200);
    assert.equal((await post(connection, BODY)).body.toString(), ANSWER);
  });

  test('no body at all is an empty one', async () => {
    const connection = await rest.connect();
    connection.get(PATH, [], 'POST');
    await isRefused(connection, await connection.answer(), 400, /the body is empty/);
  });
});
