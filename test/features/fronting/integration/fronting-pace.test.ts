/** `--app_max_concurrency`: who has a place of the application's, and is slow, gives it up. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { AppSlots } from '../../../../src/proxy/fronting/app/app-slots.ts';
import { HeldPlaces } from '../../../../src/proxy/fronting/held-places.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { errorOf, type RawConnection } from '../../../support/rest-harness.ts';
import { until } from '../../../support/turns.ts';
import { bodyOf, FrontedApp } from '../fronted-app.ts';
import { FrontedHttp2 } from '../fronted-http2.ts';

const clock = new FakeClock();
const slots = new AppSlots({ clock, app: 'http://app', max: 4, maxWaitMs: 15_000 });
const places = new HeldPlaces(clock, 30, () => slots.waiting > 0);
const front = { slots, places, clock };
const fronted = new FrontedApp({ front });
const BIG = Buffer.alloc(16 * 2 ** 20);

before(() => fronted.start());
after(() => fronted.close());

/** Lets sockets be read. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

async function seconds(count: number, each: () => void = () => undefined): Promise<void> {
  for (let i = 0; i < count; i++) {
    each();
    await turns();
    clock.advance(1000);
  }
}

async function hold(count: number, send: (connection: RawConnection) => void): Promise<RawConnection[]> {
  const holders: RawConnection[] = [];
  for (let i = 0; i < count; i++) {
    const holder = await fronted.rest.connect();
    send(holder);
    holders.push(holder);
  }
  await until(() => slots.inside === count);
  return holders;
}

async function over(connections: readonly RawConnection[]): Promise<void> {
  for (const connection of connections) connection.destroy();
  await until(() => slots.inside === 0);
}

const answerAll = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  await bodyOf(request).catch(() => undefined);
  response.end('done');
};

test('slow bodies leave their places to those who wait', async () => {
  fronted.onRequest = answerAll;
  const holders = await hold(4, (holder) => {
    holder.send('POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n');
  });
  await seconds(10, () => {
    for (const holder of holders) holder.send('a');
  });
  assert.equal(slots.inside, 4);
  const other = await fronted.rest.connect();
  other.get('/other');
  await until(() => slots.waiting === 1);
  await seconds(2);
  assert.equal((await other.answer()).body.toString(), 'done');
  const refused = await holders[0]!.answer();
  assert.equal(refused.status, 408);
  assert.match(errorOf(refused), /sent 1?\d bytes of its body in 5 s, and at least 20480 are wanted/);
  await over([...holders, other]);
});

test('so do answers that their clients do not take, and one that all of is here needs no place', async () => {
  fronted.onRequest = (request, response) => {
    response.end(request.url === '/big' ? BIG : 'done');
  };
  const holders = await hold(4, (holder) => {
    holder.socket.pause();
    holder.get('/big');
  });
  const other = await fronted.rest.connect();
  other.get('/other');
  await until(() => slots.waiting === 1);
  await seconds(7);
  assert.equal((await other.answer()).body.toString(), 'done');
  await over(holders);
  other.socket.pause();
  other.get('/small');
  await turns();
  await until(() => slots.inside === 0);
  await over([other]);
});

test('nobody has to hurry while the application is slow', async () => {
  const requests: IncomingMessage[] = [];
  fronted.onRequest = (request, response) => {
    requests.push(request);
    // Events: one now, and then none for a long time.
    if (request.url === '/events') response.write('data: 1\n\n');
  };
  const uploads = await hold(2, (holder) => holder.post('/unread', BIG));
  const others = [await fronted.rest.connect(), await fronted.rest.connect()];
  others[0]!.get('/events');
  others[1]!.get('/silent');
  await until(() => requests.length === 4);
  const waiting = await fronted.rest.connect();
  waiting.get('/waiting', ['request-timeout: 1000']);
  await until(() => slots.waiting === 1);
  await seconds(60);
  assert.deepEqual([slots.inside, slots.waiting], [4, 1]);
  // Nobody notices that a client has left whose body is not read.
  for (const { socket } of requests) socket.destroy();
  await over([waiting, ...uploads, ...others]);
});

test('a call of gRPC may be silent', async () => {
  const http2 = await new FrontedHttp2({ app: 'h2c', front }).start();
  let calls = 0;
  http2.onStream = () => {
    calls += 1;
  };
  const session = http2.session();
  const stream = session.request({ ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc' });
  stream.on('error', () => undefined);
  stream.write('x');
  await until(() => calls === 1);
  await seconds(60);
  assert.equal(slots.inside, 1);
  session.destroy();
  await http2.close();
  assert.equal(slots.inside, 0);
});
