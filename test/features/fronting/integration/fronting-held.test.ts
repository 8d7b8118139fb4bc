/** What clients can make this server hold of an application's answers and connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { UnsentBytes } from '../../../../src/core/unsent-bytes.ts';
import { UNTAKEN_BYTES, UNTAKEN_HTTP2_BYTES, UntakenAnswers } from '../../../../src/proxy/fronting/untaken-answers.ts';
import { ErrorCode } from '../../../../src/proxy/http2/error-code.ts';
import { errorOf } from '../../../support/rest-harness.ts';
import { FrontedApp } from '../fronted-app.ts';
import { ask, FrontedHttp2 } from '../fronted-http2.ts';

const STREAMS = 60;
const LIMIT_BYTES = 2 * 2 ** 20;
const BIG = Buffer.alloc(8 * 2 ** 20);
/** More would be too much for a session of node, which refuses others then. */
const MIDDLE = Buffer.alloc(2 ** 20);

function open(session: ClientHttp2Session, path: string, count: number): ClientHttp2Stream[] {
  return Array.from({ length: count }, () => {
    const stream = session.request({ ':path': path });
    stream.on('error', () => undefined);
    return stream;
  });
}

async function untilClosed(streams: readonly ClientHttp2Stream[], count: number): Promise<void> {
  while (streams.filter(({ closed }) => closed).length < count) await new Promise(setImmediate);
}

for (const app of ['http', 'h2c'] as const) {
  test(`answers of an application of ${app} that a client does not take are bounded together`, async () => {
    const unsent = new UnsentBytes(LIMIT_BYTES);
    const eachBytes = app === 'http' ? UNTAKEN_BYTES : UNTAKEN_HTTP2_BYTES;
    const fronted = new FrontedHttp2({ app, front: { untaken: new UntakenAnswers(unsent, eachBytes) } });
    fronted.onRequest = (request, response) => {
      response.end(request.url === '/big' ? MIDDLE : 'small');
    };
    fronted.onStream = (stream, headers) => {
      stream.respond();
      stream.end(headers[':path'] === '/big' ? MIDDLE : 'small');
    };
    await fronted.start();
    const greedy = fronted.session({ initialWindowSize: 0 });
    const streams = open(greedy, '/big', STREAMS);
    const most = Math.ceil(LIMIT_BYTES / eachBytes) + 1;
    await untilClosed(streams, STREAMS - most);
    for (const { closed, rstCode } of streams) if (closed) assert.equal(rstCode, ErrorCode.ENHANCE_YOUR_CALM);
    assert.ok(unsent.bytes <= most * eachBytes, `${unsent.bytes} bytes`);
    const other = await ask(fronted.session(), { ':path': '/small' });
    assert.equal(other.body.toString(), 'small');
    greedy.destroy();
    await once(greedy, 'close');
    while (unsent.bytes > 0) await new Promise(setImmediate);
    await fronted.close();
  });
}

test('over HTTP/1.1 the connection of such an answer is closed', async () => {
  const unsent = new UnsentBytes(LIMIT_BYTES);
  const fronted = new FrontedApp({ front: { untaken: new UntakenAnswers(unsent, UNTAKEN_BYTES) } });
  let asked = 0;
  fronted.onRequest = (_request, response) => {
    asked += 1;
    response.end(BIG);
  };
  await fronted.start();
  const connections = [];
  const most = Math.ceil((2 * LIMIT_BYTES) / UNTAKEN_BYTES) + 1;
  for (let i = 0; i < most + 10; i++) {
    const connection = await fronted.rest.connect();
    connection.socket.pause();
    connection.get('/big');
    connections.push(connection);
  }
  while (asked < connections.length || fronted.appSockets.size > most) await new Promise(setImmediate);
  assert.ok(unsent.bytes <= most * UNTAKEN_BYTES);
  // Those that are given up are the ones that the application answered last. The others get all of theirs.
  let whole = 0;
  for (const connection of connections) {
    connection.socket.resume();
    const body = await connection.answer().then(
      (answer) => answer.body,
      () => undefined,
    );
    if (body?.length === BIG.length) whole += 1;
  }
  assert.ok(whole > 0 && whole <= most, `${whole} of ${connections.length}`);
  await fronted.close();
  while (unsent.bytes > 0) await new Promise(setImmediate);
});

test('beyond the connections that descriptors allow a request is refused, and a caller of few has one', async () => {
  const maxConnections = 16;
  const fronted = new FrontedHttp2({ app: 'http', maxConnections });
  let had = 0;
  fronted.onRequest = (request, response) => {
    had += 1;
    if (request.url !== '/hang') response.end('answer');
  };
  await fronted.start();
  const greedy = fronted.session();
  const streams = open(greedy, '/hang', 50);
  const statuses = streams.map(
    (stream) =>
      new Promise<number>((resolve) => {
        stream.on('response', (headers) => resolve(headers[':status']!));
        stream.resume();
      }),
  );
  await untilClosed(streams, 50 - maxConnections / 2);
  while (had < maxConnections / 2) await new Promise(setImmediate);
  const refused = await Promise.race(statuses);
  assert.equal(refused, 503);
  const other = await fronted.rest.connect();
  other.get('/other');
  assert.equal((await other.answer()).body.toString(), 'answer');
  const full = await Promise.all(Array.from({ length: 9 }, () => fronted.rest.connect()));
  for (const connection of full) connection.get('/hang');
  const answer = await Promise.race(full.map((connection) => connection.answer()));
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
  assert.match(errorOf(answer), /no file descriptors left to connect to the application/);
  for (const connection of [other, ...full]) connection.destroy();
  greedy.destroy();
  await fronted.close();
});
