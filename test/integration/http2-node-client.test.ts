/** The HTTP/2 engine and Node's own HTTP/2 client (nghttp2), over TCP, a Unix socket and TLS. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { F, headers, POST, PREFACE, settings, T, windowUpdate } from '../support/http2-frames.ts';
import { EchoHandler, HEAD, listen, PuppetHandler } from '../support/http2-handlers.ts';
import { selfSigned } from '../support/self-signed.ts';
import { tempDirectory } from '../support/temp-directory.ts';

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

function post(session: ClientHttp2Session, body: Uint8Array, trailers?: Record<string, string>): Promise<Answer> {
  const stream = session.request({ ':method': 'POST', ':path': '/echo' }, { waitForTrailers: trailers !== undefined });
  if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = 0;
    let received: IncomingHttpHeaders = {};
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('trailers', (headers) => {
      received = headers;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve({ status, body: Buffer.concat(chunks), trailers: received }));
    stream.on('error', reject);
    stream.end(body);
  });
}

function connect(t: TestContext, port: number, options: http2.ClientSessionOptions = {}): ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, options);
  session.on('error', () => {});
  t.after(() => session.destroy());
  return session;
}

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('a request and its answer, with trailers both ways', async (t) => {
  const { port } = await listen(t, { handler: new EchoHandler() });
  const answer = await post(connect(t, port), Buffer.from('hello'), { 'x-sum': '42' });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.toString(), 'hello');
  assert.equal(answer.trailers['x-sum'], '42');
});

for (const window of [65_535, 16_384, 1_000_000]) {
  test(`10 MB both ways through windows of ${window} bytes`, async (t) => {
    const options = { streamWindowBytes: window, connectionWindowBytes: Math.max(65_535, window) };
    const { port } = await listen(t, { handler: new EchoHandler(), options });
    const session = connect(t, port, { settings: { initialWindowSize: window } });
    const body = randomBytes(10_000_000);
    const answer = await post(session, body);
    assert.equal(sha(answer.body), sha(body));
    assert.equal((await post(session, Buffer.from('and after'))).body.toString(), 'and after');
  });
}

test('a thousand streams at once on one connection', async (t) => {
  const handler = new EchoHandler();
  const { port } = await listen(t, { handler });
  const session = connect(t, port);
  const bodies = Array.from({ length: 1000 }, (_, i) => Buffer.from(`body ${i} `.repeat(1 + (i % 500))));
  const answers = await Promise.all(bodies.map((body) => post(session, body)));
  for (const [i, { body }] of answers.entries()) assert.equal(body.toString(), bodies[i]!.toString());
  assert.ok(handler.requests.every(({ closeCount, end }) => closeCount === 1 && end === 'done'));
});

test('over a Unix socket', async (t) => {
  const path = join(tempDirectory(t), 'engine.sock');
  await listen(t, { handler: new EchoHandler(), path });
  const session = connect(t, 0, { createConnection: () => createConnection(path) });
  assert.equal((await post(session, Buffer.from('unix'))).body.toString(), 'unix');
});

test('over TLS, agreed on by ALPN', async (t) => {
  const tls = { ...selfSigned(), ALPNProtocols: ['h2', 'http/1.1'] };
  const { port } = await listen(t, { handler: new EchoHandler(), tls });
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const body = randomBytes(1_000_000);
  assert.equal(sha((await post(session, body)).body), sha(body));
  assert.equal(session.alpnProtocol, 'h2');
});

test('a client that cancels in the middle of its body, and goes on with other requests', async (t) => {
  const handler = new EchoHandler();
  const { port } = await listen(t, { handler });
  const session = connect(t, port);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => {});
  stream.write(Buffer.alloc(100_000));
  await until(() => handler.requests[0]?.body.length === 100_000);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => handler.requests[0]!.end !== 'open');
  assert.equal(handler.requests[0]!.end, 8);
  assert.equal((await post(session, Buffer.from('next'))).body.toString(), 'next');
});

test('a client that disappears in the middle of its body', async (t) => {
  const handler = new EchoHandler();
  const { port, engine } = await listen(t, { handler });
  const session = connect(t, port);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => {});
  stream.write(Buffer.alloc(100_000));
  await until(() => handler.requests[0]?.body.length === 100_000);
  session.destroy();
  await until(() => engine.connectionCount === 0);
  assert.equal(handler.requests[0]!.end, 8);
});

test('a drain finishes what is open, refuses nothing that was sent before it was heard of, and closes', async (t) => {
  const handler = new PuppetHandler();
  const { port, engine } = await listen(t, { handler });
  const session = connect(t, port);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.end('x');
  await until(() => handler.calls[0]?.events.includes('end') === true);
  const goAway = once(session, 'goaway');
  const drained = engine.drain();
  const [code] = (await goAway) as [number];
  assert.equal(code, 0);
  const call = handler.calls[0]!;
  call.stream.respond(HEAD);
  call.stream.write(Buffer.from('still answered'));
  call.stream.end();
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(stream, 'close');
  await drained;
  assert.equal(text, 'still answered');
  assert.equal(engine.connectionCount, 0);
});

test('an answer of many parts to a client that reads slowly: written as it is taken', async (t) => {
  const handler = new PuppetHandler();
  const { port } = await listen(t, { handler });
  const session = connect(t, port);
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.end('x');
  await until(() => handler.calls[0]?.events.includes('end') === true);
  const call = handler.calls[0]!;
  const total = 300;
  let written = 0;
  const writeOn = (): void => {
    while (written < total && call.stream.write(Buffer.alloc(10_000, ++written)));
    if (written === total) call.stream.end();
  };
  call.onEvent = (event) => {
    if (event === 'writable') writeOn();
  };
  call.stream.respond(HEAD);
  writeOn();
  // Nobody has read yet: what fits the client's window and one mark more, not all.
  assert.ok(written < 20, `${written} parts were taken at once`);
  let received = 0;
  for await (const chunk of stream) received += (chunk as Buffer).length;
  assert.equal(received, total * 10_000);
});

test('a client that asks for thousands of answers before it reads any gets each of them whole', async (t) => {
  const handler = new PuppetHandler();
  handler.onCall = ({ stream }) => stream.respondUnary(HEAD, Buffer.alloc(7000, stream.id % 251), HEAD);
  const { port } = await listen(t, { handler, options: { maxConcurrentStreams: 3000 } });
  const socket = createConnection(port, '127.0.0.1');
  t.after(() => socket.destroy());
  const ids = Array.from({ length: 3000 }, (_, i) => 2 * i + 1);
  const end = F.END_HEADERS | F.END_STREAM;
  socket.pause();
  socket.write(
    Buffer.concat([
      PREFACE,
      settings({ 4: 2 ** 30 }),
      windowUpdate(0, 2 ** 30),
      ...ids.map((id) => headers(id, POST, end)),
    ]),
  );
  // 21 MB: more than the kernel's buffers hold, so that most of it has to wait here.
  await until(() => handler.calls.length > 0);
  // Another connection writes meanwhile, into buffers that are not in use.
  const other = connect(t, port);
  for (let i = 0; i < 20; i++) assert.equal((await post(other, Buffer.from('x'))).body.length, 7000);
  const chunks: Buffer[] = [];
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
  });
  socket.resume();
  // The bodies are not all of it.
  await until(() => received > 3000 * 7000 && wholeAnswers(Buffer.concat(chunks)) === 3000);
  socket.destroy();
});

/** Answers of 7000 bytes whose DATA has come, each of which must be right. */
function wholeAnswers(bytes: Buffer): number {
  const seen = new Set<number>();
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (bytes[at + 3] !== T.DATA || end > bytes.length) continue;
    const id = bytes.readUInt32BE(at + 5);
    assert.equal(bytes.subarray(at + 9, end).equals(Buffer.alloc(7000, id % 251)), true, `answer ${id}`);
    seen.add(id);
  }
  return seen.size;
}

/** Resolves when `isTrue` is: asked after each turn of the event loop. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}
