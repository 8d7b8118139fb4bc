/** What an HTTP/2 connection tells a gate: whether it is idle, since when, and how it ends. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { Http2Server } from '../../../../src/proxy/http2/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { data, F, frame, headers, PREFACE, ping, request, settings, T } from '../../../support/http2-frames.ts';
import { EchoHandler, HEAD, PuppetHandler, TRAILERS } from '../../../support/http2-handlers.ts';
import { describeFrames, Http2Peer, TestSocket } from '../../../support/http2-peer.ts';
import { turn } from '../../../support/turns.ts';

const TICK_MS = 1000;

test('it is idle from its last stream on, whatever it pings', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler });
  assert.equal(peer.connection.isIdle, true);
  await peer.send(request(1, 'x'));
  assert.equal(peer.connection.restingSince, undefined);
  assert.equal(peer.connection.isIdle, false);
  peer.clock.advance(10 * TICK_MS);
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS);
  await turn();
  const since = peer.connection.restingSince!;
  assert.equal(since, peer.clock.nowMs());
  peer.clock.advance(100 * TICK_MS);
  await peer.send(ping());
  assert.equal(peer.connection.restingSince, since);
  assert.equal(peer.connection.isIdle, true);
  await peer.close();
});

test('a part of a frame, of a header block, or of the preface is not idle', async () => {
  const peer = await Http2Peer.open();
  const whole = headers(1);
  await peer.send(whole.subarray(0, 4));
  assert.equal(peer.connection.isIdle, false);
  await peer.close();
  const another = await Http2Peer.open();
  await another.send(frame(T.HEADERS, F.END_STREAM, 1, whole.subarray(9)));
  assert.equal(another.connection.isIdle, false);
  await another.close();
  const fresh = new Http2Peer();
  assert.equal(fresh.connection.isIdle, true);
  await fresh.send(PREFACE.subarray(0, 10));
  assert.equal(fresh.connection.isIdle, false);
  await fresh.close();
});

test('an answer that the client has not taken is not idle', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler }, { 4: 2 ** 30 });
  peer.socket.isStuck = true;
  await peer.send(request(1, 'x'));
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(10_000), TRAILERS);
  await turn();
  assert.equal(peer.connection.isIdle, false);
  peer.socket.unstick();
  await turn();
  assert.equal(peer.connection.isIdle, true);
  await peer.close();
});

test('it ends with a GOAWAY that names the last request, and takes none after it', async () => {
  const peer = await Http2Peer.open();
  await peer.send(request(1, 'x'));
  peer.take();
  peer.connection.endIdle();
  assert.deepEqual(describeFrames(await peer.ask(request(3, 'y'))), ['GOAWAY last 1 code 0']);
  assert.equal(peer.isEnded, true);
  await peer.close();
});

test('before its protocol is known it is idle if it has sent nothing', async () => {
  const clock = new FakeClock();
  const server = new Http2Server({ handler: new EchoHandler(), clock, onHttp1: () => undefined });
  const socket = new TestSocket();
  const connection = server.accept(socket)!;
  assert.equal(connection.isIdle, true);
  assert.equal(connection.restingSince, clock.nowMs());
  socket.push(PREFACE.subarray(0, 2));
  await turn();
  assert.equal(connection.isIdle, false);
  socket.push(Buffer.concat([PREFACE.subarray(2), settings()]));
  await turn();
  assert.equal(connection.isIdle, true);
  socket.push(Buffer.concat([headers(1), data(1, 'x')]));
  await turn();
  assert.equal(connection.restingSince, undefined);
  server.destroy();
  const silent = new TestSocket();
  const other = new Http2Server({ handler: new EchoHandler(), clock, onHttp1: () => undefined });
  other.accept(silent)!.endIdle();
  assert.equal(silent.destroyed, true);
});
