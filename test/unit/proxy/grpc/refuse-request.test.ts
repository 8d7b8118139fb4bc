/** Requests that are no calls: they are answered when they are whole, and never waited for for long. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { refuseHttp1 } from '../../../../src/proxy/grpc/refuse-http1.ts';
import { NOT_GRPC, NOT_POST, RefusedRequest } from '../../../../src/proxy/grpc/refuse-request.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { data, F, headers, POST, T } from '../../../support/http2-frames.ts';
import { describeFrames, Http2Peer, TestSocket } from '../../../support/http2-peer.ts';
import { turn } from '../../../support/turns.ts';

async function open(): Promise<Http2Peer> {
  const clock = new FakeClock();
  return await Http2Peer.open({
    clock,
    handler: {
      onStream(stream, request) {
        const why = request.method === 'POST' ? NOT_GRPC : NOT_POST;
        stream.sink = new RefusedRequest(stream, why, request, clock);
      },
      onHandlerError: (error) => assert.fail(String(error)),
    },
  });
}

const ANSWER = ['HEADERS 1', `DATA 1 ${NOT_GRPC.body.length}`, 'DATA 1 0 END'];

test('a whole request is answered at once, with a line of text', async () => {
  const peer = await open();
  const frames = await peer.ask(headers(1, POST, F.END_HEADERS | F.END_STREAM));
  assert.deepEqual(describeFrames(frames), ANSWER);
  assert.match(frames.find(({ type }) => type === T.DATA)!.payload.toString(), /content-type is application\/grpc/);
  await peer.close();
});

test('a request with a body is answered when that has come', async () => {
  const peer = await open();
  assert.deepEqual(describeFrames(await peer.ask(headers(1), data(1, 'x'.repeat(10_000)))), []);
  assert.deepEqual(describeFrames(await peer.ask(data(1, 'x', true))), ANSWER);
  assert.equal(peer.connection.isIdle, true);
  await peer.close();
});

test('a long body is not read to its end', async () => {
  const peer = await open();
  const frames = await peer.ask(headers(1), ...Array.from({ length: 5 }, () => data(1, 'x'.repeat(16_000))));
  const texts = describeFrames(frames).filter((text) => !text.startsWith('WINDOW'));
  assert.deepEqual(texts, [...ANSWER, 'RST_STREAM 1 code 0']);
  await peer.close();
});

test('a request that does not end is answered after ten seconds', async () => {
  const peer = await open();
  await peer.ask(headers(1), data(1, 'x'));
  peer.clock.advance(9000);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), []);
  peer.clock.advance(2000);
  await turn();
  assert.deepEqual(describeFrames(peer.take()), [...ANSWER, 'RST_STREAM 1 code 0']);
  await peer.close();
});

test('the answer to HEAD has no body, and no timer outlives a request', async () => {
  const peer = await open();
  const head = POST.map(([name, value]) => [name, name === ':method' ? 'HEAD' : value] as const);
  assert.deepEqual(describeFrames(await peer.ask(headers(1, head, F.END_HEADERS | F.END_STREAM))), ['HEADERS 1 END']);
  await peer.ask(headers(3));
  await peer.close();
  assert.equal(peer.clock.armed, 0);
});

async function answerTo(bytes: string): Promise<{ socket: Duplex; text: string }> {
  const clock = new FakeClock();
  const socket = new TestSocket();
  refuseHttp1(socket, clock);
  socket.push(Buffer.from(bytes, 'latin1'));
  await turn();
  return { socket, text: socket.takeWritten().toString() };
}

test('HTTP/1.1 gets an answer in HTTP/1.1; what is neither is cut off without one', async () => {
  for (const line of ['GET / HTTP/1.1\r\n', 'POST /v1/models/m:predict HTTP/1.0\r\nhost: x\r\n\r\n']) {
    assert.match((await answerTo(line)).text, /^HTTP\/1\.1 505 /);
  }
  for (const bytes of ['INVALID CONNECTION PREFACE\r\n\r\n', '\x16\x03\x01\x02\x00\x01', 'GET /\r\n', 'hello']) {
    const { socket, text } = await answerTo(bytes);
    assert.equal(text, '');
    assert.equal(socket.destroyed, true);
  }
});
