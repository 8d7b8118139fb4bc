import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { FirstBytes, putBack } from '../../../../src/proxy/net/first-bytes.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { turn } from '../../../support/turns.ts';

/** The judge wants three bytes. */
function setUp() {
  const log: string[] = [];
  const clock = new FakeClock();
  const first = new FirstBytes<string>({
    clock,
    timeoutMs: 1000,
    judge: (bytes) => (bytes.length < 3 ? undefined : bytes.toString('latin1')),
    onGone: (why) => log.push(why),
  });
  // As a stream it is all that is used of a socket.
  const socket = new PassThrough() as unknown as Socket;
  first.add(socket, (verdict, bytes) => {
    log.push(`judged ${verdict}`);
    putBack(socket, bytes.subarray(1));
  });
  return { log, clock, first, socket };
}

test('bytes come one at a time, and those put back come first to the next owner', async () => {
  const { log, socket } = setUp();
  for (const byte of 'abc') {
    socket.write(byte);
    await turn();
  }
  assert.deepEqual(log, ['judged abc']);
  socket.write('def');
  await turn();
  assert.equal(socket.isPaused(), true);
  let read = '';
  socket.on('data', (chunk: Buffer) => {
    read += chunk;
  });
  socket.resume();
  await turn();
  assert.equal(read, 'bcdef');
});

test('bytes without an end are given up after the time for all of them', async () => {
  const { log, clock, socket } = setUp();
  socket.write('a');
  await turn();
  clock.advance(999);
  socket.write('b');
  await turn();
  assert.deepEqual([log, socket.destroyed], [[], false]);
  clock.advance(2);
  assert.deepEqual([log, socket.destroyed], [['timeout'], true]);
});

test('a client that leaves or ends its side is forgotten, and no timer stays', async () => {
  for (const leave of [
    (s: Socket) => s.destroy(),
    (s: Socket) => s.end(),
    (s: Socket) => s.destroy(new Error('reset')),
  ]) {
    const { log, clock, socket } = setUp();
    leave(socket);
    await turn();
    await turn();
    clock.advance(5000);
    assert.deepEqual([log, socket.destroyed], [['left'], true]);
  }
});

test('those that wait can be closed, and those that are judged stay', async () => {
  const { log, first, socket } = setUp();
  socket.write('abc');
  await turn();
  const late = new PassThrough() as unknown as Socket;
  first.add(late, () => log.push('never'));
  first.destroy();
  await turn();
  assert.deepEqual([socket.destroyed, late.destroyed, log], [false, true, ['judged abc', 'left']]);
});
