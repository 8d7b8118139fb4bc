/** Applications that speak HTTP/2: how they fail, refuse and reset, and how their connections are used. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';
import { event } from '../fronted-app.ts';
import { answerOf, ask, engineApp, FrontedHttp2 } from '../fronted-http2.ts';

const MIB = 2 ** 20;

const HEAD = encodeHeaders([[':status', '200']]);

/** Sends a request, whole or not; gives how to leave. node's client ends a body that it resets, unless it has trailers. */
function openByHttp2(fronted: FrontedHttp2, stage: string): () => void {
  const stream = fronted.session().request({ ':method': 'POST' }, { waitForTrailers: true });
  stream.on('error', () => undefined);
  stream.write('abc');
  if (stage !== 'within its body') stream.end();
  return () => stream.close(constants.NGHTTP2_CANCEL);
}

async function openByHttp1(fronted: FrontedHttp2, stage: string): Promise<() => void> {
  const connection = await fronted.rest.connect();
  const end = stage === 'within its body' ? '' : '0\r\n\r\n';
  connection.send(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n${end}`);
  return () => connection.destroy();
}

/** Resolves when `count` pieces have left. */
async function write(stream: ClientHttp2Stream, piece: Buffer, count: number): Promise<void> {
  stream.on('error', () => undefined);
  for (let i = 0; i < count; i++) await new Promise((resolve) => stream.write(piece, resolve));
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('HTTP/2 to an application of HTTP/2', () => {
  const fronted = new FrontedHttp2({ app: 'h2c' });
  before(() => fronted.start());
  after(() => fronted.close());

  test('heads, bodies and trailers both ways', async () => {
    let seen: Record<string, unknown> = {};
    fronted.onStream = (stream, headers) => {
      seen = headers;
      let sent: unknown;
      stream.on('trailers', (trailers) => {
        sent = trailers['x-in'];
      });
      stream.respond({ ':status': 200, 'set-cookie': ['a', 'b'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(sent) }));
      stream.pipe(stream);
    };
    const stream = fronted
      .session()
      .request({ ':method': 'PUT', ':authority': 'shop.example', ':path': '/a' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-in': 'seven' }));
    const body = randomBytes(5 * MIB);
    stream.end(body);
    const answer = await answerOf(stream);
    assert.deepEqual(
      [seen[':method'], seen[':authority'], seen[':path'], seen['host'], seen['via']],
      ['PUT', 'shop.example', '/a', undefined, '2 pillion'],
    );
    assert.equal(hashOf(answer.body), hashOf(body));
    assert.equal(answer.trailers?.['x-sum'], 'seven');
    assert.deepEqual(answer.headers['set-cookie'], ['a', 'b']);
  });

  test('an answer that is one frame of headers stays one', async () => {
    fronted.onStream = (stream) => stream.respond({ ':status': 200, 'x-only': 'head' }, { endStream: true });
    const answer = await ask(fronted.session(), { ':method': 'POST' }, 'x');
    assert.equal(answer.isHeadersOnly, true);
    assert.equal(answer.headers['x-only'], 'head');
  });

  test('a side that does not read holds the other up', async () => {
    let sent = 0;
    const source = new Readable({
      read() {
        sent += 64 * 1024;
        this.push(sent > 64 * MIB ? null : Buffer.alloc(64 * 1024));
      },
    });
    const arrived = new Promise<ServerHttp2Stream>((resolve) => {
      fronted.onStream = (stream) => resolve(stream);
    });
    const stream = fronted.session().request({ ':method': 'POST' });
    source.pipe(stream);
    const answered = answerOf(stream);
    const app = await arrived;
    let before = -1;
    // The windows on the way are full when nothing more leaves.
    while (sent > before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(sent < 12 * MIB, `${sent} bytes have left`);
    let received = 0;
    app.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await event(app, 'end');
    assert.equal(received, 64 * MIB);
    app.respond({ ':status': 200 });
    // And back: a client that reads nothing.
    stream.pause();
    let written = 0;
    const answer = new Readable({
      read() {
        written += 64 * 1024;
        this.push(written > 64 * MIB ? null : Buffer.alloc(64 * 1024));
      },
    });
    answer.pipe(app);
    for (before = -1; written > before; ) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(written < 12 * MIB, `${written} bytes have left`);
    stream.resume();
    assert.equal((await answered).body.length, 64 * MIB);
  });

  test('an application that ends its answer first stops the request with NO_ERROR', async () => {
    fronted.onStream = (stream) => {
      stream.respond({ ':status': 413 });
      stream.end('too much');
    };
    const stream = fronted.session().request({ ':method': 'POST' });
    stream.write('begun');
    const answer = await answerOf(stream);
    assert.deepEqual([answer.headers[':status'], answer.body.toString(), answer.code], [413, 'too much', 0]);
  });

  test('an answer that ends in one packet with its NO_ERROR is whole; one that NO_ERROR cuts off is not', async () => {
    let isWhole = true;
    const { address, close } = await engineApp((stream) => {
      stream.respond(HEAD);
      stream.write(Buffer.alloc(10_000));
      if (isWhole) stream.end();
      else stream.reset(constants.NGHTTP2_NO_ERROR);
    });
    const other = await new FrontedHttp2({ app: 'h2c', address }).start();
    for (isWhole of [true, false]) {
      // Of a small request nothing waits in node's client, which else never closes its stream.
      for (const size of [0, 1, 30_000]) {
        const answer = await ask(other.session(), { ':method': 'POST' }, size === 0 ? undefined : Buffer.alloc(size));
        const code = isWhole ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_INTERNAL_ERROR;
        assert.deepEqual([answer.headers[':status'], answer.code], [200, code]);
        if (isWhole) assert.equal(answer.body.length, 10_000);
      }
    }
    await other.close();
    close();
  });

  test('resets pass with their codes; a client of HTTP/1.1 is cut off', async () => {
    const codes = [constants.NGHTTP2_CANCEL, constants.NGHTTP2_ENHANCE_YOUR_CALM, constants.NGHTTP2_INTERNAL_ERROR];
    for (const code of codes) {
      fronted.onStream = (stream) => stream.close(code);
      assert.equal((await ask(fronted.session(), { ':method': 'POST' }, 'x')).code, code);
      const { address, close } = await engineApp((stream) => {
        stream.respond(HEAD);
        stream.write(Buffer.from('begun'));
        setImmediate(() => stream.reset(code));
      });
      const late = await new FrontedHttp2({ app: 'h2c', address }).start();
      const answer = await ask(late.session(), { ':method': 'POST' }, 'x');
      assert.deepEqual([answer.headers[':status'], answer.code], [200, code]);
      const connection = await late.rest.connect();
      connection.get('/');
      assert.doesNotMatch(await connection.ended(), /\r\n0\r\n\r\n$/);
      await late.close();
      close();
    }
  });

  test('a client that resets, at each stage: the application’s stream is reset, and its body never looks whole', async () => {
    for (const stage of ['within its body', 'while the application works', 'within the answer']) {
      const seen: (number | undefined | string)[] = [];
      let closed = (): void => undefined;
      let arrived = (): void => undefined;
      const { address, close } = await engineApp((stream) => {
        stream.sink = {
          onData: () => {
            if (stage === 'within the answer') stream.respond(HEAD);
            if (stage === 'within the answer') stream.write(Buffer.alloc(MIB));
            arrived();
          },
          onEnd: () => seen.push('whole'),
          onWritable: () => undefined,
          onClose: (code) => {
            seen.push(code);
            closed();
          },
        };
      });
      const other = await new FrontedHttp2({ app: 'h2c', address }).start();
      for (const by of ['HTTP/2', 'HTTP/1.1']) {
        seen.length = 0;
        const isClosed = new Promise<void>((resolve) => {
          closed = resolve;
        });
        const isThere = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        const leave = by === 'HTTP/2' ? openByHttp2(other, stage) : await openByHttp1(other, stage);
        await isThere;
        leave();
        await isClosed;
        const expected = [...(stage === 'within its body' ? [] : ['whole']), constants.NGHTTP2_CANCEL];
        assert.deepEqual(seen, expected, `${stage} by ${by}`);
      }
      assert.deepEqual(other.internalErrors, []);
      await other.close();
      close();
    }
  });

  test('an application that is cut off: before its answer 502, within it a reset', async () => {
    fronted.onStream = () => fronted.cutApp();
    const early = await ask(fronted.session(), { ':method': 'POST' }, 'x');
    assert.equal(early.headers[':status'], 502);
    fronted.onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('begun', () => setImmediate(() => fronted.cutApp()));
    };
    const late = await ask(fronted.session(), {});
    assert.equal(late.code, constants.NGHTTP2_INTERNAL_ERROR);
    // The next one gets a new connection.
    fronted.onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('back');
    };
    assert.equal((await ask(fronted.session(), {})).body.toString(), 'back');
  });

  test('a reset with NO_ERROR in place of an answer is 502', async () => {
    const { address, close } = await engineApp((stream) => stream.reset(constants.NGHTTP2_NO_ERROR));
    const other = await new FrontedHttp2({ app: 'h2c', address }).start();
    assert.equal((await ask(other.session(), {})).headers[':status'], 502);
    assert.equal((await ask(other.session(), { ':method': 'POST' }, 'x')).headers[':status'], 502);
    await other.close();
    close();
  });

  test('GOAWAY: what has begun is finished, what comes later has a new connection', async () => {
    const streams: ServerHttp2Stream[] = [];
    const arrived = new Promise<void>((resolve) => {
      fronted.onStream = (stream) => {
        stream.respond({ ':status': 200 });
        stream.write('first');
        streams.push(stream);
        resolve();
      };
    });
    const begun = ask(fronted.session(), { ':method': 'POST' }, 'x');
    await arrived;
    const [first] = fronted.appSessions.slice(-1);
    const known = fronted.appSessions.length;
    first!.goaway(constants.NGHTTP2_NO_ERROR);
    await new Promise((resolve) => first!.ping(resolve));
    fronted.onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('second');
    };
    assert.equal((await ask(fronted.session(), {})).body.toString(), 'second');
    assert.equal(fronted.appSessions.length, known + 1);
    streams[0]!.end(' and last');
    assert.equal((await begun).body.toString(), 'first and last');
  });

  test('a request that is refused unread is sent once more, body and all', async () => {
    let asked = 0;
    fronted.onStream = async (stream) => {
      asked += 1;
      if (asked === 1) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    };
    const answer = await ask(fronted.session(), { ':method': 'POST' }, 'all of it');
    assert.deepEqual([answer.body.toString(), asked], ['all of it', 2]);
    fronted.onStream = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
    assert.equal((await ask(fronted.session(), {})).code, constants.NGHTTP2_REFUSED_STREAM);
  });
});

describe('stalled bodies hold up none but themselves', () => {
  const fronted = new FrontedHttp2({ app: 'h2c' });
  before(() => fronted.start());
  after(() => fronted.close());

  test('16 uploads that the application does not read, and a call of this server’s on the same connection', async () => {
    const body = Buffer.alloc(300_000);
    fronted.engine.register({
      path: '/ours.Service/Length',
      isClientStream: false,
      enforcesDeadline: false,
      start: (call) => ({
        onMessage: (message) => call.end({ code: 0, message: String(message.length) }),
        onAbort() {},
      }),
    });
    fronted.onStream = () => undefined;
    const session = fronted.session();
    const uploads = Array.from({ length: 16 }, () => session.request({ ':method': 'POST' }));
    // All but the last piece of each stream's window has left, which together are twice the connection's.
    const piece = Buffer.alloc(64 * 1024);
    await Promise.all(uploads.map((upload) => write(upload, piece, MIB / piece.length - 1)));
    const head = Buffer.from([0, 0, 0, 0, 0]);
    head.writeUInt32BE(body.length, 1);
    const call = {
      ':method': 'POST',
      ':path': '/ours.Service/Length',
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    const answer = await ask(session, call, Buffer.concat([head, body]));
    assert.equal(answer.headers['grpc-message'], String(body.length));
    for (const upload of uploads) upload.destroy();
  });

  test('100 answers that their client does not read, and another client’s', async () => {
    const { address, close } = await engineApp((stream, { path }) => {
      stream.respond(HEAD);
      stream.write(Buffer.alloc(path === '/large' ? 500_000 : 5));
      if (path !== '/large') stream.end();
    });
    const other = await new FrontedHttp2({ app: 'h2c', address }).start();
    const session = other.session();
    const stalled = Array.from({ length: 100 }, () => session.request({ ':path': '/large' }));
    await Promise.all(stalled.map((stream) => event(stream, 'response')));
    assert.equal((await ask(other.session(), { ':path': '/small' })).body.length, 5);
    for (const stream of stalled) stream.on('error', () => undefined).destroy();
    await other.close();
    close();
  });
});

test('more requests than one connection of the application takes get another one', async () => {
  const fronted = await new FrontedHttp2({ app: 'h2c', settings: { maxConcurrentStreams: 2 } }).start();
  const streams: ServerHttp2Stream[] = [];
  await new Promise<void>((resolve) => {
    fronted.onStream = (stream) => {
      streams.push(stream);
      if (streams.length === 5) resolve();
    };
    const session = fronted.session();
    for (let i = 0; i < 5; i++) void ask(session, { ':method': 'POST' }, 'x');
  });
  assert.equal(fronted.appSessions.length, 3);
  await fronted.close();
});

describe('an application of HTTP/2 that is not there', () => {
  async function askAt(address: string, connectMs?: number): Promise<readonly [number, string]> {
    const front = connectMs === undefined ? {} : { connectMs };
    const fronted = await new FrontedHttp2({ app: 'h2c', address, front }).start();
    const answer = await ask(fronted.session(), {});
    await fronted.close();
    return [Number(answer.headers[':status']), JSON.parse(answer.body.toString()).error];
  }

  test('no listener: 503; one of HTTP/1.1: 502; a silent one: 503', async () => {
    const [status, error] = await askAt('h2c+unix:/none.sock');
    assert.equal(status, 503);
    assert.match(error, /there is no socket file at .* \(ENOENT\)/);
    const sockets = new Set<import('node:net').Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      if (isHttp1) socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'));
    });
    let isHttp1 = true;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [otherStatus, otherError] = await askAt(address);
    assert.equal(otherStatus, 502);
    assert.match(otherError, /answered is not HTTP\/2/);
    isHttp1 = false;
    const [silentStatus, silentError] = await askAt(address, 100);
    assert.equal(silentStatus, 503);
    assert.match(silentError, /within 100 ms/);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
