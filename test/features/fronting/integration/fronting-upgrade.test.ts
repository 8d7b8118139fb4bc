/** Upgrades: tunnels to the application, and wishes that come to nothing. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { errorOf, type RawConnection } from '../../../support/rest-harness.ts';
import { event, FrontedApp } from '../fronted-app.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const HANDSHAKE = [
  'GET /chat HTTP/1.1',
  'host: a',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');
const HEAD_101 = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

const fronted = new FrontedApp();

before(async () => {
  await fronted.start();
  fronted.rest.models.add('m');
});
after(() => fronted.close());
afterEach(() => {
  fronted.app.removeAllListeners('upgrade');
});

/** A tunnel: the client's connection, and the application's socket. `early`: what it writes with its 101. */
async function tunnel(early = '', behind = ''): Promise<[RawConnection, Socket, IncomingMessage]> {
  const opened = new Promise<[Socket, IncomingMessage]>((resolve) => {
    fronted.app.once('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on('error', () => undefined);
      if (head.length > 0) socket.unshift(head);
      socket.write(HEAD_101 + early);
      resolve([socket, request]);
    });
  });
  const connection = await fronted.rest.connect();
  connection.send(HANDSHAKE + behind);
  const [socket, request] = await opened;
  const answer = await connection.answer(false);
  assert.equal(answer.status, 101);
  assert.equal(answer.headers.get('sec-websocket-accept'), ACCEPT);
  assert.deepEqual([answer.headers.get('connection'), answer.headers.get('upgrade')], ['upgrade', 'websocket']);
  return [connection, socket, request];
}

/** Reads so many bytes. */
async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes;
    await event(socket, 'readable');
  }
}

describe('a tunnel', () => {
  test('asks the application for the same protocol', async () => {
    const [connection, socket, request] = await tunnel();
    assert.equal(request.headers.upgrade, 'websocket');
    assert.equal(request.headers.connection, 'upgrade');
    assert.equal(request.headers['sec-websocket-key'], KEY);
    socket.resume().once('end', () => socket.end());
    connection.destroy();
    await event(socket, 'close');
  });

  test('bytes pass both ways as they are', async () => {
    const [connection, socket] = await tunnel();
    const bytes = randomBytes(3 * 2 ** 20);
    socket.pipe(socket);
    const received: Buffer[] = [];
    let length = 0;
    connection.socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      length += chunk.length;
    });
    connection.send(bytes);
    while (length < bytes.length) await event(connection.socket, 'data');
    assert.ok(Buffer.concat(received).equals(bytes));
    connection.destroy();
  });

  test('what comes with the handshakes is not lost', async () => {
    const [connection, socket] = await tunnel('', 'first');
    assert.equal((await take(socket, 5)).toString(), 'first');
    socket.end('bye');
    assert.equal(await connection.ended(), 'bye');
  });

  test('what the application writes with its 101 arrives', async () => {
    const [connection, socket] = await tunnel('hello');
    socket.end();
    assert.equal(await connection.ended(), 'hello');
  });

  test('silence ends nothing, and neither does the end of one direction', async () => {
    const [connection, socket] = await tunnel();
    socket.resume();
    connection.socket.end('last');
    await event(socket, 'end');
    socket.end('answer');
    assert.equal(await connection.ended(), 'answer');
  });

  test('the application may end its direction first', async () => {
    const [connection, socket] = await tunnel();
    connection.socket.allowHalfOpen = true;
    socket.end('bye');
    await event(connection.socket, 'end');
    connection.socket.end('still here');
    assert.equal((await take(socket, 10)).toString(), 'still here');
    socket.destroy();
  });

  test('either side that vanishes takes the other with it', async () => {
    const [connection, socket] = await tunnel();
    socket.resume();
    const closed = event(socket, 'close');
    connection.socket.resetAndDestroy();
    await closed;
    const [other, app] = await tunnel();
    app.resetAndDestroy();
    await other.ended();
  });

  test('a side that ends its direction and vanishes at once leaves nothing open', { timeout: 60_000 }, async () => {
    const { telemetry } = fronted.seen;
    for (let i = 0; i < 20; i++) {
      const [connection, socket] = await tunnel();
      socket.pipe(socket);
      const closed = event(socket, 'close');
      connection.send('hello');
      await connection.until('hello');
      // node sends an end before the reset: both reach the server together.
      connection.socket.resetAndDestroy();
      await closed;
    }
    while (telemetry.inFlight > 0) await setImmediate();
  });

  test('the end of the server ends it', async () => {
    const own = await new FrontedApp().start();
    const opened = new Promise<Socket>((resolve) => {
      own.app.once('upgrade', (_request, socket: Socket) => {
        socket.on('error', () => undefined).resume();
        socket.once('end', () => socket.end());
        socket.write(HEAD_101);
        resolve(socket);
      });
    });
    const connection = await own.rest.connect();
    connection.send(HANDSHAKE);
    const closed = event(await opened, 'close');
    await connection.answer(false);
    await own.rest.server.close();
    await Promise.all([closed, connection.ended()]);
    await own.close();
  });
});

describe('a wish that comes to nothing', () => {
  test('the application’s refusal comes back whole', async () => {
    fronted.app.once('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nx-why: key\r\n\r\nno');
    });
    const connection = await fronted.rest.connect();
    connection.send(HANDSHAKE);
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.body.toString(), answer.headers.get('x-why')], [401, 'no', 'key']);
    await connection.ended();
  });

  test('an application that closes is 502', async () => {
    fronted.app.once('upgrade', (_request, socket) => socket.destroy());
    const connection = await fronted.rest.connect();
    connection.send(HANDSHAKE);
    const answer = await connection.answer();
    assert.equal(answer.status, 502);
    assert.match(errorOf(answer), /closed the connection/);
    await connection.ended();
  });

  test('h2c is not asked of anybody: requests are answered in HTTP/1.1, with their bodies', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', onWarning);
    fronted.onRequest = (request, response) => {
      const text = `${request.headers.upgrade} ${request.headers['http2-settings']} ${request.headers.connection}`;
      response.setHeader('content-length', text.length).end(text);
    };
    const connection = await fronted.rest.connect();
    const wish = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    for (let i = 0; i < 12; i++) {
      connection.post('/v1/models/m:predict', '{"instances":[1,2]}', wish);
      assert.equal((await connection.answer()).body.toString(), '{"predictions":[1.0,2.0]}');
      connection.get('/app', wish);
      assert.equal((await connection.answer()).body.toString(), 'undefined undefined keep-alive');
    }
    connection.destroy();
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });

  test('an inference path is not upgraded, whatever the protocol', async () => {
    const connection = await fronted.rest.connect();
    connection.post('/v1/models/m:predict', '{"instances":[1]}', ['connection: upgrade', 'upgrade: websocket']);
    assert.equal((await connection.answer()).status, 200);
    connection.destroy();
  });
});
