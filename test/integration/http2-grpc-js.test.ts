/** The HTTP/2 engine and the @grpc/grpc-js client: gRPC's framing passes through it, in all four kinds of call. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { Http2Stream, StreamSink } from '../../src/proxy/http2/streams/stream.ts';
import { listen } from '../support/http2-handlers.ts';

const HEAD = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const TRAILERS = encodeHeaders([['grpc-status', '0']]);
const NOT_FOUND = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-status', '5'],
  ['grpc-message', 'no such thing'],
]);

/** /t.T/Echo gives the body back as it came; so do the streaming kinds, chunk by chunk. */
class EchoCall implements StreamSink {
  readonly #stream: Http2Stream;
  readonly #isStreaming: boolean;
  readonly #chunks: Uint8Array[] = [];

  constructor(stream: Http2Stream, isStreaming: boolean) {
    this.#stream = stream;
    this.#isStreaming = isStreaming;
    if (isStreaming) stream.respond(HEAD);
  }

  onData(chunk: Uint8Array): void {
    this.#stream.consume(chunk.length);
    const copy = Buffer.from(chunk);
    if (this.#isStreaming) this.#stream.write(copy);
    else this.#chunks.push(copy);
  }

  onEnd(): void {
    if (this.#isStreaming) this.#stream.end(TRAILERS);
    else this.#stream.respondUnary(HEAD, Buffer.concat(this.#chunks), TRAILERS);
  }

  onWritable(): void {}
  onClose(): void {}
}

const handler: Http2Handler = {
  onStream(stream, headers) {
    if (headers.path === '/t.T/Missing') stream.respond(NOT_FOUND, true);
    else stream.sink = new EchoCall(stream, headers.path === '/t.T/Stream');
  },
  onHandlerError(error) {
    throw error;
  },
};

const asIs = (bytes: Buffer): Buffer => bytes;

async function open(t: TestContext, options: grpc.ClientOptions = {}): Promise<grpc.Client> {
  const { port } = await listen(t, { handler });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
  t.after(() => client.close());
  return client;
}

function unary(client: grpc.Client, path: string, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asIs, asIs, body, (error, answer) => {
      if (error) reject(error);
      else resolve(answer!);
    });
  });
}

test('unary calls, small and large, one after the other and together', async (t) => {
  const client = await open(t, { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  assert.equal((await unary(client, '/t.T/Echo', Buffer.from('hello'))).toString(), 'hello');
  assert.equal((await unary(client, '/t.T/Echo', Buffer.alloc(0))).length, 0);
  const large = randomBytes(10_000_000);
  assert.equal((await unary(client, '/t.T/Echo', large)).equals(large), true);
  const texts = Array.from({ length: 200 }, (_, i) => `call ${i}`);
  const answers = await Promise.all(texts.map((text) => unary(client, '/t.T/Echo', Buffer.from(text))));
  assert.deepEqual(answers.map(String), texts);
});

test('an answer of trailers alone is a status', async (t) => {
  const client = await open(t);
  await assert.rejects(unary(client, '/t.T/Missing', Buffer.from('x')), {
    code: grpc.status.NOT_FOUND,
    details: 'no such thing',
  });
});

test('messages stream both ways', async (t) => {
  const client = await open(t);
  const call = client.makeBidiStreamRequest('/t.T/Stream', asIs, asIs);
  const received: string[] = [];
  for (let i = 0; i < 5; i++) {
    const answer = new Promise<Buffer>((resolve) => call.once('data', resolve));
    call.write(Buffer.from(`message ${i}`));
    received.push((await answer).toString());
  }
  const status = new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
  call.on('data', () => {});
  call.end();
  assert.equal((await status).code, grpc.status.OK);
  assert.deepEqual(received, ['message 0', 'message 1', 'message 2', 'message 3', 'message 4']);
});

test('a call that its client cancels does not disturb the next', async (t) => {
  const client = await open(t);
  const call = client.makeBidiStreamRequest('/t.T/Stream', asIs, asIs);
  call.on('error', () => {});
  const first = new Promise((resolve) => call.once('data', resolve));
  call.write(Buffer.from('x'));
  await first;
  call.cancel();
  assert.equal((await unary(client, '/t.T/Echo', Buffer.from('next'))).toString(), 'next');
});
