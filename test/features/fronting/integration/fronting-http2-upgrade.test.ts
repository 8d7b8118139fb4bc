/** Tunnels where one side or both speak HTTP/2: CONNECT with a protocol (RFC 8441). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { event } from '../fronted-app.ts';
import { answerOf, ask, FrontedHttp2 } from '../fronted-http2.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat?room=1', ':scheme': 'http' };
const TUNNELS = { enableConnectProtocol: true };

/** A session whose SETTINGS have come. */
async function sessionOf(fronted: FrontedHttp2): Promise<ClientHttp2Session> {
  const session = fronted.session();
  await event(session, 'remoteSettings');
  assert.equal(session.remoteSettings.enableConnectProtocol, true);
  return session;
}

/** Opens a tunnel over HTTP/2 and gives the head of its answer. */
async function open(session: ClientHttp2Session): Promise<readonly [ClientHttp2Stream, IncomingHttpHeaders]> {
  const stream = session.request({ ...CONNECT, 'sec-websocket-protocol': 'chat' });
  stream.on('error', () => undefined);
  const headers = await new Promise<IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
  return [stream, headers];
}

/** Sends and reads back what an echo returns. */
async function echo(stream: ClientHttp2Stream | Socket, text: string): Promise<string> {
  stream.write(text);
  let received = '';
  while (received.length < text.length) {
    received += await new Promise<string>((resolve) => stream.once('data', (chunk) => resolve(String(chunk))));
  }
  return received;
}

test('HTTP/2 to HTTP/1.1: the application gets an upgrade with a key of this server’s', async () => {
  const fronted = await new FrontedHttp2({ app: 'http' }).start();
  let seen: IncomingHttpHeaders = {};
  let target: string | undefined;
  const gone = new Promise<void>((resolve) => {
    (fronted.app as Server).on('upgrade', (request, socket) => {
      seen = request.headers;
      target = `${request.method} ${request.url}`;
      const accept = acceptOf(request.headers['sec-websocket-key']!);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: chat\r\n\r\nhello`,
      );
      socket.on('error', () => undefined);
      socket.on('close', resolve);
      socket.pipe(socket);
    });
  });
  const [stream, headers] = await open(await sessionOf(fronted));
  assert.equal(headers[':status'], 200);
  assert.equal(headers['sec-websocket-accept'], undefined);
  assert.equal(headers['sec-websocket-protocol'], 'chat');
  const hello = await new Promise((resolve) => stream.once('data', (chunk) => resolve(String(chunk))));
  assert.equal(hello, 'hello');
  assert.equal(await echo(stream, 'x'.repeat(200_000)), 'x'.repeat(200_000));
  assert.equal(target, 'GET /chat?room=1');
  assert.deepEqual([seen.upgrade, seen.connection, seen['sec-websocket-protocol']], ['websocket', 'upgrade', 'chat']);
  stream.close(8);
  await gone;
  // A wish that the application does not grant is an ordinary answer.
  fronted.app.removeAllListeners('upgrade');
  fronted.onRequest = (_request, response) => response.writeHead(404).end('none');
  const refused = await answerOf((await sessionOf(fronted)).request(CONNECT));
  assert.deepEqual([refused.headers[':status'], refused.body.toString()], [404, 'none']);
  await fronted.close();
});

test('HTTP/2 to HTTP/2: CONNECT goes on as it came', async () => {
  const fronted = await new FrontedHttp2({ app: 'h2c', settings: TUNNELS }).start();
  let seen: IncomingHttpHeaders = {};
  const ended = new Promise<void>((resolve) => {
    fronted.onStream = (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 200 });
      stream.on('close', resolve);
      stream.pipe(stream);
    };
  });
  const [stream, headers] = await open(await sessionOf(fronted));
  assert.equal(headers[':status'], 200);
  assert.equal(await echo(stream, 'over here'), 'over here');
  assert.deepEqual(
    [seen[':method'], seen[':protocol'], seen[':path'], seen['sec-websocket-key'], seen['sec-websocket-protocol']],
    ['CONNECT', 'websocket', '/chat?room=1', undefined, 'chat'],
  );
  // A client that ends its direction is answered, and that is the end.
  const closed = event(stream, 'close');
  stream.end();
  await Promise.all([ended, closed]);
  assert.equal(stream.rstCode, 0);
  await fronted.close();
});

test('HTTP/1.1 to HTTP/2: an upgrade becomes CONNECT, and the 101 has the proof of the client’s key', async () => {
  const fronted = await new FrontedHttp2({ app: 'h2c', settings: TUNNELS }).start();
  let seen: IncomingHttpHeaders = {};
  fronted.onStream = (stream, headers) => {
    seen = headers;
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
    stream.pipe(stream);
  };
  const handshake = `GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${KEY}\r\n\r\n`;
  const connection = await fronted.rest.connect();
  connection.send(handshake);
  const answer = await connection.answer(false);
  assert.equal(answer.status, 101);
  assert.deepEqual(
    ['upgrade', 'connection', 'sec-websocket-accept', 'sec-websocket-protocol'].map((name) => answer.headers.get(name)),
    ['websocket', 'upgrade', acceptOf(KEY), 'chat'],
  );
  assert.equal(await echo(connection.socket, 'hello'), 'hello');
  assert.deepEqual(
    [seen[':method'], seen[':protocol'], seen[':path'], seen['sec-websocket-key']],
    ['CONNECT', 'websocket', '/chat', undefined],
  );
  connection.destroy();
  await fronted.close();
  // An application that knows no such CONNECT.
  const without = await new FrontedHttp2({ app: 'h2c' }).start();
  const other = await without.rest.connect();
  other.send(handshake);
  assert.equal((await other.answer()).status, 502);
  await without.close();
});

test('CONNECT without a protocol is nobody’s; without an application none is taken', async () => {
  const fronted = await new FrontedHttp2({ app: 'http' }).start();
  const answer = await ask(fronted.session(), { ':method': 'CONNECT', ':authority': 'a:1' });
  assert.equal(answer.headers[':status'], 405);
  await fronted.close();
  const none = await new FrontedHttp2({ app: 'http', engine: { front: undefined } }).start();
  const session = connect(`http://${none.address}`);
  await event(session, 'remoteSettings');
  assert.notEqual(session.remoteSettings.enableConnectProtocol, true);
  session.destroy();
  await none.close();
});
