/** Clients and applications that fail or vanish, at each stage of a request. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAppAddress } from '../../../../src/proxy/fronting/app/app-address.ts';
import { AppClient } from '../../../../src/proxy/fronting/app/app-client.ts';
import { freePort } from '../../../support/free-port.ts';
import { errorOf, RestHarness } from '../../../support/rest-harness.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { bodyOf, event, FrontedApp, frontOf, httpFront, nextRequest } from '../fronted-app.ts';

const MIB = 2 ** 20;

/** A server in front of an address where the test has whatever it likes, or nothing. */
async function inFrontOf(app: string): Promise<RestHarness> {
  const client = new AppClient(parseAppAddress(app));
  const front = httpFront(frontOf(client));
  return await new RestHarness({ server: { front } }).listen();
}

/** A program that reads and writes bytes in place of an application. */
async function rawApp(onConnection: (socket: Socket) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Asks once with `send`, of a raw application; gives status and error. */
async function askRaw(
  onConnection: (socket: Socket) => void,
  head = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
): Promise<readonly [number, string]> {
  const { server, url } = await rawApp(onConnection);
  const rest = await inFrontOf(url);
  const connection = await rest.connect();
  connection.send(head);
  const answer = await connection.answer();
  await rest.close();
  server.close();
  return [answer.status, answer.status === 200 ? '' : errorOf(answer)];
}

describe('an application that fails', () => {
  test('is not there: 503, and when to come again', async (t) => {
    for (const app of [`http://127.0.0.1:${await freePort()}`, `unix:${join(tempDirectory(t), 'none.sock')}`]) {
      const rest = await inFrontOf(app);
      const connection = await rest.connect();
      connection.get('/');
      const answer = await connection.answer();
      assert.equal(answer.status, 503);
      assert.match(errorOf(answer), /^(?:nothing listens|there is no socket file) at .* \((?:ECONNREFUSED|ENOENT)\)/);
      assert.equal(answer.headers.get('retry-after'), '1');
      // The connection is still good, and so is a body that nobody wanted.
      connection.post('/', 'abc');
      assert.equal((await connection.answer()).status, 503);
      await rest.close();
    }
  });

  test('closes before it answers: 502', async () => {
    const [status, error] = await askRaw((socket) => socket.once('data', () => socket.destroy()));
    assert.equal(status, 502);
    assert.match(error, /closed the connection before it had answered/);
  });

  test('speaks something else: 502', async () => {
    const [status, error] = await askRaw((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    assert.equal(status, 502);
    assert.match(error, /answered is not HTTP\/1.1 \(HPE_/);
  });

  test('gives a reason with bytes that none has: the answer passes without it', async () => {
    const answer = 'HTTP/1.1 200 O\x01K\r\ncontent-length: 0\r\n\r\n';
    assert.deepEqual(await askRaw((socket) => socket.once('data', () => socket.write(answer))), [200, '']);
  });

  test('changes a protocol that nobody asked it to: 502', async () => {
    const answer = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n';
    const [status, error] = await askRaw((socket) => socket.once('data', () => socket.write(answer)));
    assert.equal(status, 502);
    assert.match(error, /answered 101 to a request for no other protocol/);
  });

  test('has two opinions of its answer’s length: 502', async () => {
    const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
    const [status] = await askRaw((socket) => socket.once('data', () => socket.write(answer)));
    assert.equal(status, 502);
  });

  test('has closed a kept connection: what may be sent twice is sent again, a POST is 502', async () => {
    const head = (method: string): string =>
      `${method} / HTTP/1.1\r\nhost: a\r\n${method === 'POST' ? 'content-length: 0\r\n' : ''}\r\n`;
    for (const [method, expected] of [
      ['GET', 200],
      ['POST', 502],
    ] as const) {
      const { server, url } = await rawApp((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
          socket.once('data', () => socket.destroy());
        });
      });
      const rest = await inFrontOf(url);
      const connection = await rest.connect();
      connection.send(head('GET'));
      await connection.answer();
      connection.send(head(method));
      assert.equal((await connection.answer()).status, expected, method);
      await rest.close();
      server.close();
    }
  });

  for (const [how, head] of [
    ['with a length', 'content-length: 10'],
    ['in chunks', 'transfer-encoding: chunked'],
  ] as const) {
    test(`dies within an answer ${how}: the client sees that it is cut off`, async () => {
      const { server, url } = await rawApp((socket) => {
        const part = how === 'in chunks' ? '3\r\nabc\r\n' : 'abc';
        socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${part}`, () => socket.destroy()));
      });
      const rest = await inFrontOf(url);
      const connection = await rest.connect();
      connection.get('/');
      const all = await connection.ended();
      assert.doesNotMatch(all, /\r\n0\r\n\r\n$/);
      assert.ok(!all.endsWith('abcdefghij'));
      await rest.close();
      server.close();
    });
  }

  test('answers before it has read the body, and closes: the answer arrives', async () => {
    const { server, url } = await rawApp((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno'),
      );
      socket.resume();
    });
    const rest = await inFrontOf(url);
    const connection = await rest.connect();
    connection.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${MIB}\r\n\r\nabc`);
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.body.toString()], [413, 'no']);
    assert.equal(answer.headers.get('connection'), 'close');
    connection.send(Buffer.alloc(MIB - 3));
    await connection.ended();
    await rest.close();
    server.close();
  });
});

describe('a client that leaves', () => {
  const fronted = new FrontedApp();
  before(() => fronted.start());
  after(() => fronted.close());

  const bytesOf = (path: string, length = 0, body = ''): string =>
    `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n${body}`;

  test('while the application works: its request is broken off', async () => {
    for (const leave of ['destroy', 'end'] as const) {
      const arrived = nextRequest(fronted);
      const connection = await fronted.rest.connect();
      connection.send(bytesOf('/'));
      const [, response] = await arrived;
      const closed = event(response, 'close');
      connection.socket[leave]();
      await closed;
      assert.equal(response.writableFinished, false);
    }
  });

  test('within its body: what the application has never looks whole', async () => {
    for (const leave of ['destroy', 'end', 'resetAndDestroy'] as const) {
      for (const framing of ['content-length: 9\r\n\r\nabc', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n']) {
        const arrived = nextRequest(fronted);
        const connection = await fronted.rest.connect();
        connection.send(`POST / HTTP/1.1\r\nhost: a\r\n${framing}`);
        const [request] = await arrived;
        const body = bodyOf(request);
        connection.socket[leave]();
        await assert.rejects(body, /aborted/);
      }
    }
  });

  test('within an answer: the application is told', async () => {
    const arrived = nextRequest(fronted);
    const connection = await fronted.rest.connect();
    connection.send(bytesOf('/'));
    const [, response] = await arrived;
    const closed = event(response, 'close');
    response.write(Buffer.alloc(MIB));
    connection.destroy();
    await closed;
  });

  test('a chunk that is malformed is 400, and the application’s request broken off', async () => {
    const arrived = nextRequest(fronted);
    const connection = await fronted.rest.connect();
    connection.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
    const [request] = await arrived;
    const body = bodyOf(request);
    connection.send('zz\r\n');
    assert.equal((await connection.answer()).status, 400);
    await assert.rejects(body, /aborted/);
    await connection.ended();
  });

  test('leaves no request behind', async () => {
    await bodyOfUrl(fronted.url);
    assert.equal(fronted.rest.internalErrors.length, 0);
  });

  async function bodyOfUrl(url: string): Promise<void> {
    fronted.onRequest = (_request, response) => response.end('ok');
    assert.equal(await (await fetch(url)).text(), 'ok');
  }
});

describe('the end of the server', () => {
  test('a drain waits for an answer that has begun, and ends its connection', async () => {
    const fronted = await new FrontedApp().start();
    const arrived = nextRequest(fronted);
    const connection = await fronted.rest.connect();
    connection.get('/');
    const [, response] = await arrived;
    response.writeHead(200, { 'content-length': 6 }).write('one');
    await event(connection.socket, 'data');
    let isDrained = false;
    const drained = fronted.rest.server.drain(10).then(() => {
      isDrained = true;
    });
    fronted.rest.clock.advance(20);
    // What is idle is ended once every socket has been read: a few turns of the event loop, however long they take.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isDrained, false);
    response.end('two');
    assert.equal((await connection.answer()).body.toString(), 'onetwo');
    await connection.ended();
    await drained;
    await fronted.close();
  });

  test('an answer of the drain is the connection’s last', async () => {
    const fronted = await new FrontedApp().start();
    const arrived = nextRequest(fronted);
    const connection = await fronted.rest.connect();
    connection.get('/');
    const [, response] = await arrived;
    const drained = fronted.rest.server.drain(1000);
    response.writeHead(200, { 'content-length': 2 }).end('ok');
    assert.equal((await connection.answer()).headers.get('connection'), 'close');
    connection.destroy();
    await drained;
    await fronted.close();
  });

  test('a close cuts what is open', async () => {
    const fronted = await new FrontedApp().start();
    const arrived: Promise<[IncomingMessage, unknown]> = nextRequest(fronted);
    const connection = await fronted.rest.connect();
    connection.get('/');
    const [request] = await arrived;
    const closed = event(request.socket, 'close');
    await fronted.rest.server.close();
    await Promise.all([closed, connection.ended()]);
    await fronted.close();
  });
});
