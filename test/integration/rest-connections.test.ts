/** Connections: kept, pipelined, broken, drained, closed; and where the server listens. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { echo, never } from '../support/puppet-models.ts';
import { errorOf, type RawConnection, RestHarness } from '../support/rest-harness.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const PATH = '/v1/models/m:predict';
const BODY = '{"instances":[1,2]}';
const ANSWER = '{"predictions":[1.0,2.0]}';
const GRACE_MS = 1000;

describe('on one connection', () => {
  const rest = new RestHarness();
  /** Answers of the model "slow", let go by the test. */
  const waiting: (() => void)[] = [];

  before(async () => {
    rest.models.add('m');
    rest.models.add('never', { behave: never });
    rest.models.add('slow', {
      behave: (request) => new Promise((resolve) => waiting.push(() => resolve(echo(request)))),
    });
    await rest.listen();
  });

  after(() => rest.close());

  const started = async (count: number): Promise<void> => {
    while (rest.lifecycle.inFlight < count) await new Promise(setImmediate);
    // One more turn: what has begun has also reached its model.
    await new Promise(setImmediate);
  };

  test('pipelined requests are answered in their order, whichever is done first', async () => {
    const connection = await rest.connect();
    connection.post('/v1/models/slow:predict', '{"instances":[7]}');
    connection.post('/v1/models/unknown:predict', BODY);
    connection.get('/v1/models/m');
    connection.post(PATH, BODY);
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()!();
    assert.equal((await connection.answer()).body.toString(), '{"predictions":[7.0]}');
    assert.equal((await connection.answer()).status, 404);
    assert.match((await connection.answer()).body.toString(), /model_version_status/);
    assert.equal((await connection.answer()).body.toString(), ANSWER);
  });

  test('a pipelined client that asks first is told before each answer, in the order of its requests', async () => {
    const connection = await rest.connect();
    const asking = `POST ${PATH} HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: ${BODY.length}\r\n\r\n`;
    const count = rest.records.length;
    connection.socket.cork();
    connection.post('/v1/models/slow:predict', '{"instances":[7]}');
    connection.send(asking + BODY + asking + BODY);
    connection.socket.uncork();
    await rest.recorded(count + 1);
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()!();
    assert.equal((await connection.answer()).body.toString(), '{"predictions":[7.0]}');
    for (let i = 0; i < 2; i++) {
      assert.equal((await connection.answer()).status, 100);
      assert.equal((await connection.answer()).body.toString(), ANSWER);
    }
  });

  test('a client that leaves cancels all that it has asked for', async () => {
    const connection = await rest.connect();
    const count = rest.records.length;
    // In one segment: all three are under way at once.
    connection.socket.cork();
    for (let i = 0; i < 3; i++) connection.post('/v1/models/never:predict', BODY);
    connection.socket.uncork();
    await started(3);
    connection.destroy();
    const records = (await rest.recorded(count + 3)).slice(-3);
    assert.deepEqual(
      records.map(({ outcome, error }) => [outcome, error?.attributes]),
      Array.from({ length: 3 }, () => ['cancelled', { stage: 'execute' }]),
    );
    assert.equal(rest.lifecycle.inFlight, 0);
  });

  test('a client that leaves cancels its only request', async () => {
    const connection = await rest.connect();
    const count = rest.records.length;
    connection.post('/v1/models/never:predict', BODY);
    await started(1);
    connection.destroy();
    assert.equal((await rest.recorded(count + 1)).at(-1)!.outcome, 'cancelled');
    assert.equal(rest.lifecycle.inFlight, 0);
  });

  test('what is sent ahead of an answer is answered after it', async () => {
    const connection = await rest.connect();
    connection.post('/v1/models/slow:predict', '{"instances":[1]}');
    await started(1);
    connection.post('/v1/models/slow:predict', '{"instances":[2]}');
    connection.post(PATH, BODY);
    waiting.shift()!();
    assert.equal((await connection.answer()).body.toString(), '{"predictions":[1.0]}');
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()!();
    assert.equal((await connection.answer()).body.toString(), '{"predictions":[2.0]}');
    assert.equal((await connection.answer()).body.toString(), ANSWER);
  });

  test('a client that leaves as its deadline passes was late, not gone', async () => {
    const connection = await rest.connect();
    const count = rest.records.length;
    connection.post('/v1/models/never:predict', BODY, ['grpc-timeout: 100m']);
    await started(1);
    rest.clock.advance(97);
    const closed = new Promise((resolve) => connection.socket.once('close', resolve));
    connection.destroy();
    await closed;
    const other = await rest.connect();
    other.get('/v1/models/m');
    await other.answer();
    rest.clock.advance(3);
    const record = (await rest.recorded(count + 2)).at(-1)!;
    assert.equal(record.outcome, 'deadline_exceeded');
  });

  test('a client that ends its side still gets its answer', async () => {
    const connection = await rest.connect();
    connection.post(PATH, BODY);
    connection.socket.end();
    assert.equal((await connection.answer()).body.toString(), ANSWER);
    assert.equal(await connection.ended(), '');
  });

  test('what is no HTTP is answered with 400 and the connection ends', async () => {
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01\x00',
      'hello\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'POST /v1/models/m:predict HTTP/1.1\r\ncontent-length: x\r\n\r\n',
    ]) {
      const connection = await rest.connect();
      connection.send(bytes);
      const answer = await connection.answer();
      assert.deepEqual([answer.status, answer.headers.get('connection')], [400, 'close']);
      assert.match(errorOf(answer), /not valid HTTP\/1\.1/);
      assert.equal(await connection.ended(), '');
    }
  });

  test('headers without end are answered with 431, also to a client that reads it when it has sent them', async () => {
    const connections = await Promise.all(Array.from({ length: 8 }, () => rest.connect()));
    const errors: Error[] = [];
    for (const connection of connections) {
      connection.socket.on('error', (error) => errors.push(error));
      connection.send(`GET /v1/models/m HTTP/1.1\r\nx: ${'y'.repeat(6_000_000)}`);
    }
    for (const connection of connections) {
      assert.equal((await connection.answer()).status, 431);
      assert.equal(await connection.ended(), '');
    }
    assert.deepEqual(errors, []);
  });

  test('whole requests are answered before the garbage after them ends the connection', async () => {
    const connection = await rest.connect();
    connection.post('/v1/models/slow:predict', '{"instances":[5]}');
    connection.send('garbage\r\n\r\n');
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()!();
    const answer = await connection.answer();
    assert.deepEqual([answer.body.toString(), answer.headers.get('connection')], ['{"predictions":[5.0]}', 'close']);
    assert.equal(await connection.ended(), '');
  });

  const body = '{"instances":[5]}';
  const head = `content-length: ${body.length}\r\n`;
  for (const [what, fields, text] of [
    ['no Host', '', /has no Host field/],
    ['two Hosts', 'Host: a\r\nhost: a\r\n', /has 2 Host fields/],
  ] as const) {
    test(`${what} is a bad request, whatever reads it, and the connection goes on`, async () => {
      const connection = await rest.connect();
      for (const request of [
        `GET /v1/models/m HTTP/1.1\r\n${fields}\r\n`,
        `POST /v1/models/m:predict HTTP/1.1\r\n${fields}${head}\r\n${body}`,
      ]) {
        connection.send(request);
        const answer = await connection.answer();
        assert.equal(answer.status, 400);
        assert.match(errorOf(answer), text);
      }
      connection.send('GET /v1/models/m HTTP/1.1\r\nHost:\r\n\r\n');
      assert.equal((await connection.answer()).status, 200);
      connection.destroy();
    });
  }

  test('HTTP/1.0 needs no Host', async () => {
    const connection = await rest.connect();
    connection.send('GET /v1/models/m HTTP/1.0\r\n\r\n');
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [200, 'close']);
    assert.equal(await connection.ended(), '');
  });
});

describe('ending', () => {
  async function waitingServer(): Promise<{ rest: RestHarness; connection: RawConnection; release: () => void }> {
    const rest = new RestHarness();
    let release = (): void => undefined;
    rest.models.add('m');
    const reached = new Promise<void>((reach) => {
      rest.models.add('slow', {
        behave: (request) =>
          new Promise((resolve) => {
            release = () => resolve(echo(request));
            reach();
          }),
      });
    });
    await rest.listen();
    const connection = await rest.connect();
    connection.post('/v1/models/slow:predict', BODY);
    await reached;
    return { rest, connection, release };
  }

  test('drain ends idle connections after its grace, answers what is in flight, then ends its connection and accepts no other', async () => {
    const { rest, connection, release } = await waitingServer();
    const idle = await rest.connect();
    idle.post(PATH, BODY);
    await idle.answer();
    const drained = rest.server.drain(GRACE_MS);
    rest.clock.advance(GRACE_MS);
    assert.equal(await idle.ended(), '');
    await assert.rejects(rest.connect(), { code: 'ECONNREFUSED' });
    release();
    const answer = await connection.answer();
    assert.deepEqual([answer.body.toString(), answer.headers.get('connection')], [ANSWER, 'close']);
    assert.equal(await connection.ended(), '');
    await drained;
    await rest.close();
  });

  test('in a drain an open connection has its next requests answered, those sent together too', async () => {
    const { rest, release } = await waitingServer();
    const connections = await Promise.all([rest.connect(), rest.connect(), rest.connect()]);
    const [plain, several, options] = connections;
    for (const connection of connections) {
      connection.post(PATH, BODY);
      await connection.answer();
    }
    const drained = rest.server.drain(GRACE_MS);
    plain!.post(PATH, BODY);
    several!.socket.cork();
    for (let i = 0; i < 3; i++) several!.get('/v1/models/m');
    several!.socket.uncork();
    options!.get('/v1/models/m', [], 'OPTIONS');
    const ends: (string | undefined)[] = [];
    for (const connection of [plain!, several!, several!, several!, options!]) {
      const { status, headers } = await connection.answer();
      assert.equal(status, 200);
      ends.push(headers.get('connection'));
    }
    assert.deepEqual(ends, ['close', 'keep-alive', 'keep-alive', 'close', 'close']);
    for (const connection of connections) assert.equal(await connection.ended(), '');
    release();
    await drained;
    assert.deepEqual(rest.internalErrors, []);
    await rest.close();
  });

  test('of pipelined requests none is lost behind an answer that ends the connection, and who never stops is ended', async () => {
    const { rest, release } = await waitingServer();
    const waiting: (() => void)[] = [];
    rest.models.add('late', {
      behave: (request) => new Promise((resolve) => waiting.push(() => resolve(echo(request)))),
    });
    const [early, endless] = [await rest.connect(), await rest.connect()];
    const post = (connection: RawConnection, models: readonly string[]): void => {
      connection.socket.cork();
      for (const model of models) connection.post(`/v1/models/${model}:predict`, BODY);
      connection.socket.uncork();
    };
    const endOf = async (connection: RawConnection): Promise<string | undefined> => {
      const { status, headers } = await connection.answer();
      assert.equal(status, 200);
      return headers.get('connection');
    };
    // Two of its answers are ready, without an end, before the server is told of its own.
    post(early, ['late', 'm', 'm']);
    await rest.recorded(2);
    const drained = rest.server.drain(GRACE_MS);
    waiting.shift()!();
    for (let i = 0; i < 3; i++) assert.equal(await endOf(early), 'keep-alive');
    post(endless, ['late', 'late']);
    while (waiting.length < 2) await new Promise(setImmediate);
    rest.clock.advance(GRACE_MS);
    assert.equal(await early.ended(), '');
    waiting.shift()!();
    assert.equal(await endOf(endless), 'keep-alive');
    post(endless, ['late']);
    while (waiting.length < 2) await new Promise(setImmediate);
    waiting.shift()!();
    assert.equal(await endOf(endless), 'close');
    assert.equal(await endless.ended(), '');
    release();
    await drained;
    assert.deepEqual(rest.internalErrors, []);
    await rest.close();
  });

  test('what a client sends after its last answer is read and dropped, not reset', async () => {
    const { rest, connection: plain, release } = await waitingServer();
    const nodes = await rest.connect();
    nodes.get('/v1/models/m');
    await nodes.answer();
    const errors: unknown[] = [];
    const clients = [plain, nodes].map((connection) => {
      const { socket } = connection;
      // Our end does not end the client's.
      socket.allowHalfOpen = true;
      socket.on('error', (error) => errors.push(error));
      return { connection, socket, hasEnded: new Promise((resolve) => socket.once('end', resolve)) };
    });
    const drained = rest.server.drain(GRACE_MS);
    nodes.get('/v1/models/m');
    release();
    for (const { connection, socket, hasEnded } of clients) {
      assert.equal((await connection.answer()).headers.get('connection'), 'close');
      await hasEnded;
      for (let i = 0; i < 3; i++) {
        connection.post(PATH, BODY);
        await new Promise(setImmediate);
      }
      socket.end();
      assert.equal(await connection.ended(), '');
    }
    await drained;
    assert.deepEqual(errors, []);
    assert.equal(rest.records.length, 3);
    await rest.close();
  });

  test('a client that does not end its side is waited for no longer than a moment', async () => {
    const { rest, connection, release } = await waitingServer();
    const drained = rest.server.drain(GRACE_MS);
    connection.socket.allowHalfOpen = true;
    const hasEnded = new Promise((resolve) => connection.socket.once('end', resolve));
    release();
    await connection.answer();
    await hasEnded;
    while (rest.clock.nextAt === Infinity) await new Promise(setImmediate);
    rest.clock.advance(2 * GRACE_MS);
    await drained;
    connection.destroy();
    await rest.close();
  });

  test('requests on open connections are refused once the lifecycle drains', async () => {
    const { rest, connection, release } = await waitingServer();
    const other = await rest.connect();
    const drained = rest.lifecycle.drain();
    other.post(PATH, BODY);
    const answer = await other.answer();
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    assert.match(errorOf(answer), /shutting down/);
    release();
    await drained;
    assert.equal((await connection.answer()).body.toString(), ANSWER);
    await rest.close();
  });

  test('close ends what is open, twice is once, and a server that never listened closes too', async () => {
    const { rest, connection } = await waitingServer();
    await Promise.all([rest.server.close(), rest.server.close()]);
    assert.equal(await connection.ended(), '');
    assert.equal((await rest.recorded(1)).at(-1)?.outcome, 'cancelled');
    await rest.close();
    await new RestHarness().server.close();
    await new RestHarness().server.drain(GRACE_MS);
  });
});

describe('listening', () => {
  test('on every address: IPv4 and IPv6 by one socket', async () => {
    const rest = await new RestHarness().listen('[::]:0');
    rest.models.add('m');
    const port = rest.address.slice(rest.address.lastIndexOf(':') + 1);
    const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv6'));
    assert.match(rest.address, hasIpv6 ? /^\[::\]:\d+$/ : /^(\[::\]|0\.0\.0\.0):\d+$/);
    for (const host of hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']) {
      const response = await fetch(`http://${host}:${port}/v1/models/m`, { headers: { connection: 'close' } });
      assert.equal(response.status, 200);
      await response.arrayBuffer();
    }
    await rest.close();
  });

  test('on a Unix socket, beside TCP, whose file goes with the server', async (t) => {
    const path = join(tempDirectory(t), 'rest.sock');
    const rest = await new RestHarness().listen();
    rest.models.add('m');
    await rest.listen(`unix:${path}`);
    assert.equal(rest.address, `unix:${path}`);
    const connection = await rest.connect();
    connection.post(PATH, BODY);
    assert.equal((await connection.answer()).body.toString(), ANSWER);
    assert.equal(rest.records.at(-1)?.peer, 'unix');
    await rest.close();
    assert.equal(existsSync(path), false);
  });

  test('a socket file that is served, or a file that is no socket, is left alone', async (t) => {
    const directory = tempDirectory(t);
    const served = join(directory, 'served.sock');
    const first = await new RestHarness().listen(`unix:${served}`);
    const second = new RestHarness();
    await assert.rejects(second.listen(`unix:${served}`), { code: 'EADDRINUSE', message: /another process serves/ });
    const file = join(directory, 'file');
    writeFileSync(file, 'x');
    await assert.rejects(second.listen(`unix:${file}`), { message: /is no socket/ });
    assert.equal(existsSync(file), true);
    await first.close();
    await second.close();
  });

  test('an address in use says so', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const rest = new RestHarness();
    await assert.rejects(rest.listen(`127.0.0.1:${port}`), {
      code: 'EADDRINUSE',
      message: /cannot listen on 127\.0\.0\.1:\d+/,
    });
    await assert.rejects(rest.listen('nonsense'), { code: 'EINVAL' });
    await new Promise((resolve) => other.close(resolve));
    await rest.close();
  });
});
