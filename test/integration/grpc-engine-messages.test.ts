/** Messages through an engine: empty, large, many, compressed, cut in pieces, wrong. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { compressionAlgorithms, status as Status } from '@grpc/grpc-js';
import { bidi, unary, withEngine } from '../support/engine-harness.ts';
import { currentEngine, GRPC_JS, pillionOnly, eachEngine as test } from '../support/grpc-engines.ts';
import { answerOf, frame, openCall, openSession, rawCall } from '../support/raw-grpc.ts';

test('empty messages are messages', async () => {
  await withEngine(async (server) => {
    const client = server.client();
    assert.equal((await unary(client, 'Echo', Buffer.alloc(0))).message.length, 0);
    const call = bidi(client, 'Chat');
    for (let i = 0; i < 3; i++) call.write(Buffer.alloc(0));
    call.end();
    const lengths: number[] = [];
    for await (const message of call) lengths.push((message as Buffer).length);
    assert.deepEqual(lengths, [0, 0, 0]);
  });
});

test('messages of 10 MB go both ways, unary and streamed', async () => {
  await withEngine(async (server) => {
    const client = server.client();
    const large = randomBytes(10_000_000);
    assert.ok((await unary(client, 'Echo', large)).message.equals(large));
    const call = bidi(client, 'Chat');
    call.write(large);
    call.write(Buffer.from('after it'));
    call.end();
    const messages: Buffer[] = [];
    for await (const message of call) messages.push(message as Buffer);
    assert.deepEqual(
      messages.map((message) => message.length),
      [large.length, 8],
    );
    assert.ok(messages[0]!.equals(large));
  });
});

test('a thousand calls at once on one connection', async () => {
  await withEngine(async (server) => {
    const client = server.client();
    const answers = Array.from({ length: 1000 }, (_, i) => unary(client, 'Hang', Buffer.from(`call ${i}`)));
    await server.until(() => server.calls.filter((seen) => seen.messages.length === 1).length === 1000);
    for (const { call, messages } of server.calls) {
      call.answer(Buffer.concat([Buffer.alloc(5), messages[0]!]));
    }
    const texts = (await Promise.all(answers)).map(({ message }) => message.toString());
    assert.deepEqual(
      texts,
      texts.map((_, i) => `call ${i}`),
    );
  });
});

test('requests compressed by gzip and deflate, small and large', async () => {
  await withEngine(async (server) => {
    for (const algorithm of [compressionAlgorithms.gzip, compressionAlgorithms.deflate]) {
      const client = server.client({ 'grpc.default_compression_algorithm': algorithm });
      for (const message of [Buffer.from('small'), Buffer.alloc(0), randomBytes(200_000), Buffer.alloc(3_000_000)]) {
        assert.ok((await unary(client, 'Echo', message)).message.equals(message));
      }
      const call = bidi(client, 'Chat');
      const sent = [randomBytes(100_000), Buffer.from('b'), randomBytes(50_000), Buffer.from('d')];
      for (const message of sent) call.write(message);
      call.end();
      const answers: Buffer[] = [];
      for await (const message of call) answers.push(message as Buffer);
      assert.ok(Buffer.concat(answers).equals(Buffer.concat(sent)));
    }
  });
});

// grpc-js compresses no answers.
pillionOnly('answers are compressed for who accepts it, where it makes them smaller', async () => {
  await withEngine(
    async (server) => {
      const session = openSession(server.address);
      const ask = async (message: Buffer, accepted: string): Promise<readonly [number, Buffer]> => {
        const stream = openCall(session, '/t.T/Echo', { 'grpc-accept-encoding': accepted });
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk)).end(frame(message));
        const { grpcStatus } = await answerOf(stream);
        assert.equal(grpcStatus, Status.OK);
        const body = Buffer.concat(chunks);
        assert.equal(body.readUInt32BE(1), body.length - 5);
        return [body[0]!, body.subarray(5)];
      };
      for (const size of [1000, 100_000]) {
        const zeros = Buffer.alloc(size);
        const [flag, bytes] = await ask(zeros, 'identity, deflate, gzip');
        assert.equal(flag, 1);
        assert.ok(bytes.length < size / 10 && gunzipSync(bytes).equals(zeros));
      }
      assert.equal((await ask(Buffer.alloc(999), 'gzip'))[0], 0);
      assert.equal((await ask(Buffer.alloc(5000), 'identity,deflate'))[0], 0);
      const noise = randomBytes(5000);
      assert.deepEqual(await ask(noise, 'gzip'), [0, noise]);
      session.destroy();
      const client = server.client();
      assert.ok((await unary(client, 'Echo', Buffer.alloc(50_000))).message.equals(Buffer.alloc(50_000)));
    },
    { compressFromBytes: 1000 },
  );
});

test('a message that comes byte by byte is the same message', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    const stream = openCall(session, '/t.T/Echo');
    const answer = answerOf(stream);
    for (const byte of frame(Buffer.from('hello'))) {
      await new Promise<void>((resolve) => stream.write(Uint8Array.of(byte), () => resolve()));
    }
    stream.end();
    assert.equal((await answer).message?.toString(), 'hello');
    session.destroy();
  });
});

test('several messages in one piece, the last one cut', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    const stream = openCall(session, '/t.T/Chat');
    const whole = Buffer.concat(['a', '', 'bc', 'd'.repeat(100)].map((text) => frame(Buffer.from(text))));
    stream.write(whole.subarray(0, -40));
    await server.until(() => server.calls[0]?.messages.length === 3);
    const answer = answerOf(stream);
    stream.end(whole.subarray(-40));
    assert.equal((await answer).grpcStatus, Status.OK);
    assert.equal(Buffer.concat(server.calls[0]!.messages).toString(), `abc${'d'.repeat(100)}`);
    session.destroy();
  });
});

// grpc-js takes the first as plain, the second as identity and does not see the third and fourth.
pillionOnly('what is no gRPC framing is refused with what to send', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    const message = frame(Buffer.from('x'));
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [frame(Buffer.from('x'), 2), /begins with byte 2; send 0 \(plain\) or 1/],
      [frame(gzipSync('x'), 1), /marked as compressed, but grpc-encoding does not say how/],
      [Buffer.concat([message, Buffer.from([0, 0])]), /ends within a message, after 2 of the 5 bytes/],
      [message.subarray(0, 5), /ends within a message, after 0 of 1 bytes/],
    ];
    for (const path of ['/t.T/Echo', '/t.T/Listen']) {
      for (const [body, text] of cases) {
        const answer = await rawCall(session, path, body);
        assert.equal(answer.grpcStatus, Status.INVALID_ARGUMENT);
        assert.match(answer.grpcMessage, text);
      }
    }
    for (const { aborts } of server.calls)
      assert.deepEqual(
        aborts.map(({ kind }) => kind),
        ['invalid_request'],
      );
    assert.equal((await rawCall(session, '/t.T/Echo', message)).grpcStatus, Status.OK);
    session.destroy();
  });
});

test('an unknown compression is UNIMPLEMENTED and names those there are; bad data is not', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    const stream = openCall(session, '/t.T/Echo', { 'grpc-encoding': 'snappy' });
    let accepted: unknown;
    stream.on('response', (headers) => {
      accepted = headers['grpc-accept-encoding'];
    });
    stream.end(frame(Buffer.from('x'), 1));
    assert.equal((await answerOf(stream)).grpcStatus, Status.UNIMPLEMENTED);
    // grpc-js does not say.
    if (currentEngine() !== GRPC_JS) assert.equal(accepted, 'identity,gzip,deflate');
    for (const bytes of [Buffer.from('x'), deflateSync('x'), gzipSync(randomBytes(9000)).subarray(0, 5000)]) {
      const answer = await rawCall(session, '/t.T/Echo', frame(bytes, 1), { 'grpc-encoding': 'gzip' });
      assert.equal(answer.grpcStatus, Status.INVALID_ARGUMENT);
    }
    session.destroy();
  });
});

test('a message over the limit is refused before it has come, a bomb while it grows', async () => {
  await withEngine(
    async (server) => {
      const session = openSession(server.address);
      const head = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
      const stream = openCall(session, '/t.T/Echo');
      const answer = answerOf(stream);
      stream.write(head);
      assert.equal((await answer).grpcStatus, Status.RESOURCE_EXHAUSTED);
      for (const size of [1 << 20, 32 << 20]) {
        const bomb = frame(gzipSync(Buffer.alloc(size)), 1);
        const refused = await rawCall(session, '/t.T/Echo', bomb, { 'grpc-encoding': 'gzip' });
        assert.equal(refused.grpcStatus, Status.RESOURCE_EXHAUSTED);
        assert.match(refused.grpcMessage, /than the 100000 bytes that this server takes/);
      }
      assert.deepEqual(
        server.calls.map(({ aborts }) => aborts[0]?.kind),
        ['too_large', 'too_large', 'too_large'],
      );
      session.destroy();
    },
    { maxReceiveBytes: 100_000 },
  );
});

test('a client that does not read is not read from', async () => {
  await withEngine(async (server) => {
    const session = openSession(server.address);
    await new Promise((resolve) => session.once('connect', resolve));
    const stream = openCall(session, '/t.T/Chat');
    stream.pause();
    const message = frame(randomBytes(1 << 20));
    const sent = (async () => {
      for (let i = 0; i < 30; i++) await new Promise<void>((resolve) => stream.write(message, () => resolve()));
      stream.end();
    })();
    await server.until(() => (server.calls[0]?.messages.length ?? 0) > 0);
    // Whatever may still come has come when the connection has answered a few dozen times.
    for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => session.ping(() => resolve()));
    assert.ok(server.calls[0]!.messages.length < 20);
    const answer = answerOf(stream);
    stream.resume();
    assert.equal((await answer).grpcStatus, Status.OK);
    await sent;
    assert.equal(server.calls[0]!.messages.length, 30);
    session.destroy();
  });
});

// grpc-js bounds no answers.
pillionOnly('an answer over the limit is RESOURCE_EXHAUSTED, on a stream too', async () => {
  await withEngine(
    async (server) => {
      const client = server.client();
      assert.equal((await unary(client, 'Echo', Buffer.alloc(1000))).message.length, 1000);
      await assert.rejects(unary(client, 'Echo', Buffer.alloc(1001)), { code: Status.RESOURCE_EXHAUSTED });
      const call = bidi(client, 'Chat');
      call.write(Buffer.alloc(1000));
      call.write(Buffer.alloc(1001));
      const sizes: number[] = [];
      call.on('data', (message: Buffer) => sizes.push(message.length));
      const [error] = await once(call, 'error');
      assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
      assert.match(error.details, /the answer of 1001 bytes is larger than the 1000/);
      assert.deepEqual(sizes, [1000]);
    },
    { maxSendBytes: 1000 },
  );
});
