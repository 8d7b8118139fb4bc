/** Requests that go to the application, and come back as they are. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { JumpClock } from '../../../support/jump-clock.ts';
import { errorOf } from '../../../support/rest-harness.ts';
import { bodyOf, event, FrontedApp, nextRequest } from '../fronted-app.ts';

const MIB = 2 ** 20;
const PREDICT = '/v1/models/m:predict';

const clock = new JumpClock();
const fronted = new FrontedApp({ idleMs: 50, front: { clock } });
const agent = new Agent({ keepAlive: true });

before(async () => {
  await fronted.start();
  fronted.rest.models.add('m');
});
after(async () => {
  agent.destroy();
  await fronted.close();
});

/** An answer, whose body is not read yet. */
function ask(path: string, options: RequestOptions = {}, body?: Readable | string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(fronted.url, { agent, path, ...options }, resolve);
    asked.on('error', reject);
    if (body instanceof Readable) body.pipe(asked);
    else asked.end(body);
  });
}

describe('paths', () => {
  test('what is no inference path is the application’s, the rest this server’s', async () => {
    fronted.onRequest = (request, response) => response.end(`app ${request.method} ${request.url}`);
    for (const path of ['/', '/a/b?c=%20d', '/v1/modelsx', '/v1', '/openapi.json', '/v22', '//x/../y']) {
      assert.equal((await bodyOf(await ask(path))).toString(), `app GET ${path}`);
    }
    for (const path of ['/v1/models', '/v1/models/none', '/v2', '/v2/none', '/v1/models/a/b/c', '/V1/models/m']) {
      assert.doesNotMatch((await bodyOf(await ask(path))).toString(), /^app/, path);
    }
  });

  test('one connection has inference and application in turn', async () => {
    fronted.onRequest = (_request, response) => response.writeHead(200, { 'content-length': 3 }).end('app');
    const connection = await fronted.rest.connect();
    for (let i = 0; i < 2; i++) {
      connection.post(PREDICT, '{"instances":[1,2]}');
      assert.equal((await connection.answer()).body.toString(), '{"predictions":[1.0,2.0]}');
      connection.post('/app', 'x');
      assert.equal((await connection.answer()).body.toString(), 'app');
    }
    // Ahead of each other, answered in order.
    connection.get('/app');
    connection.post(PREDICT, '{"instances":[3]}');
    connection.get('/app');
    assert.equal((await connection.answer()).body.toString(), 'app');
    assert.equal((await connection.answer()).body.toString(), '{"predictions":[3.0]}');
    assert.equal((await connection.answer()).body.toString(), 'app');
    connection.destroy();
  });

  test('a target that is a URL goes on as a path, with its authority as host', async () => {
    fronted.onRequest = (request, response) => {
      response
        .setHeader('content-length', 5)
        .end(request.url === '/x?y' && request.headers.host === 'b:1' ? 'right' : 'wrong');
    };
    const connection = await fronted.rest.connect();
    connection.send('GET http://b:1/x?y HTTP/1.1\r\nhost: a\r\n\r\n');
    assert.equal((await connection.answer()).body.toString(), 'right');
  });
});

describe('as they came', () => {
  test('status, reason, headers and body of an answer', async () => {
    fronted.onRequest = (_request, response) => {
      response.writeHead(418, 'Short and stout', [
        'X-Odd',
        'caf\xe9',
        'Set-Cookie',
        'a',
        'Set-Cookie',
        'b',
        'Content-Length',
        '2',
      ]);
      response.end(Buffer.from('hi'));
    };
    const answer = await ask('/');
    assert.equal(answer.statusCode, 418);
    assert.equal(answer.statusMessage, 'Short and stout');
    assert.equal(answer.headers['x-odd'], 'caf\xe9');
    assert.deepEqual(answer.headers['set-cookie'], ['a', 'b']);
    assert.equal(answer.headers['content-length'], '2');
    assert.equal((await bodyOf(answer)).toString(), 'hi');
  });

  test('bytes of headers whose body is late, both ways', async () => {
    const arrived = nextRequest(fronted);
    const answering = new Promise<IncomingMessage>((resolve, reject) => {
      const asked = httpRequest(fronted.url, { agent, method: 'POST', headers: { 'x-in': 'caf\xe9' } }, resolve);
      asked.on('error', reject);
      asked.write(Buffer.from('a'));
      void arrived.then(() => asked.end());
    });
    const [request, response] = await arrived;
    assert.equal(request.headers['x-in'], 'caf\xe9');
    // An empty piece sends the head alone.
    response.writeHead(200, { 'x-out': '\xe9t\xe9' }).write(Buffer.alloc(0));
    const answer = await answering;
    assert.equal(answer.headers['x-out'], '\xe9t\xe9');
    response.end();
    await bodyOf(answer);
  });

  test('HEAD, 204 and 304 have no body and keep their headers', async () => {
    fronted.onRequest = (request, response) => {
      const status = Number(request.url!.slice(1));
      response.writeHead(status, status === 204 ? {} : { 'content-length': '7' }).end();
    };
    const head = await ask('/200', { method: 'HEAD' });
    assert.deepEqual([head.statusCode, head.headers['content-length']], [200, '7']);
    assert.equal((await bodyOf(head)).length, 0);
    for (const status of [204, 304]) {
      const answer = await ask(`/${status}`);
      assert.equal(answer.statusCode, status);
      assert.equal((await bodyOf(answer)).length, 0);
    }
  });

  test('trailers both ways', async () => {
    fronted.onRequest = async (request, response) => {
      const body = await bodyOf(request);
      response.writeHead(200, { trailer: 'x-sum' });
      response.write(body);
      response.addTrailers({ 'x-sum': `${request.trailers['x-in']}` });
      response.end();
    };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = httpRequest(fronted.url, { agent, method: 'POST', headers: { trailer: 'x-in' } }, resolve);
      asked.on('error', reject);
      asked.write('abc');
      asked.addTrailers({ 'x-in': 'seven' });
      asked.end();
    });
    assert.equal((await bodyOf(answer)).toString(), 'abc');
    assert.equal(answer.trailers['x-sum'], 'seven');
  });

  test('100 Continue comes from the application, and 103 before its answer', async () => {
    fronted.onRequest = (_request, response) => response.end('never');
    const onContinue = (request: IncomingMessage, response: import('node:http').ServerResponse): void => {
      response.writeContinue();
      response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => {
        void bodyOf(request).then((body) => response.end(body));
      });
    };
    fronted.app.on('checkContinue', onContinue);
    const seen: number[] = [];
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = httpRequest(fronted.url, { agent, method: 'POST', headers: { expect: '100-continue' } }, resolve);
      asked.on('error', reject);
      asked.on('information', ({ statusCode }) => seen.push(statusCode));
      asked.once('continue', () => asked.end('body'));
    });
    fronted.app.off('checkContinue', onContinue);
    assert.equal((await bodyOf(answer)).toString(), 'body');
    assert.deepEqual(seen, [100, 103]);
  });

  test('a refusal in place of 100 Continue ends the connection', async () => {
    const onContinue = (_request: IncomingMessage, response: import('node:http').ServerResponse): void => {
      response.writeHead(413, { 'content-length': 0 }).end();
    };
    fronted.app.on('checkContinue', onContinue);
    const connection = await fronted.rest.connect();
    connection.send('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n');
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [413, 'close']);
    await connection.ended();
    fronted.app.off('checkContinue', onContinue);
  });

  test('an HTTP/1.0 client gets a body that ends with the connection', async () => {
    fronted.onRequest = (_request, response) => {
      response.write('one');
      response.end('two');
    };
    const connection = await fronted.rest.connect();
    connection.send('GET /x HTTP/1.0\r\n\r\n');
    const all = await connection.ended();
    assert.match(all, /onetwo$/);
    assert.doesNotMatch(all, /transfer-encoding/i);
  });
});

describe('streams', () => {
  test('50 MB go up and down as they were, at once', async () => {
    const block = randomBytes(MIB);
    const blocks = 50;
    fronted.onRequest = (request, response) => request.pipe(response);
    const up = createHash('sha256');
    const source = Readable.from(
      (function* () {
        for (let i = 0; i < blocks; i++) {
          block.writeUInt32LE(i);
          const chunk = Buffer.from(block);
          up.update(chunk);
          yield chunk;
        }
      })(),
    );
    const down = createHash('sha256');
    let bytes = 0;
    for await (const chunk of await ask('/', { method: 'POST' }, source)) {
      down.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    assert.equal(bytes, blocks * MIB);
    assert.equal(down.digest('hex'), up.digest('hex'));
  });

  test('an application that does not read holds its client up', async () => {
    const arrived = nextRequest(fronted);
    let sent = 0;
    const source = new Readable({
      read() {
        sent += MIB;
        this.push(sent > 200 * MIB ? null : Buffer.alloc(MIB));
      },
    });
    const answered = ask('/', { method: 'POST', agent: false }, source);
    const [request, response] = await arrived;
    request.pause();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(sent < 50 * MIB, `${sent} bytes were taken`);
    request.resume();
    await event(request, 'end');
    response.end();
    await bodyOf(await answered);
  });

  test('a client that does not read holds the application up', async () => {
    const arrived = nextRequest(fronted);
    const connection = await fronted.rest.connect();
    connection.socket.pause();
    connection.get('/');
    const [, response] = await arrived;
    let written = 0;
    const source = new Readable({
      read() {
        written += MIB;
        this.push(Buffer.alloc(MIB));
      },
    });
    source.pipe(response);
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(written < 50 * MIB, `${written} bytes were taken`);
    const closed = event(response, 'close');
    connection.destroy();
    await closed;
    source.destroy();
  });

  test('events arrive one by one, and silence longer than every timeout ends nothing', async () => {
    const arrived = nextRequest(fronted);
    const answering = ask('/', { headers: { accept: 'text/event-stream' } });
    const [, response] = await arrived;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    const answer = await answering;
    const events = answer[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) {
      // Idle connections to the application are closed after 50 ms: this one is not idle.
      await new Promise((resolve) => setTimeout(resolve, 150));
      response.write(`data: ${i}\n\n`);
      const { value } = (await events.next()) as { value: Buffer };
      assert.equal(value.toString(), `data: ${i}\n\n`);
    }
    response.end();
    assert.equal((await events.next()).done, true);
  });
});

describe('deadlines and ids', () => {
  test('the application gets what is left, an id, and the client’s address', async () => {
    fronted.onRequest = (request, response) => response.end(JSON.stringify(request.headers));
    const answer = await ask('/', { headers: { 'request-timeout': '20', 'x-forwarded-for': '1.2.3.4' } });
    const got = JSON.parse((await bodyOf(answer)).toString()) as Record<string, string>;
    const left = Number(got['x-envoy-expected-rq-timeout-ms']);
    assert.ok(left > 10_000 && left <= 20_000, String(left));
    assert.match(got['x-request-id']!, /^[0-9a-f-]{36}$/);
    assert.equal(got['x-forwarded-for'], '127.0.0.1');
    assert.equal(got['via'], '1.1 pillion');
  });

  test('a deadline that passes is 504, and the application’s request is broken off', async () => {
    const arrived = nextRequest(fronted);
    const answering = ask('/', { headers: { 'x-envoy-expected-rq-timeout-ms': '3600000' } });
    const [, response] = await arrived;
    const closed = event(response, 'close');
    clock.jump(3_600_000);
    const answer = await answering;
    assert.equal(answer.statusCode, 504);
    assert.match((await bodyOf(answer)).toString(), /has not answered within the request's deadline of 3600000 ms/);
    await closed;
  });
});

describe('smuggling', () => {
  const refused: Record<string, string> = {
    'a length and a transfer coding': 'content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'two lengths': 'content-length: 3\r\ncontent-length: 4\r\n\r\nabcd',
    'two equal lengths': 'content-length: 3\r\ncontent-length: 3\r\n\r\nabc',
    'a list of lengths': 'content-length: 3, 3\r\n\r\nabc',
    'a length with a sign': 'content-length: +3\r\n\r\nabc',
    'another coding': 'transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'chunked twice': 'transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
    'chunked not last': 'transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
    'an odd chunked': 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
    'a space before the colon': 'transfer-encoding : chunked\r\n\r\n0\r\n\r\n',
    'a folded line': 'x-a: b\r\n c\r\n\r\n',
    'a bare line feed': 'x-a: b\nx-c: d\r\n\r\n',
    'a bare carriage return': 'x-a: b\rx-c: d\r\n\r\n',
    'a nul': 'x-a: b\0c\r\n\r\n',
    'two hosts': 'host: b\r\n\r\n',
    'a bad chunk size': 'transfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n',
    'a chunk without its end': 'transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n',
    'a chunk that ends with a line feed': 'transfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n',
  };
  for (const [name, rest] of Object.entries(refused)) {
    test(`${name} is refused`, async () => {
      let hasWhole = false;
      fronted.onRequest = (request, response) => {
        request.on('error', () => undefined).resume();
        request.once('end', () => {
          hasWhole = true;
          response.end();
        });
      };
      const connection = await fronted.rest.connect();
      connection.send(`POST /x HTTP/1.1\r\nhost: a\r\n${rest}`);
      const { status } = await connection.answer();
      assert.ok(status === 400 || status === 501, String(status));
      assert.equal(hasWhole, false);
      connection.destroy();
    });
  }

  test('a transfer coding of an HTTP/1.0 request is refused', async () => {
    const connection = await fronted.rest.connect();
    connection.send('POST /x HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n');
    const answer = await connection.answer();
    assert.equal(answer.status, 400);
    assert.match(errorOf(answer), /HTTP\/1.0/);
  });
});
