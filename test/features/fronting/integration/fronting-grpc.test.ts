/** gRPC calls that are the application's: a real client and a real server of grpc-js, with this server between them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { connect, constants } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { JumpClock } from '../../../support/jump-clock.ts';
import { event } from '../fronted-app.ts';
import { answerOf, FrontedHttp2 } from '../fronted-http2.ts';

const MIB = 2 ** 20;
/** Of a deadline that passes because the test's clock jumps. */
const HOUR_MS = 3_600_000;
const same = (bytes: Buffer): Buffer => bytes;
const form = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };

/** "/shop.Orders/Unary" and so on. */
function method(name: string, requestStream: boolean, responseStream: boolean) {
  return { path: `/shop.Orders/${name}`, requestStream, responseStream, ...form };
}

const SERVICE = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  list: method('List', false, true),
  chat: method('Chat', true, true),
} satisfies grpc.ServiceDefinition;

/** What the application does; each test sets what it needs. */
interface Handlers {
  unary: grpc.handleUnaryCall<Buffer, Buffer>;
  collect: grpc.handleClientStreamingCall<Buffer, Buffer>;
  list: grpc.handleServerStreamingCall<Buffer, Buffer>;
  chat: grpc.handleBidiStreamingCall<Buffer, Buffer>;
}

const handlers: Handlers = {
  unary: ({ request }, done) => done(null, request),
  collect: (call, done) => {
    const parts: Buffer[] = [];
    call.on('data', (part: Buffer) => parts.push(part));
    call.on('end', () => done(null, Buffer.concat(parts)));
  },
  list: (call) => {
    for (let i = 0; i < 3; i++) call.write(Buffer.from(`${call.request}${i}`));
    call.end();
  },
  chat: (call) => {
    call.on('data', (part: Buffer) => call.write(part));
    call.on('end', () => call.end());
  },
};
let current: Handlers = handlers;

const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
server.addService(SERVICE, {
  unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => current.unary(call, done),
  collect: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
    current.collect(call, done),
  list: (call: grpc.ServerWritableStream<Buffer, Buffer>) => current.list(call),
  chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => current.chat(call),
});

let address: string;
let fronted: FrontedHttp2;
let client: grpc.Client;

before(async () => {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  address = `grpc://127.0.0.1:${port}`;
  fronted = await new FrontedHttp2({ app: 'h2c', address }).start();
  client = clientOf(fronted.address);
});
after(async () => {
  client.close();
  await fronted.close();
  server.forceShutdown();
});

function clientOf(address: string, options: grpc.ChannelOptions = {}): grpc.Client {
  return new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    ...options,
  });
}

interface UnaryResult {
  readonly error: grpc.ServiceError | null;
  readonly answer: Buffer | undefined;
  readonly metadata: grpc.Metadata | undefined;
}

function unary(message: Buffer, options: grpc.CallOptions = {}, by = client): Promise<UnaryResult> {
  return new Promise((resolve) => {
    let metadata: grpc.Metadata | undefined;
    const call = by.makeUnaryRequest('/shop.Orders/Unary', same, same, message, options, (error, answer) =>
      resolve({ error, answer, metadata }),
    );
    call.on('metadata', (received) => {
      metadata = received;
    });
  });
}

/** The messages and the status of an answer in parts. */
function partsOf(call: grpc.ClientReadableStream<Buffer>): Promise<readonly [string[], grpc.StatusObject]> {
  return new Promise((resolve) => {
    const parts: string[] = [];
    call.on('data', (part: Buffer) => parts.push(part.toString()));
    call.on('error', () => undefined);
    call.on('status', (status) => resolve([parts, status]));
  });
}

describe('calls of every kind', () => {
  test('unary, with metadata both ways', async () => {
    let seen: grpc.Metadata | undefined;
    current = {
      ...handlers,
      unary: (call, done) => {
        seen = call.metadata;
        const head = new grpc.Metadata();
        head.set('x-head', 'h');
        head.set('x-data-bin', Buffer.from([0, 255]));
        call.sendMetadata(head);
        done(null, call.request);
      },
    };
    const metadata = new grpc.Metadata();
    metadata.set('x-text', 'text');
    metadata.set('x-some-bin', Buffer.from([1, 2, 250]));
    const result = await new Promise<UnaryResult>((resolve) => {
      let received: grpc.Metadata | undefined;
      client
        .makeUnaryRequest('/shop.Orders/Unary', same, same, Buffer.from('hi'), metadata, (error, answer) =>
          resolve({ error, answer, metadata: received }),
        )
        .on('metadata', (head) => {
          received = head;
        });
    });
    assert.equal(result.error, null);
    assert.equal(result.answer?.toString(), 'hi');
    assert.deepEqual(seen?.get('x-text'), ['text']);
    assert.deepEqual(seen?.get('x-some-bin'), [Buffer.from([1, 2, 250])]);
    assert.deepEqual(seen?.get('via'), ['2 pillion']);
    assert.deepEqual(result.metadata?.get('x-head'), ['h']);
    assert.deepEqual(result.metadata?.get('x-data-bin'), [Buffer.from([0, 255])]);
    current = handlers;
  });

  test('a stream of the client’s, of the server’s, of both', async () => {
    const collected = await new Promise<Buffer | undefined>((resolve) => {
      const call = client.makeClientStreamRequest('/shop.Orders/Collect', same, same, (_error, answer) =>
        resolve(answer),
      );
      for (const part of ['a', 'b', 'c']) call.write(Buffer.from(part));
      call.end();
    });
    assert.equal(collected?.toString(), 'abc');
    const listed = client.makeServerStreamRequest('/shop.Orders/List', same, same, Buffer.from('n'));
    const [parts, status] = await partsOf(listed);
    assert.deepEqual([parts, status.code], [['n0', 'n1', 'n2'], grpc.status.OK]);
    // Each message waits for the answer to the one before it.
    const chat = client.makeBidiStreamRequest('/shop.Orders/Chat', same, same);
    const said: string[] = [];
    chat.write(Buffer.from('0'));
    const code = await new Promise<number>((resolve) => {
      chat.on('data', (part: Buffer) => {
        said.push(part.toString());
        if (said.length === 20) chat.end();
        else chat.write(Buffer.from(String(said.length)));
      });
      chat.on('status', (ended) => resolve(ended.code));
    });
    assert.equal(code, grpc.status.OK);
    assert.deepEqual(said, [...Array(20).keys()].map(String));
  });

  test('a message larger than this server’s own limit, 80 MiB, passes', async () => {
    const large = Buffer.alloc(80 * MIB, 7);
    const { error, answer } = await unary(large);
    assert.equal(error, null);
    assert.ok(answer?.equals(large));
  });

  test('compressed messages pass as they are', async () => {
    const gzip = clientOf(fronted.address, {
      'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
    });
    const { error, answer } = await unary(Buffer.alloc(MIB, 'ab'), {}, gzip);
    assert.equal(error, null);
    assert.equal(answer?.length, MIB);
    gzip.close();
  });
});

describe('calls that fail', () => {
  test('a status with details passes, alone and after a large message', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([8, 9]));
    metadata.set('x-why', 'because');
    const failure = { code: grpc.status.FAILED_PRECONDITION, details: 'not ready: 50 % – ü', metadata };
    current = {
      ...handlers,
      unary: (_call, done) => done(failure),
      list: (call) => {
        call.write(Buffer.alloc(3 * MIB, 'x'));
        call.emit('error', failure);
      },
    };
    const { error } = await unary(Buffer.from('x'));
    assert.deepEqual([error?.code, error?.details], [failure.code, failure.details]);
    assert.deepEqual(error?.metadata.get('grpc-status-details-bin'), [Buffer.from([8, 9])]);
    const listed = client.makeServerStreamRequest('/shop.Orders/List', same, same, Buffer.from('n'));
    const [parts, status] = await partsOf(listed);
    assert.deepEqual([parts.length, parts[0]?.length], [1, 3 * MIB]);
    assert.deepEqual([status.code, status.details], [failure.code, failure.details]);
    assert.deepEqual(status.metadata.get('x-why'), ['because']);
    current = handlers;
  });

  test('a method that the application lacks is its own to refuse; those of this server’s services are not its', async () => {
    const [, status] = await partsOf(client.makeServerStreamRequest('/shop.Orders/None', same, same, Buffer.from('')));
    assert.equal(status.code, grpc.status.UNIMPLEMENTED);
    assert.doesNotMatch(status.details, /this server/);
    fronted.engine.register({
      path: '/ours.Service/Known',
      isClientStream: false,
      enforcesDeadline: false,
      start: (call) => ({ onMessage: (message) => call.end({ code: 0, message: String(message) }), onAbort() {} }),
    });
    const ours = client.makeServerStreamRequest('/ours.Service/Unknown', same, same, Buffer.from(''));
    const [, refused] = await partsOf(ours);
    assert.equal(refused.code, grpc.status.UNIMPLEMENTED);
    assert.match(refused.details, /this server has no method/);
  });

  test('cancelling reaches the application', async () => {
    const cancelled = new Promise<void>((resolve) => {
      current = {
        ...handlers,
        chat: (call) => call.on('cancelled', () => resolve()).on('data', () => call.write(Buffer.from('1'))),
      };
    });
    const chat = client.makeBidiStreamRequest('/shop.Orders/Chat', same, same);
    chat.on('error', () => undefined);
    chat.write(Buffer.from('1'));
    chat.once('data', () => chat.cancel());
    await cancelled;
    current = handlers;
  });

  test('the application sees less of the deadline than the client gave, and is told when it passes', async () => {
    const clock = new JumpClock();
    const jumping = await new FrontedHttp2({ app: 'h2c', address, engine: { clock }, front: { clock } }).start();
    const by = clientOf(jumping.address);
    let left = NaN;
    const cancelled = new Promise<void>((resolve) => {
      current = {
        ...handlers,
        unary: (call) => {
          left = Number(call.getDeadline()) - Date.now();
          call.on('cancelled', () => resolve());
          clock.jump(HOUR_MS);
        },
      };
    });
    const { error } = await unary(Buffer.from('x'), { deadline: Date.now() + HOUR_MS }, by);
    assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
    assert.ok(left > 0 && left <= HOUR_MS, `${left} ms`);
    await cancelled;
    current = handlers;
    by.close();
    await jumping.close();
  });

  test('this server bounds a call whose client and application do not, also within its answer', async () => {
    const clock = new JumpClock();
    const careless = await new FrontedHttp2({ app: 'h2c', engine: { clock }, front: { clock } }).start();
    for (const isBegun of [false, true]) {
      let isThere = (): void => undefined;
      const there = new Promise<void>((resolve) => {
        isThere = resolve;
      });
      const reset = new Promise<number>((resolve) => {
        careless.onStream = (stream) => {
          stream.once('close', () => resolve(stream.rstCode));
          isThere();
          if (!isBegun) return;
          stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
          stream.write(Buffer.from([0, 0, 0, 0, 1, 7]));
        };
      });
      const call = careless.session().request({
        ...{ ':method': 'POST', ':path': '/shop.Orders/List', 'content-type': 'application/grpc', te: 'trailers' },
        'grpc-timeout': '1H',
      });
      call.end(Buffer.from([0, 0, 0, 0, 0]));
      const answering = answerOf(call);
      await (isBegun ? event(call, 'data') : there);
      clock.jump(HOUR_MS);
      const answer = await answering;
      const status = isBegun ? answer.trailers : answer.headers;
      assert.equal(status?.['grpc-status'], '4', isBegun ? 'begun' : 'not begun');
      assert.equal(answer.body.length, isBegun ? 6 : 0);
      assert.equal(await reset, constants.NGHTTP2_CANCEL);
    }
    await careless.close();
  });

  test('a deadline that passes while the end of the answer waits for its client cuts that call off alone', async () => {
    const clock = new JumpClock();
    // Not the engine's clock: it would take the jump for a client that takes nothing.
    const bounded = await new FrontedHttp2({ app: 'h2c', front: { clock } }).start();
    const answered = new Promise<void>((resolve) => {
      bounded.onStream = (stream) => {
        stream.once('close', () => resolve());
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.alloc(1000));
      };
    });
    const session = connect(`http://${bounded.address}`, { settings: { initialWindowSize: 1 } });
    const call = session.request({
      ...{ ':method': 'POST', ':path': '/shop.Orders/List', 'content-type': 'application/grpc', te: 'trailers' },
      'grpc-timeout': '1H',
    });
    call.on('error', () => undefined);
    call.end(Buffer.from([0, 0, 0, 0, 0]));
    await event(call, 'response');
    await answered;
    // What is left of the answer goes from the connection to the engine, which has all of it then.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const closed = event(call, 'close');
    clock.jump(HOUR_MS);
    call.resume();
    await closed;
    assert.equal(call.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
    session.close();
    bounded.onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('well');
    };
    assert.equal((await answerOf(bounded.session().request({ ':path': '/' }))).body.toString(), 'well');
    await bounded.close();
  });

  test('an application that is not there is UNAVAILABLE, over HTTP/1.1 in the same form', async () => {
    const none = await new FrontedHttp2({ app: 'h2c', address: 'grpc+unix:/none.sock' }).start();
    const other = clientOf(none.address);
    const { error } = await unary(Buffer.from('x'), {}, other);
    assert.equal(error?.code, grpc.status.UNAVAILABLE);
    assert.match(error?.details ?? '', /there is no socket file at grpc\+unix:\/none\.sock/);
    assert.deepEqual(error?.metadata.get('grpc-retry-pushback-ms'), ['1000']);
    const connection = await none.rest.connect();
    connection.send(
      'POST /shop.Orders/Unary HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n',
    );
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('grpc-status')], [200, '14']);
    other.close();
    await none.close();
  });
});
