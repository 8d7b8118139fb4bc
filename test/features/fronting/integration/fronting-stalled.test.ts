/** A client that takes nothing of its answer is cut off, and that is what its record says. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { F, type Fields, headers, PREFACE, settings, windowUpdate } from '../../../support/http2-frames.ts';
import { FrontedApp } from '../fronted-app.ts';
import { FrontedHttp2 } from '../fronted-http2.ts';

const BIG = Buffer.alloc(32 * 2 ** 20);
const STALL_MS = 100;
/** The largest window. */
const WIDE = 2 ** 31 - 1;

test('over HTTP/1.1', async (t) => {
  const fronted = await new FrontedApp({ server: { stallMs: STALL_MS } }).start();
  t.after(() => fronted.close());
  fronted.onRequest = (_request, response) => response.end(BIG);
  const connection = await fronted.rest.connect();
  connection.get('/big');
  connection.socket.pause();
  const { outcome, status, error } = await fronted.seen.of('/big');
  assert.deepEqual([outcome, status], ['client_stalled', 200]);
  assert.match(error!.message, /took nothing of the answer .* --answer_stall_timeout_s/);
  connection.destroy();
});

const BY: Readonly<Record<string, number>> = { 'its window': 65_535, 'its socket': WIDE };

for (const app of ['http', 'h2c'] as const) {
  for (const [by, window] of Object.entries(BY)) {
    test(`over HTTP/2, by ${by}, from an application of ${app}`, async (t) => {
      const http2 = { stallTimeoutMs: STALL_MS, tickMs: 20 };
      const fronted = await new FrontedHttp2({ app, engine: { http2 } }).start();
      t.after(() => fronted.close());
      fronted.onRequest = (_request, response) => response.end(BIG);
      fronted.onStream = (stream) => {
        stream.respond({ ':status': 200 });
        stream.end(BIG);
      };
      const [host, port] = fronted.address.split(':');
      const socket = connect(Number(port), host);
      t.after(() => socket.destroy());
      const fields: Fields = [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/big'],
        [':authority', 'a'],
      ];
      const flags = F.END_HEADERS | F.END_STREAM;
      const opened = [PREFACE, settings({ 4: window }), windowUpdate(0, WIDE - 65_535), headers(1, fields, flags)];
      socket.write(Buffer.concat(opened));
      // It takes all that its window allows, or nothing.
      if (window < WIDE) socket.resume();
      assert.equal((await fronted.seen.of('/big')).outcome, 'client_stalled');
    });
  }
}

test('a client that reads slowly, and one that waits for the application, are not', async (t) => {
  const fronted = await new FrontedApp({ server: { stallMs: STALL_MS } }).start();
  t.after(() => fronted.close());
  fronted.onRequest = (_request, response) => {
    response.write('a');
    setTimeout(() => response.end('b'), 5 * STALL_MS);
  };
  const connection = await fronted.rest.connect();
  connection.get('/slow');
  assert.equal((await connection.answer()).body.toString(), 'ab');
  assert.equal((await fronted.seen.of('/slow')).outcome, 'ok');
  connection.destroy();
});
