/** Requests and answers on one connection, as a client and a handler see them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { HpackDecoder } from '../../../../src/proxy/http2/hpack/hpack-decoder.ts';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';
import {
  data,
  F,
  type Fields,
  frame,
  headers,
  POST,
  PREFACE,
  ping,
  request,
  reset,
  settings,
  T,
  uint32,
} from '../../../support/http2-frames.ts';
import { HEAD, PuppetHandler, TRAILERS } from '../../../support/http2-handlers.ts';
import { describeFrames, Http2Peer, turn } from '../../../support/http2-peer.ts';

async function openPuppet(): Promise<{ peer: Http2Peer; handler: PuppetHandler }> {
  const handler = new PuppetHandler();
  return { peer: await Http2Peer.open({ handler }), handler };
}

test('begins with its SETTINGS and window, and acknowledges the SETTINGS of the client', async () => {
  const peer = new Http2Peer();
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['SETTINGS', `WINDOW_UPDATE +${8 * 1024 * 1024 - 65_535}`]);
  assert.deepEqual(describeFrames(await peer.ask(PREFACE, settings())), ['SETTINGS ACK']);
  await peer.close();
});

test('answers a request with headers, data and trailers', async () => {
  const peer = await Http2Peer.open();
  const frames = await peer.ask(request(1, 'hello'));
  assert.deepEqual(describeFrames(frames), ['HEADERS 1', 'DATA 1 5', 'HEADERS 1 END']);
  assert.equal(frames[1]!.payload.toString(), 'hello');
  assert.equal(peer.echo.requests[0]!.end, 'done');
  await peer.close();
});

test('answers of requests that come together leave in one write', async () => {
  const peer = await Http2Peer.open();
  const before = peer.socket.writeCount;
  const frames = await peer.ask(request(1, 'a'), request(3, 'b'), request(5, 'c'), ping());
  assert.equal(frames.length, 10);
  assert.equal(peer.socket.writeCount - before, 1);
  await peer.close();
});

test('answers given in one turn, in promises too, leave in one write', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(request(1, 'a'), request(3, 'b'), request(5, 'c'));
  const before = peer.socket.writeCount;
  for (const { stream } of handler.calls) {
    void Promise.resolve()
      .then(() => {})
      .then(() => stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS));
  }
  await turn();
  assert.equal(peer.take().length, 9);
  assert.equal(peer.socket.writeCount - before, 1);
  await peer.close();
});

test('a request without a body ends with its headers', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1, POST, F.END_HEADERS | F.END_STREAM));
  assert.deepEqual(handler.calls[0]!.events, ['end']);
  await peer.close();
});

test('a repeated header block gives the same headers object, a changed table a new one', async () => {
  const { peer, handler } = await openPuppet();
  const indexed = frame(
    T.HEADERS,
    F.END_HEADERS,
    5,
    Buffer.concat([encodeHeaders(POST), Buffer.from('4001610162', 'hex')]),
  );
  await peer.send(headers(1), headers(3), indexed, headers(7), headers(9));
  const [first, second, , fourth, fifth] = handler.calls.map((call) => call.headers);
  assert.equal(second, first);
  assert.notEqual(fourth, first);
  assert.equal(fifth, fourth);
  await peer.close();
});

test('trailers of a request come with its end', async () => {
  const peer = await Http2Peer.open();
  const frames = await peer.ask(headers(1), data(1, 'x'), headers(1, [['x-sum', '42']], F.END_HEADERS | F.END_STREAM));
  assert.deepEqual(describeFrames(frames), ['HEADERS 1', 'DATA 1 1', 'HEADERS 1 END']);
  assert.equal(peer.echo.requests[0]!.trailers![0]!.value, '42');
  await peer.close();
});

test('a header block in many frames is one block', async () => {
  const { peer, handler } = await openPuppet();
  const block = Buffer.from(encodeHeaders([...POST, ['x-long', 'y'.repeat(100)]]));
  await peer.send(
    frame(T.HEADERS, F.END_STREAM, 1, block.subarray(0, 10)),
    frame(T.CONTINUATION, 0, 1, block.subarray(10, 11)),
    frame(T.CONTINUATION, 0, 1),
    frame(T.CONTINUATION, F.END_HEADERS, 1, block.subarray(11)),
  );
  assert.equal(handler.calls[0]!.headers.get('x-long')!.length, 100);
  assert.deepEqual(handler.calls[0]!.events, ['end']);
  await peer.close();
});

test('padding and priority are removed', async () => {
  const { peer, handler } = await openPuppet();
  const block = encodeHeaders(POST);
  const padded = Buffer.concat([Buffer.from([3]), uint32(0), Buffer.from([15]), block, Buffer.alloc(3)]);
  await peer.send(
    frame(T.HEADERS, F.END_HEADERS | F.PADDED | F.PRIORITY, 1, padded),
    frame(T.DATA, F.PADDED | F.END_STREAM, 1, Buffer.from('\x04body\0\0\0\0', 'latin1')),
  );
  assert.equal(handler.calls[0]!.headers.path, '/echo');
  assert.deepEqual(handler.calls[0]!.events, ['data body', 'end']);
  await peer.close();
});

test('an answer in parts: headers, bodies, trailers', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(request(1, 'x'));
  const { stream, events } = handler.calls[0]!;
  stream.respond(HEAD);
  assert.equal(stream.write(Buffer.from('one')), true);
  assert.equal(stream.write(Buffer.alloc(0)), true);
  stream.write(Buffer.alloc(20_000));
  stream.end(TRAILERS);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), [
    'HEADERS 1',
    'DATA 1 3',
    'DATA 1 16384',
    'DATA 1 3616',
    'HEADERS 1 END',
  ]);
  assert.deepEqual(events, ['data x', 'end', 'closed']);
  await peer.close();
});

test('an answer without trailers ends with an empty DATA, one without a body with its headers', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(request(1, ''), request(3, ''));
  handler.calls[0]!.stream.respond(HEAD);
  handler.calls[0]!.stream.end();
  handler.calls[1]!.stream.respond(HEAD, true);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['HEADERS 1', 'DATA 1 0 END', 'HEADERS 3 END']);
  await peer.close();
});

test('header blocks longer than a frame are continued', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(request(1, ''));
  const value = 'v'.repeat(40_000);
  handler.calls[0]!.stream.respond(
    encodeHeaders([
      [':status', '200'],
      ['x-long', value],
    ]),
    true,
  );
  await turn();
  const frames = peer.take();
  assert.deepEqual(describeFrames(frames), ['HEADERS 1 END', 'CONTINUATION 1', 'CONTINUATION 1']);
  assert.deepEqual(
    frames.map(({ flags }) => (flags & F.END_HEADERS) !== 0),
    [false, false, true],
  );
  const block = Buffer.concat(frames.map(({ payload }) => payload));
  assert.equal(new HpackDecoder(65_536).decode(block, 0, block.length).fields[1]!.value, value);
  await peer.close();
});

test('a client that lowers its table size gets the size in the next header block, once', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(settings({ 1: 0 }), request(1, ''), request(3, ''));
  for (const { stream } of handler.calls) stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS);
  await turn();
  const blocks = peer.take().filter(({ type }) => type === T.HEADERS);
  assert.deepEqual(
    blocks.map(({ payload }) => payload[0] === 0x20),
    [true, false, false, false],
  );
  await peer.close();
});

test('an answer before the whole request tells the client to stop, and what is under way is dropped', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1), data(1, 'x'));
  handler.calls[0]!.stream.respond(HEAD, true);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['HEADERS 1 END', 'RST_STREAM 1 code 0']);
  const frames = await peer.ask(data(1, 'late'), headers(1, [['a', 'b']], F.END_HEADERS | F.END_STREAM), ping());
  assert.deepEqual(describeFrames(frames), ['PING ACK']);
  assert.deepEqual(handler.calls[0]!.events, ['data x', 'closed']);
  await peer.close();
});

test('trailers of a stream that we closed long ago are dropped', async () => {
  const { peer, handler } = await openPuppet();
  handler.onCall = ({ stream }) => stream.respond(HEAD, true);
  for (let id = 1; id < 1001; id += 2) await peer.send(headers(id));
  peer.take();
  const frames = await peer.ask(headers(1, [['a', 'b']], F.END_HEADERS | F.END_STREAM), ping());
  assert.deepEqual(describeFrames(frames), ['PING ACK']);
  await peer.close();
});

test("the sink is notified once of the client's reset, and later answers are dropped", async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1), data(1, 'x'), reset(1, 8));
  const { stream, events } = handler.calls[0]!;
  assert.deepEqual(events, ['data x', 'closed 8']);
  assert.equal(stream.isClosed, true);
  stream.respondUnary(HEAD, Buffer.from('x'), TRAILERS);
  stream.respond(HEAD);
  assert.equal(stream.write(Buffer.from('x')), false);
  stream.end();
  stream.consume(1);
  stream.reset(8);
  assert.deepEqual(await peer.ask(ping()).then(describeFrames), ['PING ACK']);
  assert.deepEqual(events, ['data x', 'closed 8']);
  await peer.close();
});

test('a reset by the handler is sent, and its sink is notified', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1));
  handler.calls[0]!.stream.reset(2);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), ['RST_STREAM 1 code 2']);
  assert.deepEqual(handler.calls[0]!.events, ['closed 2']);
  await peer.close();
});

test('open streams get CANCEL when the connection is lost', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1), headers(3));
  peer.socket.destroy(new Error('connection reset'));
  await turn();
  assert.deepEqual(
    handler.calls.map(({ events }) => events),
    [['closed 8'], ['closed 8']],
  );
  assert.equal(peer.server.connectionCount, 0);
});

test('a client that closes its side has left', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1));
  peer.socket.push(null);
  await turn();
  assert.deepEqual(handler.calls[0]!.events, ['closed 8']);
  assert.equal(peer.isEnded, true);
  await peer.close();
});

test('a handler that throws resets its stream, and the connection goes on', async () => {
  const { peer, handler } = await openPuppet();
  handler.onCall = (call) => {
    call.onEvent = (event) => {
      if (event === 'data x' || event === 'end') throw new Error(event);
    };
    if (call.stream.id === 5) throw new Error('begin');
  };
  const frames = await peer.ask(request(1, 'x'), headers(3, POST, F.END_HEADERS | F.END_STREAM), headers(5), ping());
  assert.deepEqual(describeFrames(frames), [
    'RST_STREAM 1 code 2',
    'RST_STREAM 3 code 2',
    'RST_STREAM 5 code 2',
    'PING ACK',
  ]);
  assert.deepEqual(handler.errors.map(String), ['Error: data x', 'Error: end', 'Error: begin']);
  await peer.close();
});

test('onClose may throw: it is reported', async () => {
  const { peer, handler } = await openPuppet();
  handler.onCall = (call) => {
    call.onEvent = () => {
      throw new Error('in onClose');
    };
  };
  assert.deepEqual(describeFrames(await peer.ask(headers(1), reset(1, 8), ping())), ['PING ACK']);
  assert.equal(handler.errors.length, 1);
  await peer.close();
});

test('calls out of order are programming errors', async () => {
  const { peer, handler } = await openPuppet();
  await peer.send(headers(1));
  const { stream } = handler.calls[0]!;
  assert.throws(() => stream.write(Buffer.from('x')), /call respond first/);
  assert.throws(() => stream.end(), /call respond first/);
  assert.throws(() => stream.consume(1), /consume\(1\) of 0/);
  stream.respond(HEAD);
  assert.throws(() => stream.respond(HEAD), /has begun/);
  assert.throws(() => stream.respondUnary(HEAD, Buffer.alloc(1), TRAILERS), /has begun/);
  await peer.close();
});

const WRONG_LENGTHS: Readonly<Record<string, readonly Buffer[]>> = {
  'shorter than content-length': [data(1, 'abc', true)],
  'longer than content-length': [data(1, 'abcde')],
  'ended by trailers too early': [data(1, 'abc'), headers(1, [['a', 'b']], F.END_HEADERS | F.END_STREAM)],
};
for (const [name, frames] of Object.entries(WRONG_LENGTHS)) {
  test(`a body ${name} is malformed`, async () => {
    const { peer, handler } = await openPuppet();
    const fields: Fields = [...POST, ['content-length', '4']];
    assert.deepEqual(describeFrames(await peer.ask(headers(1, fields), ...frames)), ['RST_STREAM 1 code 1']);
    assert.equal(handler.calls[0]!.events.at(-1), 'closed 1');
    assert.equal(handler.calls[0]!.events.includes('end'), false);
    await peer.close();
  });
}

test('malformed headers reset their stream and reach no handler; the next request works', async () => {
  const { peer, handler } = await openPuppet();
  const frames = await peer.ask(headers(1, [[':method', 'GET']]), data(1, 'under way'), headers(3));
  assert.deepEqual(describeFrames(frames), ['RST_STREAM 1 code 1']);
  assert.equal(handler.calls.length, 1);
  await peer.close();
});

test('a header list past its limit is answered with 431', async () => {
  const { peer, handler } = await openPuppet();
  const frames = await peer.ask(
    headers(1, [...POST, ['x', 'y'.repeat(16_300)]], F.END_HEADERS | F.END_STREAM),
    request(3, ''),
  );
  assert.deepEqual(describeFrames(frames), ['HEADERS 1 END']);
  const { payload } = frames[0]!;
  assert.equal(new HpackDecoder(1000).decode(payload, 0, payload.length).fields[0]!.value, '431');
  assert.equal(handler.calls.length, 1);
  await peer.close();
});

test('what is under way for refused streams is dropped', async () => {
  const peer = await Http2Peer.open({ handler: new PuppetHandler(), options: { maxConcurrentStreams: 1 } });
  const refused = [3, 5, 7].map((id) => `RST_STREAM ${id} code 7`);
  assert.deepEqual(describeFrames(await peer.ask(headers(1), headers(3), headers(5), headers(7))), refused);
  const late = [data(3, 'x'), data(5, 'x'), data(7, 'x'), headers(3, [['a', 'b']], F.END_HEADERS | F.END_STREAM)];
  assert.deepEqual(describeFrames(await peer.ask(...late, ping())), ['PING ACK']);
  await peer.close();
});

test('streams past the limit are refused, and there is room again when one ends', async () => {
  const handler = new PuppetHandler();
  const peer = await Http2Peer.open({ handler, options: { maxConcurrentStreams: 2 } });
  assert.deepEqual(describeFrames(await peer.ask(headers(1), headers(3), headers(5))), ['RST_STREAM 5 code 7']);
  await peer.send(reset(1, 8), headers(7));
  assert.deepEqual(
    handler.calls.map(({ stream }) => stream.id),
    [1, 3, 7],
  );
  await peer.close();
});
