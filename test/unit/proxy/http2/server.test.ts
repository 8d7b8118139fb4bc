/** Connections as a whole: recognising protocols, capacity, draining, errors that end them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Http2Server } from '../../../../src/proxy/http2/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import {
  data,
  F,
  frame,
  headers,
  PREFACE,
  parseFrames,
  ping,
  request,
  settings,
  T,
  uint32,
} from '../../../support/http2-frames.ts';
import { EchoHandler, HEAD, PuppetHandler, TRAILERS } from '../../../support/http2-handlers.ts';
import { describeFrames, Http2Peer, TestSocket, turn } from '../../../support/http2-peer.ts';

interface Sniffing {
  readonly server: Http2Server;
  readonly socket: TestSocket;
  /** What was handed on, and the text that came with it. */
  readonly http1: { duplex: Duplex; text: string }[];
  readonly clock: FakeClock;
}

function sniffing(): Sniffing {
  const http1: Sniffing['http1'] = [];
  const clock = new FakeClock();
  const onHttp1 = (duplex: Duplex): void => {
    const seen = { duplex, text: '' };
    http1.push(seen);
    duplex.on('data', (chunk: Buffer) => {
      seen.text += chunk.toString();
    });
  };
  const server = new Http2Server({ handler: new EchoHandler(), clock, onHttp1 });
  const socket = new TestSocket();
  server.accept(socket);
  return { server, socket, http1, clock };
}

test('recognises HTTP/2 by its first bytes, also one by one', async () => {
  const { server, socket, http1 } = sniffing();
  for (const byte of Buffer.concat([PREFACE, settings(), request(1, 'hi')])) {
    socket.push(Buffer.from([byte]));
    await turn();
  }
  assert.deepEqual(describeFrames(parseFrames(socket.takeWritten())), [
    'SETTINGS',
    'WINDOW_UPDATE +8323073',
    'SETTINGS ACK',
    'HEADERS 1',
    'DATA 1 2',
    'HEADERS 1 END',
  ]);
  assert.equal(http1.length, 0);
  server.destroy();
});

for (const pieces of [
  ['GET / HTTP/1.1\r\n\r\n'],
  ['P', 'R', 'OPFIND / HTTP/1.1\r\n\r\n'],
  ['P', 'OST / HTTP/1.1\r\n\r\n'],
]) {
  test(`passes on HTTP/1.1 with its first bytes: ${JSON.stringify(pieces)}`, async () => {
    const { server, socket, http1 } = sniffing();
    for (const piece of pieces) {
      socket.push(Buffer.from(piece));
      await turn();
    }
    assert.equal(http1.length, 1);
    assert.equal(http1[0]!.duplex, socket);
    assert.equal(server.connectionCount, 0);
    await turn();
    socket.push(Buffer.from('more'));
    await turn();
    assert.equal(http1[0]!.text, `${pieces.join('')}more`);
    assert.equal(socket.takeWritten().length, 0);
    socket.destroy();
  });
}

test('a client that never sends its first bytes is disconnected', async () => {
  const { server, socket, clock } = sniffing();
  socket.push(Buffer.from('PR'));
  await turn();
  clock.advance(12_000);
  await turn();
  assert.equal(socket.destroyed, true);
  assert.equal(server.connectionCount, 0);
  assert.equal(clock.armed, 0);
});

test('a connection lost before its protocol is known is forgotten', async () => {
  const { server, socket } = sniffing();
  socket.destroy(new Error('reset'));
  await turn();
  assert.equal(server.connectionCount, 0);
});

test('after the protocol is known the connection is still watched', async () => {
  const { server, socket, clock } = sniffing();
  socket.push(PREFACE);
  await turn();
  assert.equal(clock.armed, 1);
  clock.advance(12_000);
  await turn();
  assert.equal(describeFrames(parseFrames(socket.takeWritten())).at(-1), 'GOAWAY last 0 code 4');
  server.destroy();
});

test('other bytes than HTTP/2 get a GOAWAY if nothing else takes HTTP/1.1', async () => {
  const peer = new Http2Peer();
  await turn();
  peer.take();
  assert.deepEqual(describeFrames(await peer.ask(Buffer.from('GET / HTTP/1.1\r\n'))), ['GOAWAY last 0 code 1']);
  assert.equal(peer.isEnded, true);
  await peer.close();
});

test('a drain sends GOAWAY twice, takes requests that were under way, refuses later ones, ends with the last stream', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler });
  await peer.send(headers(1));
  let isDrained = false;
  const drained = peer.server.drain().then(() => {
    isDrained = true;
  });
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['GOAWAY last 2147483647 code 0', 'PING']);
  // Sent before the client received the GOAWAY.
  const ack = frame(T.PING, F.ACK, 0, Buffer.alloc(8));
  assert.deepEqual(describeFrames(await peer.ask(request(3, 'x'), ack)), ['GOAWAY last 3 code 0']);
  assert.deepEqual(describeFrames(await peer.ask(request(5, 'x'), ping())), ['RST_STREAM 5 code 7', 'PING ACK']);
  await peer.send(data(1, 'y', true));
  for (const { stream } of handler.calls) stream.respondUnary(HEAD, Buffer.from('z'), TRAILERS);
  await turn();
  assert.deepEqual(
    handler.calls.map(({ events }) => events.at(-1)),
    ['closed', 'closed'],
  );
  assert.equal(peer.take().filter(({ type }) => type === T.DATA).length, 2);
  assert.equal(peer.isEnded, true);
  assert.equal(isDrained, false);
  peer.socket.push(null);
  await drained;
  assert.equal(peer.server.connectionCount, 0);
});

test('a connection that a drain finds, or that comes in it, has its first requests answered', async () => {
  const early = new Http2Peer();
  const drained = early.server.drain();
  const lateSocket = new TestSocket();
  early.server.accept(lateSocket);
  const sent = Buffer.concat([PREFACE, settings(), request(1, 'x'), frame(T.PING, F.ACK, 0, Buffer.alloc(8))]);
  for (const socket of [early.socket, lateSocket]) {
    socket.push(sent);
    await turn();
    const frames = describeFrames(parseFrames(socket.takeWritten())).filter((each) => !each.startsWith('SETTINGS'));
    assert.deepEqual(frames.slice(frames.indexOf('GOAWAY last 2147483647 code 0')), [
      'GOAWAY last 2147483647 code 0',
      'PING',
      'HEADERS 1',
      'DATA 1 1',
      'HEADERS 1 END',
      'GOAWAY last 1 code 0',
    ]);
    socket.push(null);
  }
  await drained;
});

test('a server that was destroyed takes no connection', async () => {
  const peer = new Http2Peer();
  await peer.close();
  const late = new TestSocket();
  assert.equal(peer.server.accept(late), undefined);
  assert.equal(late.destroyed, true);
});

test('a client that does not answer the PING of a drain does not delay it', async () => {
  const peer = await Http2Peer.open();
  const drained = peer.server.drain();
  await turn();
  peer.clock.advance(4000);
  await turn();
  assert.deepEqual(describeFrames(peer.take()).at(-1), 'GOAWAY last 0 code 0');
  peer.clock.advance(4000);
  await drained;
});

test('draining a server without connections is done at once', async () => {
  await new Http2Server({ handler: new EchoHandler(), clock: new FakeClock() }).drain();
});

test('a drain gives a client that has not begun lingerMs', async () => {
  const peer = new Http2Peer();
  await turn();
  peer.take();
  void peer.server.drain();
  peer.clock.advance(2000);
  await turn();
  assert.deepEqual(peer.take(), []);
  peer.clock.advance(2000);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['GOAWAY last 0 code 0']);
  assert.equal(peer.isEnded, true);
  await peer.close();
});

test('a GOAWAY of the client ends the connection when its streams are done', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler });
  await peer.send(request(1, 'x'), frame(T.GOAWAY, 0, 0, uint32(0, 0)));
  assert.equal(peer.isEnded, false);
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.from('z'), TRAILERS);
  await turn();
  assert.equal(peer.isEnded, true);
  await peer.close();
});

const FATAL: Readonly<Record<string, readonly [bytes: Buffer, code: number]>> = {
  'DATA on stream 0': [data(0, 'x'), 1],
  'HEADERS on an even stream': [headers(2), 1],
  'DATA on an idle stream': [data(7, 'x'), 1],
  PUSH_PROMISE: [frame(T.PUSH_PROMISE, F.END_HEADERS, 1, Buffer.alloc(4)), 1],
  'CONTINUATION alone': [frame(T.CONTINUATION, F.END_HEADERS, 1), 1],
  'a frame inside a header block': [Buffer.concat([headers(1, [], 0), ping()]), 1],
  'padding longer than its frame': [frame(T.HEADERS, F.PADDED | F.END_HEADERS, 1, Buffer.from([9, 0])), 1],
  'padded without a pad length': [frame(T.HEADERS, F.PADDED | F.END_HEADERS, 1), 6],
  'HEADERS too short for a priority': [frame(T.HEADERS, F.PRIORITY | F.END_HEADERS, 1, Buffer.alloc(4)), 6],
  'PING of 7 bytes': [frame(T.PING, 0, 0, Buffer.alloc(7)), 6],
  'PING on a stream': [frame(T.PING, 0, 1, Buffer.alloc(8)), 1],
  'SETTINGS of 5 bytes': [frame(T.SETTINGS, 0, 0, Buffer.alloc(5)), 6],
  'SETTINGS acknowledged with a payload': [frame(T.SETTINGS, F.ACK, 0, Buffer.alloc(6)), 6],
  'SETTINGS on a stream': [frame(T.SETTINGS, 0, 1), 1],
  'GOAWAY of 7 bytes': [frame(T.GOAWAY, 0, 0, Buffer.alloc(7)), 6],
  'RST_STREAM of 3 bytes': [frame(T.RST_STREAM, 0, 1, Buffer.alloc(3)), 6],
  'RST_STREAM on an idle stream': [frame(T.RST_STREAM, 0, 9, uint32(8)), 1],
  'WINDOW_UPDATE of 3 bytes': [frame(T.WINDOW_UPDATE, 0, 0, Buffer.alloc(3)), 6],
  'PRIORITY on stream 0': [frame(T.PRIORITY, 0, 0, Buffer.alloc(5)), 1],
  'a frame past the largest size': [frame(T.DATA, 0, 1, Buffer.alloc(16_385)), 6],
  'a header block that does not decode': [frame(T.HEADERS, F.END_HEADERS, 1, Buffer.from([0x80])), 9],
};
for (const [name, [bytes, code]] of Object.entries(FATAL)) {
  test(`ends the connection: ${name}`, async () => {
    const peer = await Http2Peer.open();
    const frames = await peer.ask(bytes, request(11, 'never read'));
    assert.equal(frames[0]!.type, T.GOAWAY);
    assert.equal(frames[0]!.payload.readUInt32BE(4), code);
    assert.ok(frames[0]!.payload.length > 10, 'it says why');
    assert.equal(frames.length, 1);
    assert.equal(peer.isEnded, true);
    assert.equal(peer.echo.requests.length, 0);
    await peer.close();
  });
}

test('the first frame must be SETTINGS, not an acknowledgement of them', async () => {
  for (const first of [ping(), headers(1), frame(T.SETTINGS, F.ACK, 0)]) {
    const peer = new Http2Peer();
    await turn();
    await peer.send(PREFACE, first);
    assert.equal(describeFrames(peer.take()).at(-1), 'GOAWAY last 0 code 1');
    await peer.close();
  }
});
