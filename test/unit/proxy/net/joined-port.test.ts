import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { JoinedPort } from '../../../../src/proxy/net/joined-port.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { trickle } from '../../../support/trickle.ts';

/** A port whose connections are logged, at a time that the test moves. */
async function setUp(t: TestContext) {
  const log: string[] = [];
  const clock = new FakeClock();
  const port = new JoinedPort({
    clock,
    timeoutMs: 1000,
    onHttp2: (socket) => {
      log.push('to gRPC');
      socket.destroy();
    },
    onOutcome: (outcome) => log.push(outcome),
  });
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    port.enter(socket, () => {
      log.push('to REST');
      socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const open = async (): Promise<Socket> => {
    const isOpen = once(server, 'connection');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    await isOpen;
    return socket;
  };
  return { log, clock, port, accepted, open };
}

test('a connection that says too little is closed after the time for a first request, and counted', async (t) => {
  const { log, clock, accepted, open } = await setUp(t);
  const [silent, slow] = [await open(), await open()];
  await trickle(slow, 'PRI');
  // A connection that is closed with bytes unread is reset.
  while (accepted[1]!.bytesRead < 3) await new Promise((resolve) => setImmediate(resolve));
  const closed = [once(silent, 'close'), once(slow, 'close')];
  clock.advance(999);
  assert.deepEqual(log, []);
  clock.advance(2);
  await Promise.all(closed);
  assert.deepEqual(log, ['timeout', 'timeout']);
});

test('one that is decided has no such time', async (t) => {
  const { log, clock, open } = await setUp(t);
  for (const bytes of ['PRI ', 'PU', '\u0001']) {
    const socket = await open();
    const closed = once(socket, 'close');
    await trickle(socket, bytes);
    await closed;
  }
  clock.advance(5000);
  assert.deepEqual(log, ['http2', 'to gRPC', 'http1', 'to REST', 'unknown', 'to REST']);
});

test('a client that leaves or ends its side before is counted, and one that is left over can be closed', async (t) => {
  const { log, port, open } = await setUp(t);
  const ended = await open();
  const closed = once(ended, 'close');
  ended.end('PR');
  await closed;
  assert.deepEqual(log, ['left']);
  const waiting = await open();
  const over = once(waiting, 'close');
  port.destroy();
  await over;
  assert.deepEqual(log, ['left', 'left']);
});
