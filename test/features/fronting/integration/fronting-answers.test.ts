/** Heads that one protocol may have and the other may not: announced trailers, a status that is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeHeaders } from '../../../../src/proxy/http2/hpack/hpack-encoder.ts';
import type { RestHarness } from '../../../support/rest-harness.ts';
import { type FrontedApp, FrontedApp as Http1Fronted } from '../fronted-app.ts';
import { ask, engineApp, FrontedHttp2 } from '../fronted-http2.ts';

/** All that comes for a request whose connection ends with its answer. */
async function rawAnswer(rest: RestHarness, head: string): Promise<string> {
  const connection = await rest.connect();
  connection.send(`${head}host: a\r\nconnection: close\r\n\r\n`);
  return await connection.ended();
}

describe('trailers that are announced', () => {
  test('with a length, by an application of HTTP/2: the answer passes, without the announcement in HTTP/1.1', async () => {
    const fronted = await new FrontedHttp2({ app: 'h2c' }).start();
    fronted.onStream = (stream) => {
      const head = { ':status': 200, trailer: 'x-sum', 'content-length': 3 };
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
      stream.end('abc');
    };
    const all = await rawAnswer(fronted.rest, 'GET / HTTP/1.1\r\n');
    assert.match(all, /^HTTP\/1\.1 200 .*\r\n\r\nabc$/s);
    assert.doesNotMatch(all, /trailer/);
    const answer = await ask(fronted.session(), {});
    assert.deepEqual([answer.headers['trailer'], answer.trailers?.['x-sum']], ['x-sum', '7']);
    await fronted.close();
  });

  test('to a HEAD, with 304, or for a client of HTTP/1.0: the answer passes', async () => {
    const http2 = await new FrontedHttp2({ app: 'h2c' }).start();
    http2.onStream = (stream, headers) => {
      stream.respond({ ':status': Number(headers[':path']!.slice(1)), trailer: 'x-sum' });
      stream.end(headers[':method'] === 'GET' ? 'abc' : undefined);
    };
    const http1: FrontedApp = await new Http1Fronted().start();
    http1.onRequest = (request, response) => {
      response.socket!.end(
        `HTTP/1.1 ${request.url!.slice(1)} Some\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n${
          request.method === 'HEAD' || request.url === '/304' ? '' : '3\r\nabc\r\n0\r\n\r\n'
        }`,
      );
    };
    for (const { rest } of [http2, http1]) {
      assert.match(await rawAnswer(rest, 'HEAD /200 HTTP/1.1\r\n'), /^HTTP\/1\.1 200 .*\r\n\r\n$/s);
      assert.match(await rawAnswer(rest, 'GET /304 HTTP/1.1\r\n'), /^HTTP\/1\.1 304 .*\r\n\r\n$/s);
      assert.match(await rawAnswer(rest, 'GET /200 HTTP/1.0\r\n'), /^HTTP\/1\.1 200 .*\r\n\r\nabc$/s);
      assert.match(await rawAnswer(rest, 'GET /200 HTTP/1.1\r\n'), /\r\ntrailer: x-sum\r\n.*3\r\nabc\r\n0\r\n/s);
    }
    await http2.close();
    await http1.close();
  });

  test('in a request with a length: it reaches an application of HTTP/1.1 without the announcement', async () => {
    const fronted = await new FrontedHttp2({ app: 'http' }).start();
    fronted.onRequest = (request, response) => {
      response.setHeader('x-trailer', String(request.headers.trailer));
      request.pipe(response);
    };
    const { headers, body } = await ask(
      fronted.session(),
      { ':method': 'POST', trailer: 'x-in', 'content-length': '3' },
      'abc',
    );
    assert.deepEqual([headers[':status'], headers['x-trailer'], body.toString()], [200, 'undefined', 'abc']);
    await fronted.close();
  });
});

test('a status below 100: 502 in either protocol, and the next request is answered', async () => {
  let status = '042';
  const { address, close } = await engineApp((stream) => {
    stream.respond(encodeHeaders([[':status', status]]));
    stream.end();
  });
  const fronted = await new FrontedHttp2({ app: 'h2c', address }).start();
  // Node 24 refuses it itself.
  assert.match(
    await rawAnswer(fronted.rest, 'GET / HTTP/1.1\r\n'),
    /^HTTP\/1\.1 502 .*(the status 42, which is none|reset the stream with PROTOCOL_ERROR)/s,
  );
  assert.equal((await ask(fronted.session(), {})).headers[':status'], 502);
  status = '299';
  assert.match(await rawAnswer(fronted.rest, 'GET / HTTP/1.1\r\n'), /^HTTP\/1\.1 299 /);
  await fronted.close();
  close();
});
