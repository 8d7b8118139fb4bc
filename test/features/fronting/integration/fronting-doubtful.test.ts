/** Messages that an application, or this server, could take for another one than was sent. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import { Callers } from '../../../../src/proxy/caller.ts';
import {
  type Fields,
  F as Flag,
  type Frame,
  headers,
  PREFACE,
  parseFrames,
  settings,
  T,
} from '../../../support/http2-frames.ts';
import { event } from '../fronted-app.ts';
import { answerOf, FrontedHttp2 } from '../fronted-http2.ts';

for (const app of ['http', 'h2c'] as const) {
  describe(`HTTP/2 to an application of ${app}`, () => {
    const fronted = new FrontedHttp2({ app });
    let seen = 0;

    before(async () => {
      fronted.onRequest = (_request, response) => {
        seen += 1;
        response.end('app');
      };
      fronted.onStream = (stream) => {
        seen += 1;
        stream.respond({ ':status': 200 });
        stream.end('app');
      };
      await fronted.start();
    });
    after(() => fronted.close());

    test('a method in lower case is none in upper case', async () => {
      seen = 0;
      const { headers: head, body } = await answerOf(fronted.session().request({ ':method': 'get', ':path': '/' }));
      assert.equal(head[':status'], 400);
      assert.match(body.toString(), /\\"get\\" is another method than GET/);
      assert.equal(seen, 0);
    });

    test('a control character in a trailer, or a header, is the client’s fault', async () => {
      const trailing = fronted.session().request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
      trailing.once('wantTrailers', () => trailing.sendTrailers({ 'x-sum': 'a\x01b' }));
      // The application waits for the end of the body, which never comes to it.
      fronted.onRequest = (request) => void request.resume();
      fronted.onStream = (stream) => void stream.resume();
      trailing.end('body');
      const leading = fronted.session().request({ ':path': '/', 'x-sum': 'a\x7fb' });
      for (const [stream, what] of [
        [trailing, 'trailer'],
        [leading, 'header'],
      ] as const) {
        const { headers: head, body } = await answerOf(stream);
        assert.equal(head[':status'], 400, what);
        assert.match(body.toString(), new RegExp(`the ${what} \\\\"x-sum\\\\" has a control character`));
      }
    });

    test('two hosts without an :authority are no request', async (t) => {
      const fields: Fields = [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/'],
        ['host', 'a.example'],
        ['host', 'b.example'],
      ];
      const { type, payload } = await firstOfStream(t, fronted.address, fields);
      assert.deepEqual([type, payload.readUInt32BE()], [T.RST_STREAM, 1]);
    });
  });
}

/** The first frame that comes back on the stream of this request. */
async function firstOfStream(t: TestContext, address: string, fields: Fields): Promise<Frame> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  t.after(() => socket.destroy());
  socket.write(Buffer.concat([PREFACE, settings(), headers(1, fields, Flag.END_HEADERS | Flag.END_STREAM)]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    const found = parseFrames(received).find(({ id }) => id === 1);
    if (found !== undefined) return found;
  }
  throw new Error('the connection ended');
}

/** Everybody is believed, and nobody says for whom it asks. */
const TRUSTING = new Callers('', undefined, undefined, undefined, { trusts: () => true, clientIn: () => undefined });

describe('HTTP/1.1 to an application of HTTP/1.1', () => {
  test('names with underscores that an application reads as those that are written here do not pass', async (t) => {
    const fronted = await new FrontedHttp2({ app: 'http', front: { callers: TRUSTING } }).start();
    t.after(() => fronted.close());
    const arrived = new Promise<IncomingMessage>((resolve) => {
      fronted.onRequest = (request, response) => {
        request.resume().once('end', () => {
          response.end();
          resolve(request);
        });
      };
    });
    const connection = await fronted.rest.connect();
    const twins = [
      ...['x_forwarded_for: 6.6.6.6', 'X-Forwarded_Proto: https', 'x_real_ip: 6.6.6.6', 'x_request_id: mine'],
      ...['content_length: 7', 'transfer_encoding: chunked', 'x_envoy-expected_rq_timeout_ms: 1', 'my_own: kept'],
    ];
    const trailers = 'x_forwarded_for: 6.6.6.6\r\nx_own: kept';
    connection.send(
      `POST / HTTP/1.1\r\nhost: a\r\n${twins.join('\r\n')}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${trailers}\r\n\r\n`,
    );
    await connection.answer();
    const { rawHeaders, rawTrailers } = await arrived;
    assert.deepEqual(
      rawHeaders.filter((name, i) => i % 2 === 0 && name.includes('_')),
      ['my_own'],
    );
    assert.deepEqual(rawTrailers, ['x_own', 'kept']);
  });

  test('what an application says unasked closes its connection, and answers nothing', async (t) => {
    const sockets: Socket[] = [];
    const app = createServer((socket) => {
      const nth = sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${nth}`));
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    const { port } = app.address() as AddressInfo;
    const fronted = await new FrontedHttp2({ app: 'http', address: `http://127.0.0.1:${port}` }).start();
    t.after(async () => {
      await fronted.close();
      for (const socket of sockets) socket.destroy();
      app.close();
    });
    const ask = async (): Promise<string> => await (await fetch(`${fronted.rest.url}/`)).text();
    assert.deepEqual([await ask(), await ask()], ['1', '1']);
    const closed = event(sockets[0]!, 'close');
    sockets[0]!.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
    await closed;
    assert.deepEqual([await ask(), await ask(), sockets.length], ['2', '2', 2]);
  });
});
