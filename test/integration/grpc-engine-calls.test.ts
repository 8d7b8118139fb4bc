/** The life of calls on an engine: timeouts, metadata, clients that leave, drains, bugs of methods, other protocols. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type ServiceError, status as Status } from '@grpc/grpc-js';
import { bidi, type EngineHarness, unary, withEngine, withRoom } from '../support/engine-harness.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { currentEngine, GRPC_JS, pillionOnly, eachEngine as test } from '../support/grpc-engines.ts';
import { answerOf, frame, openCall, openSession, rawCall, reset } from '../support/raw-grpc.ts';

const HELLO = frame(Buffer.from('hello'));
const UNIT_MS = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

async function failure(promise: Promise<unknown>): Promise<ServiceError> {
  return promise.then(
    () => assert.fail('the call did not fail'),
    (error: ServiceError) => error,
  );
}

// grpc-js has a signed 32-bit number of whole milliseconds.
pillionOnly('grpc-timeout is exact in every unit, from nothing to 11,000 years', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    for (const [unit, unitMs] of Object.entries(UNIT_MS)) {
      for (const amount of ['0', '1', '7', '00000042', '36000', '99999999']) {
        const stream = openCall(session, '/t.T/Hang', { 'grpc-timeout': `${amount}${unit}` });
        const answer = answerOf(stream);
        stream.end(HELLO);
        await server.until(() => server.calls.at(-1)?.messages.length === 1);
        const { call } = server.calls.pop()!;
        assert.equal(call.head.timeoutMs, Number(amount) * unitMs, `${amount}${unit}`);
        call.answer(withRoom(Buffer.alloc(0)));
        assert.equal((await answer).grpcStatus, Status.OK);
      }
    }
    session.destroy();
  });
});

test('a grpc-timeout that cannot be read is INVALID_ARGUMENT, and the method hears of it', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    // grpc-js looks no further than for something that it can read.
    const halfRead = currentEngine() === GRPC_JS ? [] : ['', '123456789S', '-1S', '1.5S', '0x1S', '1S1', '1 S'];
    for (const timeout of ['1', 'm', '1s', 'S1', 'soon', ...halfRead]) {
      const answer = await rawCall(session, '/t.T/Hang', HELLO, { 'grpc-timeout': timeout });
      assert.equal(answer.grpcStatus, Status.INVALID_ARGUMENT, timeout);
      assert.deepEqual(
        server.calls.pop()!.aborts.map(({ kind }) => kind),
        ['invalid_request'],
      );
    }
    session.destroy();
  });
});

test('the engine keeps the deadline of methods that leave it to the engine, while the body arrives too', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    for (const bytes of [Buffer.alloc(0), HELLO.subarray(0, 7), HELLO]) {
      const stream = openCall(session, '/t.T/Listen', { 'grpc-timeout': '20m' });
      stream.write(bytes);
      assert.equal((await answerOf(stream)).grpcStatus, Status.DEADLINE_EXCEEDED);
      assert.deepEqual(
        server.calls.pop()!.aborts.map(({ kind }) => kind),
        ['deadline_exceeded'],
      );
    }
    session.destroy();
  });
});

test('metadata both ways: text, bytes, several values', async () => {
  await withEngine(async (server) => {
    const data = randomBytes(1000);
    const sent = { 'x-text': 'some text, with a comma', 'x-data-bin': data };
    const { headers, status } = await unary(server.client(), 'Metadata', Buffer.alloc(0), sent);
    for (const [metadata, prefix] of [
      [headers, 'h-'],
      [status.metadata, 't-'],
    ] as const) {
      assert.deepEqual(metadata.get(`${prefix}x-text`), [sent['x-text']]);
      assert.deepEqual(metadata.get(`${prefix}x-data-bin`), [data]);
    }
  });
});

test('bytes in metadata: padded or not, empty, the first of several', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    const cases: readonly (readonly [string, string])[] = [
      ['aGVsbG8=', 'hello'],
      ['aGVsbG8', 'hello'],
      ['aGVsbG8=,d29ybGQ', 'hello'],
      ['aGVsbG8, d29ybGQ=', 'hello'],
      ['aGk', 'hi'],
    ];
    for (const [text, want] of cases) {
      await rawCall(session, '/t.T/Echo', HELLO, { 'x-data-bin': text, 'x-many': 'a' });
      const { call } = server.calls.pop()!;
      assert.equal(Buffer.from(call.binaryMetadata('x-data-bin')!).toString(), want, text);
      assert.equal(call.metadata('x-none'), undefined);
      assert.equal(call.binaryMetadata('x-none-bin'), undefined);
    }
    session.destroy();
  });
});

test('8 KB of metadata are taken; far too much costs at most its connection', async () => {
  await withEngine(async (server) => {
    const { status } = await unary(server.client(), 'Metadata', Buffer.alloc(0), { 'x-text': 'x'.repeat(8000) });
    assert.equal(status.metadata.get('t-x-text')[0]?.length, 8000);
    await failure(unary(server.client(), 'Metadata', Buffer.alloc(0), { 'x-text': 'x'.repeat(200_000) }));
    assert.equal((await unary(server.client(), 'Echo', Buffer.from('a'))).message.toString(), 'a');
  });
});

// grpc-js takes it.
pillionOnly('metadata over the limit is RESOURCE_EXHAUSTED with the limit, and the connection goes on', async () => {
  await withEngine(async (server) => {
    const client = server.client();
    const error = await failure(unary(client, 'Metadata', Buffer.alloc(0), { 'x-text': 'x'.repeat(20_000) }));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /metadata is larger than the 16384 bytes/);
    assert.equal((await unary(client, 'Echo', Buffer.from('a'))).message.toString(), 'a');
  });
});

test('a client that leaves is told of once, whatever has come of its request', async () => {
  const leave = async (server: EngineHarness): Promise<void> => {
    const session = openSession(server.address);
    const stages: readonly (readonly [string, Uint8Array, number])[] = [
      ['/t.T/Hang', Buffer.alloc(0), 0],
      ['/t.T/Hang', HELLO.subarray(0, 3), 0],
      ['/t.T/Hang', HELLO.subarray(0, 8), 0],
      ['/t.T/Listen', Buffer.concat([HELLO, HELLO.subarray(0, 6)]), 1],
      ['/t.T/Listen', HELLO, 1],
    ];
    for (const [path, bytes, messages] of stages) {
      const stream = openCall(session, path);
      stream.on('error', () => undefined);
      stream.write(bytes);
      await server.until(() => server.calls[0]?.messages.length === messages);
      reset(stream);
      const seen = server.calls.shift()!;
      await server.until(() => seen.aborts.length > 0);
      assert.deepEqual(
        seen.aborts.map(({ kind }) => kind),
        ['cancelled'],
      );
      assert.equal(seen.call.isEnded, true);
    }
    const whole = openCall(session, '/t.T/Hang');
    whole.on('error', () => undefined).end(HELLO);
    await server.until(() => server.calls[0]?.messages.length === 1);
    reset(whole);
    await server.until(() => server.calls[0]!.aborts.length === 1);
    assert.equal((await rawCall(session, '/t.T/Echo', HELLO)).message?.toString(), 'hello');
    session.destroy();
    assert.deepEqual(server.internalErrors, []);
  };
  // node ends a request before it resets it: the moment that the server waits for the reset does not pass.
  await withEngine(leave, { clock: new FakeClock() });
});

test('a client that leaves while a large answer waits for it disturbs nobody', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    const stream = openCall(session, '/t.T/Hang');
    stream.on('error', () => undefined).end(HELLO);
    await server.until(() => server.calls[0]?.messages.length === 1);
    server.calls[0]!.call.answer(withRoom(Buffer.alloc(8 << 20)));
    await once(stream, 'response');
    reset(stream);
    assert.equal((await rawCall(session, '/t.T/Echo', HELLO)).message?.toString(), 'hello');
    session.destroy();
    assert.deepEqual(server.internalErrors, []);
  });
});

test('a call that has ended takes no more calls', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    assert.equal((await rawCall(session, '/t.T/Echo', HELLO)).grpcStatus, Status.OK);
    const { call } = server.calls[0]!;
    call.send(Buffer.from('late'));
    call.answer(withRoom(Buffer.from('late')));
    call.end({ code: Status.INTERNAL, message: 'late' });
    call.setHeaders({ late: 'yes' });
    assert.equal((await rawCall(session, '/t.T/Echo', HELLO)).grpcStatus, Status.OK);
    session.destroy();
    assert.deepEqual(server.calls[0]!.aborts, []);
  });
});

/** Resolves when nobody listens any more; those who come before are taken. */
async function untilRefused(port: number, host: string): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
    try {
      await once(socket, 'connect');
    } catch (error) {
      // One that comes just when the listener closes is reset.
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return;
    } finally {
      socket.on('error', () => undefined).destroy();
    }
  }
}

test('a drain waits for calls and open streams, takes no new connection, and ends the idle ones', async () => {
  await withEngine(async (server) => {
    const client = server.client();
    const idle = server.client();
    await unary(idle, 'Echo', Buffer.from('a'));
    const answer = unary(client, 'Hang', Buffer.from('b'));
    const stream = bidi(client, 'Chat');
    stream.write(Buffer.from('c'));
    await server.until(() => server.calls.every(({ messages }) => messages.length === 1) && server.calls.length === 3);
    let isDrained = false;
    const drained = server.engine.drain().then(() => {
      isDrained = true;
    });
    const [host, port] = server.address.split(':');
    await untilRefused(Number(port), host!);
    server.calls.find(({ call }) => call.head.path === '/t.T/Hang')!.call.answer(withRoom(Buffer.from('done')));
    assert.equal((await answer).message.toString(), 'done');
    assert.equal(isDrained, false);
    stream.end();
    const texts: string[] = [];
    for await (const message of stream) texts.push(String(message));
    assert.deepEqual(texts, ['c']);
    await drained;
  });
});

test('close aborts what is in flight; twice is once', async () => {
  await withEngine(async (server) => {
    const failed = failure(unary(server.client(), 'Hang', Buffer.from('b')));
    await server.until(() => server.calls[0]?.messages.length === 1);
    await Promise.all([server.engine.close(), server.engine.close()]);
    assert.notEqual((await failed).code, Status.OK);
    assert.deepEqual(
      server.calls[0]!.aborts.map(({ kind }) => kind),
      ['cancelled'],
    );
    await server.engine.drain();
  });
});

test('a method that throws costs its call, and is reported', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    for (const where of ['start', 'onMessage', 'onEnd']) {
      const answer = await rawCall(session, '/t.T/Throw', HELLO, { 'x-where': where });
      assert.equal(answer.grpcStatus, Status.INTERNAL, where);
      assert.doesNotMatch(answer.grpcMessage, /thrown/);
    }
    const answer = await rawCall(session, '/t.T/Throw', HELLO, { 'x-where': 'onAbort', 'grpc-timeout': 'soon' });
    assert.ok([Status.INTERNAL, Status.INVALID_ARGUMENT].includes(answer.grpcStatus));
    assert.deepEqual(
      server.internalErrors.map((error) => (error as Error).message),
      ['start', 'onMessage', 'onEnd', 'onAbort'].map((where) => `thrown in ${where}`),
    );
    session.destroy();
  });
});

/** Sends bytes on a connection of their own; what came back when the server has closed it. */
async function exchange(server: EngineHarness, bytes: Uint8Array): Promise<string> {
  const [host, port] = server.address.split(':');
  const socket = connect(Number(port), host);
  socket.on('error', () => undefined);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

test('what is no HTTP/2 is closed, and nothing else is disturbed', async () => {
  await withEngine(async (server) => {
    const garbage = [
      Buffer.from('GET /v1/models/m HTTP/1.1\r\nhost: a\r\n\r\n'),
      Buffer.from('POST /t.T/Echo HTTP/1.1\r\ncontent-length: 100000\r\n\r\nabc'),
      Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'),
      randomBytes(5000),
      Buffer.from('\n'),
    ];
    for (const bytes of currentEngine() === GRPC_JS ? garbage.slice(3, 5) : garbage) await exchange(server, bytes);
    assert.equal((await unary(server.client(), 'Echo', Buffer.from('a'))).message.toString(), 'a');
    assert.deepEqual(server.internalErrors, []);
  });
});

// grpc-js says so in its own words, or only once a timeout has passed.
pillionOnly('HTTP/1.1 on the gRPC port is told what the port speaks', async () => {
  await withEngine(async (server) => {
    const text = await exchange(server, Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    assert.match(text, /^HTTP\/1\.1 505 .*\r\n/);
    assert.match(text, /This port speaks gRPC/);
  });
});

test('what is HTTP/2 and no gRPC is refused as HTTP has it', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    // grpc-js takes whatever begins with application/grpc, and every method.
    const strict = currentEngine() === GRPC_JS ? [] : ['application/grpcx', 'application/grpc-web'];
    for (const type of ['application/json', '', ...strict]) {
      const answer = await rawCall(session, '/t.T/Echo', HELLO, { 'content-type': type });
      assert.equal(answer.status, 415, type);
    }
    for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=x']) {
      const answer = await rawCall(session, '/t.T/Echo', HELLO, { 'content-type': type });
      assert.equal(answer.grpcStatus, Status.OK, type);
    }
    if (currentEngine() !== GRPC_JS) {
      const answer = await rawCall(session, '/t.T/Echo', HELLO, { ':method': 'PUT' });
      assert.equal(answer.status, 405);
    }
    session.destroy();
  });
});
