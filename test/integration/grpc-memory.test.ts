/** The memory that gRPC requests hold, on both engines: charged, refused, shed, given up, and free afterwards. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { status as Status } from '@grpc/grpc-js';
import { systemClock } from '../../src/core/clock.ts';
import { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import { type EngineHarness, withEngine } from '../support/engine-harness.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { pillionOnly, eachEngine as test } from '../support/grpc-engines.ts';
import { answerOf, frame, openCall, openSession, rawCall } from '../support/raw-grpc.ts';
import { until } from '../support/turns.ts';

const MIB = 2 ** 20;
const MAX_BYTES = 16 * MIB;

/** With 10 MiB for all requests. */
const small = (): MemoryBudget => new MemoryBudget({ maxMessageBytes: MAX_BYTES, budgetBytes: 10 * MIB });

async function withSession(server: EngineHarness, use: (session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = openSession(server.address);
  try {
    await use(session);
  } finally {
    session.destroy();
  }
}

/** The first `sent` bytes of a message of `announced` bytes. */
function beginning(announced: number, sent: number): Buffer {
  const bytes = Buffer.alloc(5 + sent, ' ');
  bytes.writeUInt8(0);
  bytes.writeUInt32BE(announced, 1);
  return bytes;
}

/** Errors of a stream that the server has reset show in its answer. */
function quiet(stream: ClientHttp2Stream): ClientHttp2Stream {
  return stream.on('error', () => undefined);
}

test('a message that outgrows the memory is refused, and leaves nothing', async () => {
  const memory = small();
  await withEngine(
    async (server) => {
      await withSession(server, async (session) => {
        const { grpcStatus, grpcMessage } = await rawCall(session, '/t.T/Echo', frame(Buffer.alloc(15 * MIB)));
        assert.equal(grpcStatus, Status.RESOURCE_EXHAUSTED);
        assert.match(grpcMessage, /short of memory and takes no body of .* MiB now/);
        assert.equal(memory.bodyBytes, 0);
        const fits = await rawCall(session, '/t.T/Echo', frame(Buffer.alloc(4 * MIB)));
        assert.equal(fits.message?.length, 4 * MIB);
        assert.equal(memory.bodyBytes, 0);
      });
    },
    { memory, maxReceiveBytes: MAX_BYTES },
  );
});

test('who sends little is answered while others hold all that they can', async () => {
  const memory = small();
  await withEngine(
    async (server) => {
      const sessions = Array.from({ length: 6 }, () => openSession(server.address));
      const held = sessions.map((session) => quiet(openCall(session, '/t.T/Hang')));
      const answers = held.map((stream) => answerOf(stream));
      for (const stream of held) stream.write(beginning(15 * MIB, 3 * MIB));
      // The six send 18 MiB, of which 10 can be held.
      const { grpcStatus } = await Promise.race(answers);
      assert.equal(grpcStatus, Status.RESOURCE_EXHAUSTED);
      await withSession(server, async (session) => {
        for (const bytes of [10, 70_000, 500_000]) {
          const answer = await rawCall(session, '/t.T/Echo', frame(Buffer.alloc(bytes)));
          assert.equal(answer.message?.length, bytes, answer.grpcMessage);
        }
      });
      for (const session of sessions) session.destroy();
      await until(() => memory.bodyBytes === 0);
    },
    { memory, maxReceiveBytes: MAX_BYTES },
  );
});

test('a request that does not get on is ended and free, whatever has come of it', async () => {
  const memory = small();
  // grpc-js has timers of its own, which a fake clock would not move.
  const clock = new FakeClock();
  await withEngine(
    async (server) => {
      await withSession(server, async (session) => {
        const calls = [
          Buffer.alloc(0),
          Buffer.alloc(3),
          beginning(15 * MIB, MIB),
          // Whole, but the request does not end.
          frame(Buffer.alloc(200_000)),
        ].map((sent) => {
          const stream = quiet(openCall(session, '/t.T/Hang'));
          const answer = answerOf(stream);
          stream.write(sent);
          return answer;
        });
        const stream = openCall(session, '/t.T/Chat');
        stream.write(frame(Buffer.from('hello')));
        await until(() => server.calls.length === 5 && memory.bodyBytes >= MIB + 200_000);
        await until(() => server.calls.some(({ messages }) => messages.length === 1));
        for (let second = 0; second < 61; second++) clock.advance(1000);
        for (const { grpcStatus, grpcMessage } of await Promise.all(calls)) {
          assert.equal(grpcStatus, Status.DEADLINE_EXCEEDED);
          assert.match(grpcMessage, /the body came too slowly: .* bytes in 30 s.*--body_read_timeout_s/);
        }
        assert.equal(memory.bodyBytes, 0);
        // A stream of messages that is silent between them owes nothing.
        stream.end();
        assert.equal((await answerOf(stream)).grpcStatus, Status.OK);
      });
    },
    { memory, clock, maxReceiveBytes: MAX_BYTES, bodyTimeoutS: 30 },
  );
});

pillionOnly('a message of a stream that does not get on ends its call', async () => {
  const memory = small();
  const clock = new FakeClock();
  await withEngine(
    async (server) => {
      await withSession(server, async (session) => {
        const stream = openCall(session, '/t.T/Chat');
        const answer = answerOf(stream);
        stream.write(beginning(15 * MIB, MIB));
        await until(() => memory.bodyBytes >= MIB);
        for (let second = 0; second < 61; second++) clock.advance(1000);
        assert.equal((await answer).grpcStatus, Status.DEADLINE_EXCEEDED);
        assert.equal(memory.bodyBytes, 0);
      });
    },
    { memory, clock, maxReceiveBytes: MAX_BYTES, bodyTimeoutS: 30 },
  );
});

test('a client that leaves amid its message leaves nothing', async () => {
  const memory = small();
  await withEngine(
    async (server) => {
      await withSession(server, async (session) => {
        quiet(openCall(session, '/t.T/Hang')).write(beginning(15 * MIB, 2 * MIB));
        await until(() => memory.bodyBytes > MIB);
      });
      await until(() => memory.bodyBytes === 0);
    },
    { memory, maxReceiveBytes: MAX_BYTES },
  );
});

test('a bomb ends at the ratio, and a message that grows at the memory', async () => {
  const memory = small();
  await withEngine(
    async (server) => {
      await withSession(server, async (session) => {
        const send = async (message: Buffer): Promise<readonly [number, string]> => {
          const answer = await rawCall(session, '/t.T/Echo', frame(gzipSync(message), 1), { 'grpc-encoding': 'gzip' });
          assert.equal(memory.bodyBytes, 0);
          return [answer.grpcStatus, answer.grpcMessage];
        };
        const [status, text] = await send(Buffer.alloc(15 * MIB));
        assert.equal(status, Status.RESOURCE_EXHAUSTED);
        assert.match(text, /grows to more than 4 MiB and 200 times what was sent/);
        const noise = Buffer.alloc(15 * MIB, Buffer.from(Array.from({ length: 70_000 }, () => Math.random() * 256)));
        const [full, why] = await send(noise);
        assert.equal(full, Status.RESOURCE_EXHAUSTED);
        assert.match(why, /short of memory/);
        assert.equal((await send(Buffer.alloc(2 * MIB)))[0], Status.OK);
      });
    },
    { memory, maxReceiveBytes: MAX_BYTES },
  );
});

test('answers that a client does not take are counted, bounded over all clients, and free when it leaves', async () => {
  const memory = small();
  memory.unsent.limit = 2 * MIB;
  await withEngine(
    async (server) => {
      const unread = Array.from({ length: 12 }, () => openSession(server.address));
      for (const session of unread) {
        const stream = quiet(openCall(session, '/t.T/Echo'));
        stream.pause();
        stream.end(frame(Buffer.alloc(MIB)));
      }
      await until(() => server.calls.filter(({ call }) => call.isEnded).length === unread.length);
      await new Promise(setImmediate);
      // Twice the limit, and the one answer that went over.
      assert.ok(memory.unsent.bytes > MIB && memory.unsent.bytes <= 5 * MIB, `${memory.unsent.bytes}`);
      await withSession(server, async (session) => {
        assert.equal((await rawCall(session, '/t.T/Echo', frame(Buffer.alloc(1000)))).grpcStatus, Status.OK);
      });
      for (const session of unread) session.destroy();
      await until(() => memory.unsent.bytes === 0);
    },
    { memory, clock: systemClock, maxReceiveBytes: MAX_BYTES },
  );
});
