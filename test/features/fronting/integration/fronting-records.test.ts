/** What telemetry is told of requests for the application: how each ended, and what passed. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { bodyOf, event, FrontedApp, nextRequest } from '../fronted-app.ts';

const fronted = new FrontedApp();

before(async () => {
  await fronted.start();
});
after(() => fronted.close());

describe('the record of a request', () => {
  test('that is answered: bodies, status, instants in their order', async () => {
    fronted.onRequest = async (request, response) => {
      const body = await bodyOf(request);
      response.statusCode = 503;
      response.end(Buffer.concat([body, body]));
    };
    const connection = await fronted.rest.connect();
    connection.send(
      'PUT /a%20b?secret=1 HTTP/1.1\r\nhost: h:1\r\nx-request-id: mine\r\nuser-agent: ua/1\r\ncontent-length: 3\r\n\r\nabc',
    );
    assert.equal((await connection.answer()).status, 503);
    const record = await fronted.seen.of('/a%20b');
    assert.deepEqual([record.outcome, record.status, record.route, record.id], ['ok', 503, 'http', 'mine']);
    assert.deepEqual([record.requestBytes, record.responseBytes, record.sends], [3, 6, 1]);
    const { method, protocol, host, userAgent, peer } = record.arrival;
    assert.deepEqual([method, protocol, host, userAgent], ['PUT', '1.1', 'h:1', 'ua/1']);
    assert.match(peer, /^127\.0\.0\.1:\d+$/);
    const { receivedAt, sentAt, connectedAt, headAt, endedAt } = record;
    const instants = [receivedAt, sentAt, connectedAt, headAt, endedAt];
    assert.deepEqual(
      instants,
      instants.toSorted((a, b) => a - b),
    );
    connection.destroy();
  });

  test('that asks for a stream of events, and of gRPC', async () => {
    fronted.onRequest = (_request, response) => {
      response.setHeader('content-type', 'text/event-stream; charset=utf-8');
      response.end('data: 1\n\n');
    };
    const connection = await fronted.rest.connect();
    connection.get('/events');
    await connection.answer();
    assert.equal((await fronted.seen.of('/events')).route, 'sse');
    connection.send(
      'POST /grpc HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc+proto\r\ncontent-length: 0\r\n\r\n',
    );
    await connection.answer();
    assert.equal((await fronted.seen.of('/grpc')).route, 'grpc');
    connection.destroy();
  });

  test('whose client leaves, before and within the answer', async () => {
    for (const part of ['', 'part']) {
      const path = `/leaves${part}`;
      const arrived = nextRequest(fronted);
      const connection = await fronted.rest.connect();
      connection.get(path);
      const [request, response] = await arrived;
      const isBrokenOff = event(request.socket, 'close');
      if (part !== '') {
        response.write(part);
        await connection.until(part);
      }
      connection.destroy();
      await isBrokenOff;
      const { outcome, status, responseBytes } = await fronted.seen.of(path);
      assert.deepEqual([outcome, status, responseBytes], ['client_left', part === '' ? 0 : 200, part.length]);
    }
  });

  test('whose answer the application breaks off', async () => {
    fronted.onRequest = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('abc', () => response.destroy());
    };
    const connection = await fronted.rest.connect();
    connection.get('/cut');
    const { outcome, status } = await fronted.seen.of('/cut');
    assert.deepEqual([outcome, status], ['app_cut', 200]);
    connection.destroy();
  });

  test('that is refused here: the kind of the error, and that nothing was sent', async () => {
    const connection = await fronted.rest.connect();
    connection.send('GET /old HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const { outcome, status, sends, error } = await fronted.seen.of('/old');
    assert.deepEqual([outcome, status, sends, error?.kind], ['invalid_request', 400, 0, 'invalid_request']);
    connection.destroy();
  });

  test('whose deadline passes', async () => {
    fronted.onRequest = () => undefined;
    const connection = await fronted.rest.connect();
    connection.send('GET /late HTTP/1.1\r\nhost: a\r\nx-envoy-expected-rq-timeout-ms: 20\r\n\r\n');
    assert.equal((await connection.answer()).status, 504);
    const { outcome, status, headAt } = await fronted.seen.of('/late');
    assert.deepEqual([outcome, status, headAt], ['deadline_exceeded', 504, 0]);
    connection.destroy();
  });

  test('whose body nobody takes is as good as its answer', async () => {
    fronted.onRequest = (_request, response) => {
      response.writeHead(413, { 'content-length': 0, connection: 'close' }).end();
    };
    const connection = await fronted.rest.connect();
    connection.send('POST /unwanted HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nabc');
    assert.equal((await connection.answer()).status, 413);
    connection.destroy();
    const { outcome, status } = await fronted.seen.of('/unwanted');
    assert.deepEqual([outcome, status], ['ok', 413]);
  });

  test('that becomes a tunnel is over when the tunnel is, with what went through it', async () => {
    fronted.app.once('upgrade', (_request, socket: Socket, head: Buffer) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello');
      socket.write(head);
      socket.on('data', (chunk: Buffer) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
    const connection = await fronted.rest.connect();
    connection.send('GET /tunnel HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    await connection.until('hello');
    assert.equal(fronted.seen.telemetry.inFlight, 1);
    connection.send('abcdefg');
    await connection.until('abcdefg');
    connection.destroy();
    const record = await fronted.seen.of('/tunnel');
    assert.deepEqual([record.outcome, record.status, record.route], ['upgraded', 101, 'upgrade']);
    assert.deepEqual([record.requestBytes, record.responseBytes], [7, 12]);
    assert.equal(fronted.seen.telemetry.inFlight, 0);
  });
});

test('connections to the application are counted while they are open, and those that were not made', async () => {
  const other = new FrontedApp();
  await other.start();
  other.onRequest = (_request, response) => response.end();
  const connection = await other.rest.connect();
  for (let i = 0; i < 2; i++) {
    connection.get(`/${i}`);
    await connection.answer();
  }
  assert.deepEqual([other.seen.connects, other.seen.telemetry.connections(0)], [[true], 1]);
  const isClosed = [...other.appSockets].map((socket) => event(socket, 'close'));
  await new Promise<void>((resolve) => {
    other.app.close(() => resolve());
    other.cutApp();
  });
  await Promise.all(isClosed);
  connection.get('/2');
  assert.equal((await connection.answer()).status, 503);
  const { outcome } = await other.seen.of('/2');
  assert.equal(outcome, 'app_unavailable');
  assert.deepEqual([other.seen.connects, other.seen.telemetry.connections(0)], [[true, false], 0]);
  await other.rest.close();
});
