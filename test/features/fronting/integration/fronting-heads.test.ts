/** Heads that are none, or that have more in them than most: what of them reaches the application, and in which order. */
import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { errorOf } from '../../../support/rest-harness.ts';
import { bodyOf, FrontedApp, nextRequest } from '../fronted-app.ts';

const fronted = new FrontedApp();

// As an application that drops none itself.
(fronted.app as Server).maxHeadersCount = 0;
before(() => fronted.start());
after(() => fronted.close());

const BEHIND = 'GET /behind HTTP/1.1\r\nhost: a\r\n\r\n';

/** Targets of all requests that the application gets from now on. */
function targets(): string[] {
  const seen: string[] = [];
  fronted.onRequest = (request, response) => {
    seen.push(request.url!);
    request.resume().once('end', () => response.end());
  };
  return seen;
}

describe('a head that is refused', () => {
  const bodies: Record<string, string> = {
    'a coding that is not passed on': 'HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'a coding in HTTP/1.0':
      'HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'two lengths': 'HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n',
    'a Host that is none': 'HTTP/1.1\r\nhost: a b\r\n\r\n',
    'two lengths and a wish for another protocol':
      'HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n',
  };
  for (const [what, rest] of Object.entries(bodies)) {
    test(`${what}: what is behind it is no request, of the application’s or of inference`, async () => {
      const seen = targets();
      const connection = await fronted.rest.connect();
      connection.send(`POST /first ${rest}${BEHIND}GET /v1/models/m HTTP/1.1\r\nhost: a\r\n\r\n`);
      const all = await connection.ended();
      assert.match(all, /^HTTP\/1\.1 (?:400|501) /);
      assert.match(all, /\r\nconnection: close\r\n/i);
      assert.equal(all.match(/HTTP\/1\.1 \d{3} /g)?.length, 1);
      assert.deepEqual(seen, []);
    });
  }

  for (const target of [
    ...[
      '/a#b',
      'http://',
      'http:///a',
      'http://u:p@a/',
      'http://:80/',
      'http://[/',
      'ws://a/',
      'file:///a',
      '*a',
      '**',
    ],
  ]) {
    test(`its target is ${target}`, async () => {
      const seen = targets();
      const connection = await fronted.rest.connect();
      connection.send(`GET ${target} HTTP/1.1\r\nhost: a\r\n\r\n`);
      const answer = await connection.answer();
      assert.equal(answer.status, 400);
      assert.match(errorOf(answer), /^the target |the authority of the target/);
      assert.deepEqual(seen, []);
    });
  }

  test('its target has bytes beyond ASCII, and the answer says how to write them', async () => {
    const seen = targets();
    const connection = await fronted.rest.connect();
    connection.send(Buffer.from('GET /café HTTP/1.1\r\nhost: a\r\n\r\n'));
    const answer = await connection.answer();
    assert.equal(answer.status, 400);
    assert.match(
      errorOf(answer),
      /characters beyond ASCII.* write their UTF-8 bytes with %, as \/caf%C3%A9 for \/café$/,
    );
    assert.deepEqual(seen, []);
  });

  for (const host of ['a b', 'a/b', 'a@b', 'a#b', 'a?b', 'a\\b', 'a<b', 'é', 'http://a', 'a:b', '[::1', '::1', '%zz']) {
    test(`its Host is ${host}`, async () => {
      const seen = targets();
      const connection = await fronted.rest.connect();
      connection.send(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
      assert.match(errorOf(await connection.answer()), /in host, is no host$/);
      assert.deepEqual(seen, []);
    });
  }

  test('its version is none', async () => {
    const connection = await fronted.rest.connect();
    connection.send('GET /\r\nhost: a\r\n\r\n');
    assert.match(await connection.ended(), /^HTTP\/1\.1 400 .*the request is HTTP\/0\.9/s);
  });
});

test('Hosts that are some', async () => {
  const seen = targets();
  const hosts = ['', 'a', 'A_b-c.example.', 'a:80', 'a:', '127.0.0.1:1', '[::1]', '[::ffff:1.2.3.4]:80', '%41', 'a,b'];
  const connection = await fronted.rest.connect();
  for (const host of hosts) {
    connection.send(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    assert.equal((await connection.answer()).status, 200, host);
  }
  assert.equal(seen.length, hosts.length);
});

test('requests ahead of each other reach the application in turn', async () => {
  const first = nextRequest(fronted);
  const connection = await fronted.rest.connect();
  connection.send(`POST /first HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\na${BEHIND}${BEHIND}`);
  const [request, response] = await first;
  const seen = targets();
  assert.equal(request.url, '/first');
  // It would have been there by now: one of another connection is.
  const other = await fronted.rest.connect();
  other.get('/other');
  await other.answer();
  assert.deepEqual(seen, ['/other']);
  response.end('first');
  assert.equal((await connection.answer()).body.toString(), 'first');
  for (let i = 0; i < 2; i++) assert.equal((await connection.answer()).status, 200);
  assert.deepEqual(seen, ['/other', '/behind', '/behind']);
});

test('a client that leaves takes those behind with it', async () => {
  const first = nextRequest(fronted);
  const connection = await fronted.rest.connect();
  connection.send(`GET /first HTTP/1.1\r\nhost: a\r\n\r\n${BEHIND}`);
  const [request] = await first;
  const seen = targets();
  const left = new Promise((resolve) => request.once('close', resolve));
  connection.destroy();
  await left;
  const other = await fronted.rest.connect();
  other.get('/other');
  await other.answer();
  assert.deepEqual(seen, ['/other']);
});

test('all fields arrive, however many: none is dropped behind the thousandth', async () => {
  const lines = Array.from({ length: 2500 }, (_, i) => `x${i}: 1`);
  let got = '';
  fronted.onRequest = (request, response) => {
    got = request.rawHeaders.join(' ');
    request.resume();
    response.writeHead(200, [...lines.flatMap((line) => line.split(': ')), 'x-last', 'answered']).end();
  };
  const connection = await fronted.rest.connect();
  connection.send(`GET / HTTP/1.1\r\nhost: a\r\n${lines.join('\r\n')}\r\nx-last: asked\r\n\r\n`);
  const answer = await connection.answer();
  assert.ok(got.includes(' x2499 1 x-last asked '), `${got.length} bytes`);
  assert.equal(answer.headers.get('x-last'), 'answered');
});

test('an answer has 60 KiB of headers, and not 70', async () => {
  for (const [count, status] of [
    [60, 200],
    [70, 502],
  ] as const) {
    fronted.onRequest = (_request, response) => {
      for (let i = 0; i < count; i++) response.setHeader(`x${i}`, 'v'.repeat(1000));
      response.end();
    };
    const connection = await fronted.rest.connect();
    connection.get('/');
    const answer = await connection.answer();
    assert.equal(answer.status, status);
    if (status === 502) assert.match(errorOf(answer), /headers of the answer .* are longer than 64 KiB/);
  }
});

test('a length behind the thousandth field counts', async () => {
  const lines = Array.from({ length: 1500 }, (_, i) => `x${i}: 1`);
  fronted.onRequest = (request, response) => void bodyOf(request).then((body) => response.end(body));
  const connection = await fronted.rest.connect();
  connection.send(`POST / HTTP/1.1\r\nhost: a\r\n${lines.join('\r\n')}\r\ncontent-length: 3\r\n\r\nabc`);
  assert.equal((await connection.answer()).body.toString(), 'abc');
});

test('trailers have nothing that proxies say of a client', async () => {
  let got: readonly string[] = [];
  fronted.onRequest = (request, response) => {
    request.resume().once('end', () => {
      got = request.rawTrailers;
      response.end();
    });
  };
  const connection = await fronted.rest.connect();
  const trailers = 'x-forwarded-for: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nforwarded: for=1.2.3.4\r\nvia: 1.1 b\r\nx-a: 1';
  connection.send(`POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${trailers}\r\n\r\n`);
  await connection.answer();
  assert.deepEqual(got, ['x-a', '1']);
});

test('a wish for no protocol is none', async () => {
  let wished: string | undefined = '';
  fronted.onRequest = (request, response) => {
    wished = request.headers.upgrade;
    response.end('app');
  };
  const connection = await fronted.rest.connect();
  connection.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ,\r\n\r\n');
  assert.equal((await connection.answer()).body.toString(), 'app');
  assert.equal(wished, undefined);
});
