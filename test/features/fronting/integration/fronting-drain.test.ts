/** `pillion serve` in front of an application, told to end: what has begun is finished, and cut off only at the timeout. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { RawConnection } from '../../../support/rest-harness.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;
const UPGRADE = 'GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';

/** By path; the test answers. */
const arrived = new Map<string, (exchange: [IncomingMessage, ServerResponse]) => void>();
const tunnels = new Set<Socket>();
let app: Server;

before(async () => {
  app = createServer((request, response) => {
    const taker = arrived.get(request.url!);
    if (taker === undefined) response.end('app');
    else taker([request, response]);
  });
  app.on('upgrade', (_request, socket: Socket) => {
    tunnels.add(socket.on('error', () => undefined));
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
});
after(() => {
  for (const socket of tunnels) socket.destroy();
  app.closeAllConnections();
  app.close();
});
afterEach(killSidecars);

const start = (args: readonly string[]): Promise<Sidecar> =>
  startSidecar([...DIGITS, `--app=http://127.0.0.1:${(app.address() as AddressInfo).port}`, ...args]);

async function connected({ rest }: Sidecar): Promise<RawConnection> {
  const connection = new RawConnection(new URL(rest).host);
  await connection.opened();
  return connection;
}

/** Sends a request that the application gets and does not answer yet. */
async function begun(connection: RawConnection, path: string): Promise<ServerResponse> {
  const reached = new Promise<[IncomingMessage, ServerResponse]>((resolve) => arrived.set(path, resolve));
  connection.send(GET(path));
  return (await reached)[1];
}

async function tellToEnd(sidecar: Sidecar): Promise<void> {
  sidecar.process.kill('SIGTERM');
  await sidecar.line(({ event }) => event === 'draining');
}

test('an answer that the application takes long for is whole; open connections have another request passed on', async () => {
  const sidecar = await start([]);
  const [slow, idle] = [await connected(sidecar), await connected(sidecar)];
  idle.send(GET('/before'));
  assert.equal((await idle.answer()).headers.get('connection'), 'keep-alive');
  const response = await begun(slow, '/slow');
  await tellToEnd(sidecar);
  idle.send(GET('/during'));
  const during = await idle.answer();
  assert.deepEqual([during.status, String(during.body), during.headers.get('connection')], [200, 'app', 'close']);
  response.end('done');
  const done = await slow.answer();
  assert.deepEqual([done.status, String(done.body), done.headers.get('connection')], [200, 'done', 'close']);
  assert.equal(await sidecar.exited, 0);
  const drained = sidecar.lines.find(({ event }) => event === 'drained')!;
  assert.deepEqual([drained['app_requests_cut'], drained['tunnels_cut']], [0, 0]);
});

test('what does not end is cut off at the timeout, counted, and told where that can be', async () => {
  const sidecar = await start(['--drain_timeout_ms=1500']);
  const [events, silent, tunnel] = [await connected(sidecar), await connected(sidecar), await connected(sidecar)];
  const stream = await begun(events, '/events');
  stream.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  assert.equal((await events.answer(false)).status, 200);
  await begun(silent, '/silent');
  tunnel.send(UPGRADE);
  assert.equal((await tunnel.answer(false)).status, 101);
  await tellToEnd(sidecar);
  const refused = await silent.answer();
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1']);
  assert.match(String(refused.body), /the sidecar in front of the application is shutting down/);
  assert.doesNotMatch(await events.ended(), /0\r\n\r\n$/);
  await tunnel.ended();
  assert.equal(await sidecar.exited, 0);
  const counts = { requests_cut: 0, app_requests_cut: 2, tunnels_cut: 1 };
  for (const event of ['drain_timeout', 'drained']) {
    const line = sidecar.lines.find((each) => each.event === event)!;
    assert.deepEqual(Object.fromEntries(Object.keys(counts).map((key) => [key, line[key]])), counts);
  }
});

test('in the second half of the delay clients are told to leave, and new ones are served', async () => {
  const sidecar = await start(['--drain_delay_ms=3000']);
  sidecar.process.kill('SIGTERM');
  await sidecar.line(({ event }) => event === 'ending');
  const kept = await connected(sidecar);
  let answers = 0;
  for (let isTold = false; !isTold; answers++) {
    kept.send(GET('/'));
    const answer = await kept.answer();
    assert.equal(answer.status, 200);
    isTold = answer.headers.get('connection') === 'close';
  }
  assert.ok(answers > 1);
  const late = await connected(sidecar);
  late.send(GET('/'));
  assert.equal((await late.answer()).headers.get('connection'), 'close');
  assert.ok(!sidecar.lines.some(({ event }) => event === 'draining'));
  assert.equal(await sidecar.exited, 0);
});
