/** Whatever makes no progress is ended in time, by one timer for all connections. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';
import { Http2Server } from '../../../../src/proxy/http2/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { data, F, frame, headers, POST, PREFACE, ping, request, settings, T } from '../../../support/http2-frames.ts';
import { EchoHandler, HEAD, PuppetHandler } from '../../../support/http2-handlers.ts';
import { describeFrames, Http2Peer, TestSocket, turn } from '../../../support/http2-peer.ts';

async function later(peer: Http2Peer, ms: number): Promise<string[]> {
  peer.clock.advance(ms);
  await turn();
  return describeFrames(peer.take());
}

test('a connection that sends nothing', async () => {
  const peer = new Http2Peer();
  await turn();
  peer.take();
  assert.deepEqual(await later(peer, 9000), []);
  assert.deepEqual(await later(peer, 3000), ['GOAWAY last 0 code 4']);
  await peer.close();
});

test('a preface byte by byte', async () => {
  const peer = new Http2Peer();
  await turn();
  peer.take();
  for (let i = 0; i < 12; i++) {
    await peer.send(PREFACE.subarray(i, i + 1));
    peer.clock.advance(1000);
  }
  await turn();
  assert.equal(peer.isEnded, true);
  await peer.close();
});

test('a preface without SETTINGS', async () => {
  const peer = new Http2Peer();
  await turn();
  await peer.send(PREFACE);
  peer.take();
  assert.deepEqual(await later(peer, 12_000), ['GOAWAY last 0 code 4']);
  await peer.close();
});

test('a frame that is never finished, however slowly its bytes come', async () => {
  const peer = await Http2Peer.open();
  const bytes = data(1, Buffer.alloc(1000));
  await peer.send(headers(1), bytes.subarray(0, 20));
  for (let i = 0; i < 40; i++) {
    await peer.send(bytes.subarray(20 + i, 21 + i));
    peer.clock.advance(1000);
  }
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['GOAWAY last 1 code 11']);
  await peer.close();
});

test('split frames in a row that are finished are not an unfinished one', async () => {
  const peer = await Http2Peer.open();
  await peer.send(headers(1));
  const bytes = data(1, 'x');
  await peer.send(bytes.subarray(0, 5));
  for (let i = 0; i < 100; i++) {
    await peer.send(bytes.subarray(5), bytes.subarray(0, 5));
    peer.clock.advance(1000);
  }
  await turn();
  assert.equal(peer.isEnded, false);
  await peer.close();
});

test('a header block that is never finished', async () => {
  const peer = await Http2Peer.open();
  await peer.send(frame(T.HEADERS, 0, 1, encodeHeaders(POST)));
  for (let i = 0; i < 8; i++) {
    await peer.send(frame(T.CONTINUATION, 0, 1));
    peer.clock.advance(4000);
  }
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['GOAWAY last 0 code 11']);
  await peer.close();
});

test('a silent client is sent a PING, then disconnected', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler });
  await peer.send(headers(1));
  assert.deepEqual(await later(peer, 59_000), []);
  assert.deepEqual(await later(peer, 3000), ['PING']);
  await later(peer, 22_000);
  assert.deepEqual(handler.calls[0]!.events, ['closed 8']);
  assert.equal(peer.socket.destroyed, true);
});

test('a client that answers the PING may wait for its answer as long as it likes', async () => {
  const peer = await Http2Peer.open({ handler: new PuppetHandler() });
  await peer.send(headers(1));
  for (let i = 0; i < 20; i++) {
    await later(peer, 62_000);
    await peer.send(frame(T.PING, F.ACK, 0, Buffer.alloc(8)));
  }
  assert.equal(peer.isEnded, false);
  await peer.close();
});

test('a socket that takes nothing is closed, one that takes a little now and then is not', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler }, { 4: 2 ** 30 });
  await peer.send(headers(1, POST, F.END_HEADERS | F.END_STREAM));
  const { stream } = handler.calls[0]!;
  stream.respond(HEAD);
  for (let i = 0; i < 5; i++) {
    peer.socket.isStuck = true;
    stream.write(Buffer.alloc(1000));
    await turn();
    await later(peer, 45_000);
    peer.socket.unstick();
    await turn();
    await peer.send(ping());
  }
  assert.equal(peer.isEnded, false);
  peer.socket.isStuck = true;
  stream.write(Buffer.alloc(1000));
  await turn();
  await later(peer, 30_000);
  await peer.send(ping());
  await later(peer, 33_000);
  assert.equal(peer.socket.destroyed, true);
});

test('a client that is not read from, because it reads slowly, does not count as silent', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler, options: { socketHighWaterBytes: 20_000 } }, { 4: 2 ** 30 });
  await peer.send(request(1, 'x'));
  peer.socket.isStuck = true;
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(60_000), HEAD);
  await turn();
  await peer.send(ping());
  for (let i = 0; i < 3; i++) {
    peer.clock.advance(40_000);
    peer.socket.takeOne();
    await turn();
  }
  assert.equal(peer.socket.destroyed, false);
  await peer.close();
});

test('a client that does not close after the last GOAWAY is disconnected', async () => {
  const peer = await Http2Peer.open();
  await peer.send(frame(T.DATA, 0, 0));
  assert.equal(peer.socket.writableEnded, true);
  // Its end of the stream is still open.
  peer.clock.advance(4000);
  await turn();
  assert.equal(peer.socket.destroyed, true);
  assert.equal(peer.server.connectionCount, 0);
});

test('a slow client gets the rest of its answer after the last stream of a drain has ended', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler }, { 4: 2 ** 30 });
  await peer.send(request(1, 'x'), frame(T.GOAWAY, 0, 0, Buffer.alloc(8)));
  peer.socket.isStuck = true;
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(20_000), HEAD);
  await turn();
  for (let i = 0; i < 2; i++) {
    peer.clock.advance(1500);
    peer.socket.takeOne();
    await turn();
  }
  assert.equal(peer.socket.destroyed, false);
  peer.clock.advance(4000);
  await turn();
  assert.equal(peer.socket.destroyed, true);
});

test('one timer serves a thousand connections, and none is left when they are gone', async () => {
  const clock = new FakeClock();
  const server = new Http2Server({ handler: new EchoHandler(), clock });
  for (let i = 0; i < 1000; i++) server.accept(new TestSocket());
  assert.equal(clock.armed, 1);
  clock.advance(5000);
  assert.equal(clock.armed, 1);
  server.destroy();
  await turn();
  assert.equal(server.connectionCount, 0);
  assert.equal(clock.armed, 0);
});

test('SETTINGS first is all it takes to be established', async () => {
  const peer = new Http2Peer();
  await turn();
  await peer.send(PREFACE, settings());
  peer.clock.advance(30_000);
  await turn();
  assert.equal(peer.isEnded, false);
  await peer.close();
});
