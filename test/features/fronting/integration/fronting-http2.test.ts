/** Requests for the application over HTTP/2 on one side, and HTTP/1.1 on the other. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { constants } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { bodyOf } from '../fronted-app.ts';
import { answerOf, ask, FrontedHttp2 } from '../fronted-http2.ts';

const MIB = 2 ** 20;

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('HTTP/2 to an application of HTTP/1.1', () => {
  const fronted = new FrontedHttp2({ app: 'http' });
  before(() => fronted.start());
  after(() => fronted.close());

  test('a request arrives as HTTP/1.1 would have it', async () => {
    const arrived = new Promise<IncomingMessage>((resolve) => {
      fronted.onRequest = (request, response) => {
        resolve(request);
        response.end();
      };
    });
    const session = fronted.session();
    await ask(session, {
      ...{ ':authority': 'shop.example', ':path': '/a/b?c=%20', 'x-many': ['1', '2'], cookie: ['a=1', 'b=2'] },
      te: 'trailers',
    });
    const request = await arrived;
    assert.deepEqual([request.method, request.url, request.httpVersion], ['GET', '/a/b?c=%20', '1.1']);
    assert.equal(request.headers.host, 'shop.example');
    assert.equal(request.headers.cookie, 'a=1; b=2');
    assert.deepEqual(request.headersDistinct['x-many'], ['1', '2']);
    assert.equal(request.headers['te'], 'trailers');
    assert.equal(request.headers.via, '2 pillion');
    assert.equal(request.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(request.headers['x-forwarded-host'], 'shop.example');
    assert.equal(request.headers['x-forwarded-proto'], 'http');
    assert.ok(request.rawHeaders.every((name) => !name.startsWith(':')));
  });

  test('bodies and trailers both ways; what is of the connection ends here', async () => {
    fronted.onRequest = async (request, response) => {
      const body = await bodyOf(request);
      response.writeHead(201, { 'keep-alive': 'timeout=5', 'X-Kind': 'caf\xe9', trailer: 'x-sum' });
      response.write(body);
      response.addTrailers({ 'X-Sum': `${request.trailers['x-in']}` });
      response.end();
    };
    const stream = fronted.session().request({ ':method': 'POST' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-in': 'seven' }));
    const body = randomBytes(3 * MIB);
    stream.end(body);
    const answer = await answerOf(stream);
    assert.equal(answer.headers[':status'], 201);
    assert.equal(answer.headers['x-kind'], 'caf\xe9');
    assert.equal(answer.headers.via, '1.1 pillion');
    assert.equal(answer.headers.connection, undefined);
    assert.equal(answer.headers['keep-alive'], undefined);
    assert.equal(answer.headers['transfer-encoding'], undefined);
    assert.equal(hashOf(answer.body), hashOf(body));
    assert.equal(answer.trailers?.['x-sum'], 'seven');
  });

  test('any method; HEAD, 204 and 304 have no body', async () => {
    fronted.onRequest = (request, response) => {
      const status = Number(request.url!.slice(1));
      response.writeHead(status, status === 204 ? {} : { 'content-length': '7', 'x-method': request.method });
      response.end(request.method === 'HEAD' || status !== 200 ? undefined : 'letters');
    };
    const session = fronted.session();
    const head = await ask(session, { ':method': 'HEAD', ':path': '/200' });
    assert.deepEqual([head.headers['content-length'], head.body.length, head.code], ['7', 0, 0]);
    for (const status of [204, 304]) {
      const answer = await ask(session, { ':path': `/${status}` });
      assert.deepEqual([answer.headers[':status'], answer.body.length, answer.code], [status, 0, 0]);
    }
    for (const method of ['GET', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      const answer = await ask(session, { ':method': method, ':path': '/200' });
      assert.deepEqual([answer.headers['x-method'], answer.body.toString()], [method, 'letters']);
    }
  });

  test('the paths of inference are not the application’s', async () => {
    fronted.onRequest = (_request, response) => response.end('app');
    const session = fronted.session();
    assert.equal((await ask(session, { ':path': '/v1/modelsx' })).body.toString(), 'app');
    for (const path of ['/v1/models/m', '/v2/health/ready', '/monitoring/prometheus/metrics']) {
      const answer = await ask(session, { ':path': path });
      assert.equal(answer.headers[':status'], 405, path);
    }
  });

  test('100 and 103 pass', async () => {
    fronted.onRequest = (request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      request.resume();
      request.once('end', () => response.end('ok'));
    };
    const stream = fronted.session().request({ ':method': 'POST', expect: '100-continue' });
    const hints: unknown[] = [];
    stream.on('headers', (headers) => hints.push([headers[':status'], headers['link']]));
    stream.once('continue', () => stream.end('body'));
    const answer = await answerOf(stream);
    assert.equal(answer.body.toString(), 'ok');
    assert.deepEqual(hints, [
      [100, undefined],
      [103, '</a.css>; rel=preload'],
    ]);
  });

  test('gRPC is refused: the address of the application must be h2c', async () => {
    const answer = await ask(
      fronted.session(),
      { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' },
      'x',
    );
    assert.equal(answer.headers[':status'], 200);
    assert.equal(answer.headers['grpc-status'], '12');
    assert.match(decodeURIComponent(String(answer.headers['grpc-message'])), /--app=h2c:/);
  });

  test('an application that is cut off: before its answer 502, within it a reset', async () => {
    fronted.onRequest = (request) => request.socket.destroy();
    const session = fronted.session();
    const early = await ask(session, { ':method': 'POST' }, 'x');
    assert.equal(early.headers[':status'], 502);
    assert.match(JSON.parse(early.body.toString()).error, /closed the connection before it had answered/);
    for (const headers of [{ 'content-length': '10' }, {}]) {
      fronted.onRequest = (request, response) => {
        response.writeHead(200, headers).write('abc');
        setImmediate(() => request.socket.destroy());
      };
      const late = await ask(session, {});
      assert.equal(late.code, constants.NGHTTP2_INTERNAL_ERROR);
    }
  });

  test('a client that leaves, at each stage: the request is broken off and never looks whole', async () => {
    for (const stage of ['within its body', 'while the application works', 'within the answer']) {
      const session = fronted.session();
      const stream = session.request({ ':method': 'POST' });
      stream.on('error', () => undefined);
      stream.write('abc');
      if (stage !== 'within its body') stream.end();
      const closed = new Promise<readonly [boolean, boolean]>((resolve) => {
        fronted.onRequest = (request, response) => {
          request.on('error', () => undefined).resume();
          response.once('close', () => resolve([request.complete, response.writableFinished]));
          request.once('data', () => {
            if (stage === 'within the answer') response.write(Buffer.alloc(MIB));
            stream.close(constants.NGHTTP2_CANCEL);
          });
        };
      });
      const [isComplete, isFinished] = await closed;
      assert.equal(isFinished, false, stage);
      if (stage === 'within its body') assert.equal(isComplete, false);
    }
    assert.deepEqual(fronted.internalErrors, []);
  });
});

describe('HTTP/1.1 to an application of HTTP/2', () => {
  const fronted = new FrontedHttp2({ app: 'h2c' });
  before(() => fronted.start());
  after(() => fronted.close());

  test('heads, bodies and trailers both ways', async () => {
    let seen: Record<string, unknown> = {};
    let received: unknown;
    fronted.onStream = (stream, headers) => {
      seen = headers;
      stream.on('trailers', (trailers) => {
        received = trailers['x-in'];
      });
      stream.respond({ ':status': 201, 'x-kind': 'caf\xe9' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(received) }));
      stream.pipe(stream);
    };
    const body = randomBytes(3 * MIB);
    const answer = await new Promise<IncomingMessage>((resolve) => {
      const headers = { 'X-Odd': 'y', trailer: 'x-in', connection: 'x-hop, te', 'x-hop': '1', te: 'trailers' };
      const asked = httpRequest(`${fronted.rest.url}/a?b`, { method: 'POST', headers }, resolve);
      asked.write(body);
      asked.addTrailers({ 'x-in': 'seven' });
      asked.end();
    });
    const got = await bodyOf(answer);
    assert.equal(hashOf(got), hashOf(body));
    assert.deepEqual([answer.statusCode, answer.headers['x-kind']], [201, 'caf\xe9']);
    assert.equal(answer.headers.via, '2 pillion');
    assert.equal(answer.trailers['x-sum'], 'seven');
    assert.deepEqual(
      [seen[':method'], seen[':authority'], seen[':path'], seen['x-odd'], seen['te']],
      ['POST', fronted.rest.address, '/a?b', 'y', 'trailers'],
    );
    for (const name of ['host', 'x-hop', 'connection', 'transfer-encoding']) assert.equal(seen[name], undefined, name);
  });

  test('a request without a body; 1xx', async () => {
    fronted.onStream = (stream, headers) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond({ ':status': 200, 'content-length': 3 });
      stream.end(headers[':method'] === 'GET' ? 'get' : undefined);
    };
    const hints: unknown[] = [];
    const answer = await new Promise<IncomingMessage>((resolve) => {
      const asked = httpRequest(fronted.rest.url, resolve);
      asked.on('information', ({ statusCode, headers }) => hints.push([statusCode, headers['link']]));
      asked.end();
    });
    assert.equal((await bodyOf(answer)).toString(), 'get');
    assert.deepEqual(hints, [[103, '</a.css>; rel=preload']]);
  });

  test('an application that resets or is cut off: 502', async () => {
    fronted.onStream = (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    const connection = await fronted.rest.connect();
    connection.get('/');
    assert.equal((await connection.answer()).status, 502);
    fronted.onStream = () => fronted.cutApp();
    connection.post('/', 'x');
    assert.equal((await connection.answer()).status, 502);
  });
});
