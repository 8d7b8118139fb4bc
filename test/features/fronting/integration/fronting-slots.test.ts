/** `--app_max_concurrency`: requests that wait until the application has fewer. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { systemClock } from '../../../../src/core/clock.ts';
import { AppSlots } from '../../../../src/proxy/fronting/app/app-slots.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { errorOf } from '../../../support/rest-harness.ts';
import { event, FrontedApp } from '../fronted-app.ts';

const MAX = 2;
const clock = new FakeClock();
const slots = new AppSlots({ clock, app: 'http://app', max: MAX, maxWaiting: 3, maxWaitMs: 800 });
const fronted = new FrontedApp({ front: { slots, clock } });
/** Waits as long as the test takes. */
const PATIENT = ['request-timeout: 30'];
/** What the application has, unanswered. */
const had: (readonly [IncomingMessage, ServerResponse])[] = [];
let onHad: (() => void) | undefined;

before(() => fronted.start());
after(() => fronted.close());
beforeEach(() => {
  fronted.onRequest = (request, response) => {
    had.push([request, response]);
    onHad?.();
  };
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise<void>((resolve) => {
      onHad = resolve;
      setImmediate(resolve);
    });
  }
}

/** Answers the request that came first. */
function answerNext(): string {
  const [request, response] = had.shift()!;
  response.setHeader('content-length', request.url!.length).end(request.url);
  return request.url!;
}

test('the others wait in order, and one behind another on its connection is none of them', async () => {
  const connections = [];
  for (let i = 1; i <= 5; i++) {
    const connection = await fronted.rest.connect();
    connection.get(`/${i}`, PATIENT);
    await until(() => had.length + slots.waiting === i);
    connections.push(connection);
  }
  assert.deepEqual([had.length, slots.waiting], [2, 3]);
  const [first] = connections;
  first!.get('/behind', PATIENT);
  const got: string[] = [];
  for (let i = 0; i < 6; i++) {
    // All that it may have: two that were on their way at once could come in either order.
    await until(() => had.length >= Math.min(MAX, 6 - i));
    assert.ok(had.length <= MAX && slots.inside <= MAX);
    got.push(answerNext());
  }
  assert.deepEqual(got, ['/1', '/2', '/3', '/4', '/5', '/behind']);
  for (const [i, connection] of connections.entries()) {
    assert.equal((await connection.answer()).body.toString(), `/${i + 1}`);
  }
  assert.equal((await first!.answer()).body.toString(), '/behind');
  await until(() => slots.inside === 0);
  for (const connection of connections) connection.destroy();
});

test('too many are refused, a deadline ends the wait, and so does the limit without one', async () => {
  const open = () => fronted.rest.connect();
  const [first, second, short] = [await open(), await open(), await open()];
  const [patient, gone, tooMany] = [await open(), await open(), await open()];
  first.get('/a');
  second.get('/b');
  await until(() => had.length === 2);
  short.post('/short', 'body', ['request-timeout: 0.5']);
  patient.get('/patient');
  gone.get('/gone');
  await until(() => slots.waiting === 3);
  tooMany.get('/too-many');
  const full = await tooMany.answer();
  assert.deepEqual([full.status, full.headers.get('retry-after')], [503, '1']);
  assert.match(errorOf(full), /has the 2 requests that --app_max_concurrency allows, and 3 requests wait for it/);
  gone.destroy();
  await until(() => slots.waiting === 2);
  clock.advance(500);
  const late = await short.answer();
  assert.equal(late.status, 504);
  assert.match(errorOf(late), /--app_max_concurrency allows; the request's deadline of 500 ms passed while it waited/);
  clock.advance(300);
  const busy = await patient.answer();
  assert.deepEqual([busy.status, busy.headers.get('retry-after')], [503, '1']);
  assert.match(errorOf(busy), /allows, and the request has waited for 800 ms/);
  assert.deepEqual([slots.waiting, slots.inside, had.length], [0, 2, 2]);
  while (had.length > 0) answerNext();
  await first.answer();
  await second.answer();
  await until(() => slots.inside === 0);
  for (const connection of [first, second, short, patient, tooMany]) connection.destroy();
});

test('a body waits with its request, and arrives whole', async () => {
  const holders = await Promise.all([fronted.rest.connect(), fronted.rest.connect()]);
  for (const holder of holders) holder.get('/hold');
  await until(() => had.length === 2);
  const body = Buffer.alloc(2 ** 20, 'x');
  const sender = await fronted.rest.connect();
  sender.post('/body', body, ['request-timeout: 20']);
  await until(() => slots.waiting === 1);
  answerNext();
  await until(() => had.length === 2);
  const [request, response] = had.pop()!;
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  assert.equal(bytes, body.length);
  response.setHeader('content-length', 2).end('ok');
  assert.equal((await sender.answer()).body.toString(), 'ok');
  answerNext();
  await until(() => slots.inside === 0);
  for (const connection of [...holders, sender]) connection.destroy();
});

test('a tunnel counts until it is one, an application that fails gives its slot back', async () => {
  const connection = await fronted.rest.connect();
  const opened = event(fronted.app, 'upgrade');
  fronted.app.once('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
  });
  connection.get('/tunnel', ['connection: upgrade', 'upgrade: echo']);
  await opened;
  assert.equal((await connection.answer()).status, 101);
  assert.equal(slots.inside, 0);
  connection.destroy();
  fronted.onRequest = (request) => request.socket.destroy();
  const failing = await fronted.rest.connect();
  failing.post('/', 'x');
  assert.equal((await failing.answer()).status, 502);
  await until(() => slots.inside === 0);
  failing.destroy();
});

test('a drain answers those that wait, a close leaves nobody in the queue', async () => {
  for (const isDrained of [true, false]) {
    const one = new AppSlots({ clock: systemClock, app: 'http://app', max: 1 });
    const ending = await new FrontedApp({ front: { slots: one } }).start();
    ending.onRequest = fronted.onRequest;
    const [left, right] = [await ending.rest.connect(), await ending.rest.connect()];
    left.get('/left');
    await until(() => had.length === 1);
    right.get('/right');
    await until(() => one.waiting === 1);
    if (isDrained) {
      const drained = ending.rest.server.drain(10);
      answerNext();
      assert.equal((await left.answer()).body.toString(), '/left');
      await until(() => had.length === 1);
      answerNext();
      const last = await right.answer();
      assert.deepEqual([last.body.toString(), last.headers.get('connection')], ['/right', 'close']);
      await drained;
    } else {
      await ending.rest.server.close();
      await until(() => one.inside === 0 && one.waiting === 0);
      assert.equal(had.length, 1);
      had.length = 0;
    }
    await ending.close();
  }
});
