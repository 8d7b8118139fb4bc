/**
 * Malicious clients that keep to the protocol: the work and memory that each can cause is bounded, and it gets the right
 * error code.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { Http2Options } from '../../../../src/proxy/http2/options.ts';
import {
  data,
  F,
  type Frame,
  frame,
  headers,
  POST,
  ping,
  request,
  reset,
  settings,
  T,
  uint32,
  windowUpdate,
} from '../../../support/http2-frames.ts';
import { HEAD, PuppetHandler, TRAILERS } from '../../../support/http2-handlers.ts';
import { describeFrames, Http2Peer, turn } from '../../../support/http2-peer.ts';

const CALM = 11;

async function open(options: Partial<Http2Options> = {}): Promise<{ peer: Http2Peer; handler: PuppetHandler }> {
  const handler = new PuppetHandler();
  return { peer: await Http2Peer.open({ handler, options }), handler };
}

/** Sends `next(i)` until the connection ends. Returns how often it was sent. */
async function flood(
  peer: Http2Peer,
  next: (i: number) => Buffer,
  most = 20_000,
): Promise<{ count: number; last: Frame }> {
  let frames: Frame[] = [];
  for (let i = 0; i < most; i += 50) {
    const pieces = Array.from({ length: 50 }, (_, j) => next(i + j));
    await peer.send(...pieces);
    frames = peer.take();
    if (peer.isEnded) return { count: i, last: frames.at(-1)! };
  }
  throw new Error(`the connection stood ${most} frames`);
}

const code = ({ type, payload }: Frame): number => (type === T.GOAWAY ? payload.readUInt32BE(4) : -1);

test('rapid reset: requests reset as soon as begun', async () => {
  const { peer, handler } = await open({ resetBurst: 100 });
  const { count, last } = await flood(peer, (i) => Buffer.concat([headers(2 * i + 1), reset(2 * i + 1, 8)]));
  assert.equal(code(last), CALM);
  assert.ok(count <= 200, `${count} resets`);
  assert.ok(handler.calls.every(({ events }) => events.length === 1));
  await peer.close();
});

test('rapid reset in reverse: a client that makes the server reset its requests', async () => {
  const disguises: readonly ((id: number) => Buffer)[] = [
    (id) => Buffer.concat([headers(id), windowUpdate(id, 0)]),
    (id) => Buffer.concat([headers(id), windowUpdate(id, 2 ** 31 - 1)]),
    (id) => Buffer.concat([request(id, 'x'), data(id, 'y')]),
    (id) => headers(id, [[':method', 'GET']]),
    (id) => Buffer.concat([headers(id), frame(T.PRIORITY, 0, id, Buffer.concat([uint32(id), Buffer.from([1])]))]),
  ];
  for (const disguise of disguises) {
    const { peer } = await open({ resetBurst: 100 });
    const { count, last } = await flood(peer, (i) => disguise(2 * i + 1));
    assert.equal(code(last), CALM);
    assert.ok(count <= 200);
    await peer.close();
  }
});

test('a hundred mistakes end a connection, however many good requests are between them', async () => {
  const { peer, handler } = await open();
  handler.onCall = (call) => {
    call.onEvent = (event) => event === 'end' && call.stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS);
  };
  const { count, last } = await flood(peer, (i) =>
    Buffer.concat([request(4 * i + 1, 'x'), headers(4 * i + 3), windowUpdate(4 * i + 3, 0)]),
  );
  assert.equal(code(last), CALM);
  assert.ok(count <= 150, `${count} mistakes`);
  await peer.close();
});

test('a SETTINGS frame may hold 32 values', async () => {
  const values = (count: number): Buffer =>
    frame(T.SETTINGS, 0, 0, Buffer.alloc(6 * count, Buffer.from([0, 6, 0, 0, 1, 0])));
  const { peer } = await open();
  assert.deepEqual(describeFrames(await peer.ask(values(32))), ['SETTINGS ACK']);
  const [goAway] = await peer.ask(values(2700));
  assert.equal(code(goAway!), CALM);
  assert.equal(goAway!.payload.subarray(8).toString(), '2700 values in one SETTINGS frame');
  await peer.close();
});

test('a flood of SETTINGS ends a connection after a hundred', async () => {
  const { peer } = await open();
  const { count, last } = await flood(peer, () => settings({ 4: 100 }));
  assert.equal(code(last), CALM);
  assert.ok(count <= 150, `${count} frames`);
  await peer.close();
});

test('a client that cancels one request for each that it lets finish is allowed', async () => {
  const { peer, handler } = await open({ resetBurst: 100, resetsPerSecond: 0 });
  handler.onCall = (call) => {
    call.onEvent = (event) => event === 'end' && call.stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS);
  };
  for (let i = 0; i < 500; i++) {
    const id = 4 * i + 1;
    await peer.send(headers(id), reset(id, 8), request(id + 2, 'x'));
  }
  assert.equal(peer.isEnded, false);
  await peer.close();
});

test('resets are allowed again with time', async () => {
  const { peer } = await open({ resetBurst: 10, resetsPerSecond: 10 });
  for (let i = 0; i < 100; i++) {
    await peer.send(headers(2 * i + 1), reset(2 * i + 1, 8));
    peer.clock.advance(101);
  }
  assert.equal(peer.isEnded, false);
  await peer.close();
});

const FLOODS: Readonly<Record<string, (i: number) => Buffer>> = {
  PING: () => ping(),
  'PING acknowledgements': () => frame(T.PING, F.ACK, 0, Buffer.alloc(8)),
  SETTINGS: () => settings({ 4: 100 }),
  'SETTINGS acknowledgements': () => frame(T.SETTINGS, F.ACK, 0),
  PRIORITY: () => frame(T.PRIORITY, 0, 5, Buffer.from([0, 0, 0, 1, 16])),
  'WINDOW_UPDATE of the connection': () => windowUpdate(0, 1),
  'WINDOW_UPDATE of a stream': () => windowUpdate(1, 1),
  'WINDOW_UPDATE of a closed stream': () => windowUpdate(3, 1),
  'RST_STREAM of a closed stream': () => reset(3, 8),
  'unknown frames': () => frame(0xbe, 0, 0, Buffer.alloc(10)),
  'empty DATA': () => data(1, ''),
  'DATA with nothing but padding': () => frame(T.DATA, F.PADDED, 1, Buffer.from([2, 0, 0])),
};

for (const [name, next] of Object.entries(FLOODS)) {
  test(`a flood of ${name}`, async () => {
    const { peer } = await open({ controlBurst: 500 });
    await peer.send(headers(1), headers(3), reset(3, 8));
    const { count, last } = await flood(peer, next);
    assert.equal(code(last), CALM);
    assert.ok(count <= 600, `${count} frames`);
    await peer.close();
  });
}

test('control frames in proportion to answers are no flood', async () => {
  const { peer, handler } = await open({ controlBurst: 100, controlPerSecond: 0 });
  handler.onCall = (call) => {
    call.onEvent = (event) => event === 'end' && call.stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS);
  };
  for (let i = 0; i < 500; i++) {
    await peer.send(request(2 * i + 1, 'x'), windowUpdate(0, 1), windowUpdate(2 * i + 1, 1), ping());
  }
  assert.equal(peer.isEnded, false);
  await peer.close();
});

test('a PING and a WINDOW_UPDATE on two levels for each message of a long stream are no flood', async () => {
  const { peer, handler } = await open({ controlBurst: 100, controlPerSecond: 0 });
  await peer.send(headers(1), windowUpdate(0, 1_000_000), windowUpdate(1, 1_000_000));
  handler.calls[0]!.stream.respond(HEAD);
  for (let i = 0; i < 500; i++) {
    handler.calls[0]!.stream.write(Buffer.from('token'));
    await peer.send(ping(), windowUpdate(0, 10), windowUpdate(1, 10));
  }
  assert.equal(peer.isEnded, false);
  await peer.close();
});

test('a header block that never ends: by frames, and by bytes', async () => {
  for (const fragment of [Buffer.alloc(0), Buffer.alloc(10_000)]) {
    const { peer } = await open();
    await peer.send(frame(T.HEADERS, 0, 1, encodeHeaders(POST)));
    const { count, last } = await flood(peer, () => frame(T.CONTINUATION, 0, 1, fragment));
    assert.equal(code(last), CALM);
    assert.equal(count, 0);
    await peer.close();
  }
});

test('a header block may have twice the bytes of its list; a longer one gets an error', async () => {
  const { peer } = await open({ maxHeaderListBytes: 10_000 });
  const fragment = frame(T.CONTINUATION, 0, 1, Buffer.alloc(9000));
  assert.deepEqual(await peer.ask(frame(T.HEADERS, 0, 1, encodeHeaders(POST)), fragment, fragment), []);
  const [goAway] = await peer.ask(fragment);
  assert.equal(code(goAway!), CALM);
  assert.equal(goAway!.payload.subarray(8).toString(), 'header block too large');
  await peer.close();
});

test('a small block that decodes to a huge list is answered with 431 and keeps no memory', async () => {
  const { peer, handler } = await open();
  // One field of 3.9 KB into the table, then 4,000 references to it: 16 MB.
  const large = Buffer.concat([
    Buffer.from('400161', 'hex'),
    Buffer.from([0x7f, 0xbd, 0x1d]),
    Buffer.alloc(127 + 0x3d + 0x1d * 128, 0x76),
  ]);
  const frames = await peer.ask(
    frame(
      T.HEADERS,
      F.END_HEADERS | F.END_STREAM,
      1,
      Buffer.concat([encodeHeaders(POST), large, Buffer.alloc(4000, 0xbe)]),
    ),
  );
  assert.deepEqual(describeFrames(frames), ['HEADERS 1 END']);
  assert.equal(handler.calls.length, 0);
  await peer.close();
});

test('more streams than allowed, again and again', async () => {
  const { peer } = await open({ maxConcurrentStreams: 10, resetBurst: 100 });
  const { last } = await flood(peer, (i) => headers(2 * i + 1));
  assert.equal(code(last), CALM);
  await peer.close();
});

test('a client that does not know the limit yet is only refused', async () => {
  const handler = new PuppetHandler();
  const peer = new Http2Peer({ handler, options: { maxConcurrentStreams: 10, resetBurst: 10 } });
  await turn();
  const many = Array.from({ length: 100 }, (_, i) => headers(2 * i + 1));
  await peer.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings(), ...many);
  assert.equal(peer.isEnded, false);
  assert.equal(handler.calls.length, 10);
  await peer.close();
});

test('a client that never opens its window: new requests are refused, then answers fail, then its streams are reset', async () => {
  const handler = new PuppetHandler();
  const options = { maxWaitingBytes: 1000, stallTimeoutMs: 60_000 };
  const peer = await Http2Peer.open({ handler, options }, { 4: 0 });
  await peer.send(request(1, ''), request(3, ''), request(5, ''), request(7, ''));
  for (const { stream } of handler.calls) stream.respondUnary(HEAD, Buffer.alloc(800), TRAILERS);
  await turn();
  // 800, 1,600, 2,400 wait; past 2,000 the fourth is not taken.
  assert.equal(describeFrames(peer.take()).at(-1), `RST_STREAM 7 code ${CALM}`);
  assert.deepEqual(describeFrames(await peer.ask(request(9, ''))), ['RST_STREAM 9 code 7']);
  peer.clock.advance(30_000);
  await peer.send(ping());
  peer.clock.advance(32_000);
  await turn();
  assert.deepEqual(
    describeFrames(peer.take()).filter((text) => text.startsWith('RST')),
    [1, 3, 5].map((id) => `RST_STREAM ${id} code ${CALM}`),
  );
  assert.equal(handler.calls[0]!.events.at(-1), `closed ${CALM}`);
  await peer.close();
});

test('a window opened byte by byte is no progress', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler, options: { stallTimeoutMs: 60_000 } }, { 4: 0 });
  await peer.send(request(1, ''));
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(100_000), TRAILERS);
  for (let i = 0; i < 70; i++) {
    await peer.send(windowUpdate(1, 1));
    peer.clock.advance(1000);
  }
  await turn();
  assert.equal(handler.calls[0]!.events.at(-1), `closed ${CALM}`);
  await peer.close();
});

test('a client that sends and never reads: its memory is bounded, and it is disconnected', async () => {
  const handler = new PuppetHandler();
  handler.onCall = (call) => call.stream.respondUnary(HEAD, Buffer.alloc(1000), TRAILERS);
  const options = { socketHighWaterBytes: 50_000, stallTimeoutMs: 60_000, controlBurst: 1_000_000 };
  const peer = await Http2Peer.open({ handler, options }, { 4: 2 ** 30 });
  await peer.send(windowUpdate(0, 2 ** 30));
  peer.socket.isStuck = true;
  for (let i = 0; i < 300; i++) {
    await peer.send(...Array.from({ length: 10 }, (_, j) => headers(20 * i + 2 * j + 1)), ping());
  }
  assert.ok(peer.socket.writableLength < 80_000, `${peer.socket.writableLength} bytes wait in the socket`);
  assert.ok(handler.calls.length < 100, `${handler.calls.length} requests were begun`);
  peer.clock.advance(62_000);
  await turn();
  assert.equal(peer.socket.destroyed, true);
  assert.equal(peer.server.connectionCount, 0);
});
