/** Windows in both directions, and back-pressure to and from the handler. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import type { Http2Options } from '../../../../src/proxy/http2/options.ts';
import {
  data,
  F,
  frame,
  headers,
  PREFACE,
  ping,
  request,
  reset,
  settings,
  settingsAck,
  T,
  windowUpdate,
} from '../../../support/http2-frames.ts';
import { HEAD, PuppetHandler, TRAILERS } from '../../../support/http2-handlers.ts';
import { describeFrames, Http2Peer, turn } from '../../../support/http2-peer.ts';

interface Setup {
  readonly options?: Partial<Http2Options>;
  /** The client's SETTINGS. */
  readonly window?: number;
  readonly maxFrame?: number;
}

async function open({
  options = {},
  window,
  maxFrame,
}: Setup = {}): Promise<{ peer: Http2Peer; handler: PuppetHandler }> {
  const handler = new PuppetHandler();
  const own = { ...(window !== undefined && { 4: window }), ...(maxFrame !== undefined && { 5: maxFrame }) };
  return { peer: await Http2Peer.open({ handler, options }, own), handler };
}

test("an answer waits for its stream's window, then goes on, and ends with its trailers", async () => {
  const { peer, handler } = await open({ window: 10 });
  await peer.send(request(1, ''));
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.from('0123456789abcdef'), TRAILERS);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['HEADERS 1', 'DATA 1 10']);
  assert.deepEqual(handler.calls[0]!.events, ['end']);
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(1, 2))), ['DATA 1 2']);
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(1, 100))), ['DATA 1 4', 'HEADERS 1 END']);
  assert.deepEqual(handler.calls[0]!.events, ['end', 'closed']);
  await peer.close();
});

test('without trailers the last DATA ends the stream', async () => {
  const { peer, handler } = await open({ window: 3 });
  await peer.send(request(1, ''));
  const { stream } = handler.calls[0]!;
  stream.respond(HEAD);
  stream.write(Buffer.from('abcd'));
  stream.write(Buffer.from('ef'));
  stream.end();
  await turn();
  peer.take();
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(1, 10))), ['DATA 1 1', 'DATA 1 2 END']);
  await peer.close();
});

test("an answer waits for the connection's window", async () => {
  const { peer, handler } = await open({ window: 1_000_000 });
  await peer.send(request(1, ''));
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(100_000), TRAILERS);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), [
    'HEADERS 1',
    'DATA 1 16384',
    'DATA 1 16384',
    'DATA 1 16384',
    'DATA 1 16383',
  ]);
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(0, 1))), ['DATA 1 1']);
  await peer.close();
});

test('streams take turns when the connection opens', async () => {
  const { peer, handler } = await open({ window: 1_000_000 });
  await peer.send(request(1, ''), request(3, ''), request(5, ''));
  for (const { stream } of handler.calls) stream.respondUnary(HEAD, Buffer.alloc(70_000), TRAILERS);
  await turn();
  peer.take();
  const frames = await peer.ask(windowUpdate(0, 16_384 * 5));
  assert.deepEqual(describeFrames(frames), [
    'DATA 1 4465',
    'HEADERS 1 END',
    'DATA 3 16384',
    'DATA 5 16384',
    'DATA 3 16384',
    'DATA 5 16384',
    'DATA 3 11919',
  ]);
  await peer.close();
});

test('lowering the initial window makes windows negative: they open past zero first', async () => {
  const { peer, handler } = await open({ window: 10 });
  await peer.send(request(1, ''));
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(30), TRAILERS);
  await turn();
  peer.take();
  // 0 − 8 = −8
  assert.deepEqual(describeFrames(await peer.ask(settings({ 4: 2 }))), ['SETTINGS ACK']);
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(1, 8))), []);
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(1, 1))), ['DATA 1 1']);
  assert.deepEqual(describeFrames(await peer.ask(settings({ 4: 7 }))), ['DATA 1 5', 'SETTINGS ACK'].reverse());
  await peer.close();
});

test('larger frames are sent to a client that takes them, up to 64 KB', async () => {
  const { peer, handler } = await open({ window: 1_000_000, maxFrame: 1_000_000 });
  await peer.send(request(1, ''), windowUpdate(0, 1_000_000));
  handler.calls[0]!.stream.respondUnary(HEAD, Buffer.alloc(100_000), TRAILERS);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['HEADERS 1', 'DATA 1 65536', 'DATA 1 34464', 'HEADERS 1 END']);
  await peer.close();
});

const OVERFLOWS: Readonly<Record<string, readonly [frames: readonly Buffer[], answer: readonly string[]]>> = {
  'of the connection': [[windowUpdate(0, 2 ** 31 - 1)], ['GOAWAY last 1 code 3']],
  'of a stream': [[windowUpdate(1, 2 ** 31 - 1)], ['RST_STREAM 1 code 3']],
  'by SETTINGS': [[windowUpdate(1, 2 ** 31 - 1 - 65_535), settings({ 4: 65_536 })], ['GOAWAY last 1 code 3']],
};
for (const [name, [frames, answer]] of Object.entries(OVERFLOWS)) {
  test(`a window that overflows is an error: ${name}`, async () => {
    const { peer } = await open();
    await peer.send(headers(1));
    assert.deepEqual(describeFrames(await peer.ask(...frames)), answer);
    await peer.close();
  });
}

test('a window update of zero is an error of its stream or of the connection', async () => {
  const { peer } = await open();
  assert.deepEqual(describeFrames(await peer.ask(headers(1), windowUpdate(1, 0))), ['RST_STREAM 1 code 1']);
  assert.deepEqual(describeFrames(await peer.ask(windowUpdate(0, 0))), ['GOAWAY last 1 code 1']);
  await peer.close();
});

test('the client may send more when the handler has consumed, not before', async () => {
  const { peer, handler } = await open({ options: { streamWindowBytes: 100, connectionWindowBytes: 70_000 } });
  assert.deepEqual(describeFrames(await peer.ask(headers(1), data(1, 'x'.repeat(80)))), []);
  const { stream } = handler.calls[0]!;
  stream.consume(49);
  await turn();
  assert.deepEqual(peer.take(), []);
  stream.consume(1);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['WINDOW_UPDATE 1 +50']);
  assert.deepEqual(describeFrames(await peer.ask(data(1, 'x'.repeat(70)))), []);
  assert.deepEqual(describeFrames(await peer.ask(data(1, 'x'))), ['RST_STREAM 1 code 3']);
  await peer.close();
});

test('until the client knows the smaller window it may use the default one, and gets its credit in time', async () => {
  const handler = new PuppetHandler();
  const peer = new Http2Peer({ handler, options: { streamWindowBytes: 1000 } });
  await turn();
  await peer.send(PREFACE, settings(), headers(1), data(1, Buffer.alloc(16_000)), headers(3));
  peer.take();
  assert.equal(handler.calls[0]!.stream.isClosed, false);
  handler.calls[0]!.stream.consume(500);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['WINDOW_UPDATE 1 +500']);
  assert.deepEqual(describeFrames(await peer.ask(settingsAck(), headers(5), data(5, Buffer.alloc(1001)))), [
    'RST_STREAM 5 code 3',
  ]);
  await peer.close();
});

test('a client past the window of the connection loses the connection', async () => {
  const { peer } = await open({ options: { streamWindowBytes: 100_000, connectionWindowBytes: 70_000 } });
  const piece = data(1, Buffer.alloc(16_000));
  assert.deepEqual(describeFrames(await peer.ask(headers(1), piece, piece, piece, piece)), []);
  assert.deepEqual(describeFrames(await peer.ask(piece)), ['GOAWAY last 1 code 3']);
  await peer.close();
});

test('bytes that no handler reads are given back to the connection: padding, closed streams, unread bodies', async () => {
  const { peer, handler } = await open({ options: { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 } });
  await peer.send(headers(1), data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000)));
  assert.deepEqual(peer.take(), []);
  assert.deepEqual(describeFrames(await peer.ask(reset(1, 8))), []);
  // 32,000 of the unread body and 256 of padding are less than half the window; 1,000 for a closed stream make it.
  await peer.send(headers(3), frame(T.DATA, F.PADDED, 3, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)])));
  handler.calls[1]!.stream.reset(8);
  assert.deepEqual(describeFrames(await peer.ask(data(3, Buffer.alloc(1000)))), [
    'RST_STREAM 3 code 8',
    `WINDOW_UPDATE +${32_000 + 256 + 1000}`,
  ]);
  await peer.close();
});

test('what a paced stream has not read is given back to the connection at once, up to the loan', async () => {
  const { peer, handler } = await open({ options: { connectionWindowBytes: 65_535, loanBytes: 64_000 } });
  handler.onCall = (call) => {
    call.stream.isPaced = true;
  };
  const given = async (...bytes: readonly Uint8Array[]): Promise<string[]> => describeFrames(await peer.ask(...bytes));
  const piece = (id: number): Uint8Array => data(id, Buffer.alloc(16_000));
  assert.deepEqual(await given(headers(1), headers(3), piece(1), piece(1), piece(3)), ['WINDOW_UPDATE +48000']);
  // Past the loan: given back when the stream closes, and what was lent is not given back again when it is read.
  assert.deepEqual(await given(piece(3), data(3, Buffer.alloc(3000))), []);
  handler.calls[1]!.stream.consume(32_000);
  assert.deepEqual(await given(reset(3, 8)), []);
  assert.deepEqual(await given(piece(1)), ['WINDOW_UPDATE +35000']);
  handler.calls[0]!.stream.consume(48_000);
  assert.deepEqual(await given(reset(1, 8)), []);
  await peer.close();
});

test('paced streams of one server leave no more unread than they may together', async () => {
  const { peer, handler } = await open({ options: { connectionWindowBytes: 65_535, maxUnreadBytes: 40_000 } });
  handler.onCall = (call) => {
    call.stream.isPaced = true;
  };
  const piece = (id: number): Uint8Array => data(id, Buffer.alloc(16_000));
  await peer.ask(headers(1), headers(3), piece(1), piece(1));
  handler.calls[0]!.stream.consume(16_000);
  await peer.ask(piece(3), piece(3));
  assert.deepEqual([handler.calls[0]!.stream.isClosed, handler.calls[1]!.stream.isClosed], [false, false]);
  const frames = describeFrames(await peer.ask(piece(1)));
  assert.ok(frames.includes('RST_STREAM 1 code 11'), frames.join());
  // What it held is free again.
  await peer.ask(data(3, Buffer.alloc(100)));
  assert.equal(handler.calls[1]!.stream.isClosed, false);
  await peer.close();
});

test('bytes are given back once: what was consumed is not unread when the stream closes', async () => {
  const { peer, handler } = await open({ options: { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 } });
  await peer.send(headers(1), data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(4000)));
  handler.calls[0]!.stream.consume(20_000);
  assert.deepEqual(describeFrames(await peer.ask(reset(1, 8))), []);
  await peer.close();
});

test('write returns false when enough waits, and onWritable is called when there is room', async () => {
  const { peer, handler } = await open({ window: 0, options: { streamHighWaterBytes: 100 } });
  await peer.send(request(1, ''));
  const { stream, events } = handler.calls[0]!;
  stream.respond(HEAD);
  assert.equal(stream.write(Buffer.alloc(60)), true);
  assert.equal(stream.write(Buffer.alloc(60)), false);
  await peer.send(windowUpdate(1, 69));
  assert.deepEqual(events, ['end']);
  await peer.send(windowUpdate(1, 1));
  assert.deepEqual(events, ['end', 'writable']);
  await peer.send(windowUpdate(1, 50));
  assert.deepEqual(events, ['end', 'writable']);
  await peer.close();
});

test('a handler may write from onWritable, without end', async () => {
  const { peer, handler } = await open({ window: 0, options: { streamHighWaterBytes: 10 } });
  await peer.send(request(1, ''));
  const call = handler.calls[0]!;
  call.stream.respond(HEAD);
  call.onEvent = (event) => {
    if (event === 'writable') while (call.stream.write(Buffer.alloc(4)));
  };
  call.onEvent('writable');
  await peer.send(windowUpdate(1, 100));
  const bytes = peer.take().reduce((sum, { payload, type }) => sum + (type === T.DATA ? payload.length : 0), 0);
  assert.equal(bytes, 100);
  await peer.close();
});

test('onWritable may throw: its stream is reset', async () => {
  const { peer, handler } = await open({ window: 0, options: { streamHighWaterBytes: 10 } });
  await peer.send(request(1, ''));
  const call = handler.calls[0]!;
  call.stream.respond(HEAD);
  call.stream.write(Buffer.alloc(20));
  call.onEvent = (event) => {
    if (event === 'writable') throw new Error('no');
  };
  assert.equal(describeFrames(await peer.ask(windowUpdate(1, 100))).at(-1), 'RST_STREAM 1 code 2');
  assert.equal(handler.errors.length, 1);
  await peer.close();
});

test('while the socket takes nothing no answer bytes are added and nothing is read; then all goes on', async () => {
  const { peer, handler } = await open({ window: 1_000_000 });
  await peer.send(windowUpdate(0, 10_000_000), request(1, ''));
  const { stream, events } = handler.calls[0]!;
  stream.respond(HEAD);
  peer.socket.isStuck = true;
  // The first fills the socket past its mark; the second waits on its stream.
  assert.equal(stream.write(Buffer.alloc(500_000)), false);
  await turn();
  const [before] = [peer.socket.writableLength];
  assert.ok(before < 300_000, `${before} bytes in the socket`);
  await peer.send(ping());
  await peer.send(request(3, ''));
  assert.equal(peer.socket.isPaused(), true);
  assert.equal(handler.calls.length, 1);
  peer.socket.unstick();
  await turn();
  await turn();
  assert.equal(peer.socket.isPaused(), false);
  assert.equal(handler.calls.length, 2);
  assert.deepEqual(events, ['end', 'writable']);
  stream.end();
  await turn();
  const bytes = peer.take().reduce((sum, { payload, type }) => sum + (type === T.DATA ? payload.length : 0), 0);
  assert.equal(bytes, 500_000);
  await peer.close();
});
