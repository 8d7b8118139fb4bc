/** One port for both protocols: what is not HTTP/2 goes to node:http, whole. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createConnection } from 'node:net';
import { type TestContext, test } from 'node:test';
import { EchoHandler, type Listener, type ListenInit, listen } from '../support/http2-handlers.ts';
import { selfSigned } from '../support/self-signed.ts';

async function listenBoth(t: TestContext, init: Partial<ListenInit> = {}): Promise<Listener> {
  const web = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.end(Buffer.concat(chunks));
  });
  t.after(() => web.close());
  return listen(t, { handler: new EchoHandler(), onHttp1: (socket) => web.emit('connection', socket), ...init });
}

async function post(request: http.ClientRequest, body: Uint8Array): Promise<Buffer> {
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('HTTP/1.1 requests, small and large, on a connection that stays', async (t) => {
  const { port } = await listenBoth(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (const body of [Buffer.from('one'), randomBytes(5_000_000), Buffer.from('three')]) {
    const answer = await post(http.request({ host: '127.0.0.1', port, method: 'POST', agent }), body);
    assert.equal(answer.equals(body), true);
  }
});

test('an HTTP/1.1 request whose bytes come one by one', async (t) => {
  const { port } = await listenBoth(t);
  const socket = createConnection(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  for (const byte of Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello')) {
    await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  assert.match(text, /^HTTP\/1.1 200 OK\r\n.*hello/s);
});

test('pipelined HTTP/1.1 requests', async (t) => {
  const { port } = await listenBoth(t);
  const socket = createConnection(port, '127.0.0.1');
  const request = (text: string, more = ''): string =>
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n${more}\r\n${text}`;
  socket.write(request('first') + request('second') + request('third', 'Connection: close\r\n'));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  assert.deepEqual(text.match(/first|second|third/g), ['first', 'second', 'third']);
});

test('both protocols on one TLS port', async (t) => {
  const { port } = await listenBoth(t, { tls: { ...selfSigned(), ALPNProtocols: ['h2', 'http/1.1'] } });
  const headers = { connection: 'close' };
  const options = { host: '127.0.0.1', port, method: 'POST', rejectUnauthorized: false, headers };
  assert.equal((await post(https.request(options), Buffer.from('one'))).toString(), 'one');
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.end('two');
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  assert.equal(text, 'two');
});
