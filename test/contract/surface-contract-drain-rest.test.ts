/**
 * `pillion serve` told to end under HTTP/1.1 clients that keep their connections: whoever has sent a request has its
 * answer, the last of a connection says so, and nobody is waited for who is idle.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, describe, test } from 'node:test';
import { isStopped } from '../support/child-processes.ts';
import { type Ask, ClosedLoops } from '../support/closed-loop.ts';
import { RawConnection } from '../support/rest-harness.ts';
import { killSidecars } from '../support/sidecar.ts';
import { readAnswer, restBytes } from '../support/surface-clients.ts';
import { floats, predict } from '../support/surface-request.ts';
import { type SurfaceSidecar, startSurfaceSidecar } from '../support/surface-sidecar.ts';
import { slowRows } from './surface-contract-stages.ts';

const CLIENTS = 32;
/** Longer than what is in flight takes on any machine. */
const DRAIN_TIMEOUT_MS = 600_000;
/** Far below the drain's timeout, far above its grace. */
const SOON_MS = 60_000;
const { rest: SEND } = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } });
const BODY = String(SEND.body);
const PATH = '/v1/models/float:predict';
/** One write, a body of known length: the plain lane. */
const PLAIN = restBytes(SEND);
/** Chunks are node:http's. */
const CHUNKED = Buffer.from(
  `POST ${PATH} HTTP/1.1\r\nhost: sidecar\r\ntransfer-encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
);

const directory = mkdtempSync(join(tmpdir(), 'pillion-drain-rest-'));

afterEach(killSidecars);
after(() => rmSync(directory, { recursive: true }));

const start = (): Promise<SurfaceSidecar> =>
  startSurfaceSidecar(directory, { models: ['float', 'slow'], args: [`--drain_timeout_ms=${DRAIN_TIMEOUT_MS}`] });

async function draining(server: SurfaceSidecar): Promise<void> {
  server.sidecar.process.kill('SIGTERM');
  await server.sidecar.line(({ event }) => event === 'draining');
}

/** Ends the server under the clients; all that they sent has a whole, good answer. */
async function endUnder(server: SurfaceSidecar, loops: ClosedLoops): Promise<void> {
  await loops.untilWarm();
  const toldAt = performance.now();
  server.sidecar.process.kill('SIGTERM');
  const results = await loops.results();
  assert.deepEqual(
    results.flatMap(({ error }) => (error === undefined ? [] : [String(error)])),
    [],
  );
  for (const { sent, answers, isRefused } of results) {
    assert.equal(answers.length, sent);
    assert.ok(answers.every(({ status }) => status === 200));
    // An Agent of one socket and a raw connection have no other; fetch shares a pool, and may look for one.
    assert.equal(answers.at(-1)?.closes, !isRefused);
  }
  assert.equal(await server.sidecar.exited, 0);
  assert.ok(performance.now() - toldAt < SOON_MS);
  assert.deepEqual(server.defects, []);
}

/** A request by node:http. */
function askWith(agent: Agent, address: string): Ask {
  return () =>
    new Promise((resolve, reject) => {
      const [host, port] = address.split(':');
      const sent = request({ host, port, path: PATH, method: 'POST', agent }, (response) => {
        const closes = response.headers.connection === 'close';
        buffer(response).then(() => resolve({ status: response.statusCode!, closes }), reject);
      });
      sent.once('error', reject);
      sent.end(BODY);
    });
}

describe('SIGTERM under clients that keep their connections loses no request', () => {
  test('of the plain lane', async () => {
    const server = await start();
    const loops = new ClosedLoops();
    await loops.connect(server.rest, PLAIN, CLIENTS);
    await endUnder(server, loops);
  });

  test('of node:http’s', async () => {
    const server = await start();
    const loops = new ClosedLoops();
    await loops.connect(server.rest, CHUNKED, CLIENTS);
    await endUnder(server, loops);
  });

  test('of an http.Agent', async () => {
    const server = await start();
    const loops = new ClosedLoops();
    const agents = Array.from({ length: CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    for (const agent of agents) loops.add(askWith(agent, server.rest));
    await endUnder(server, loops);
    for (const agent of agents) agent.destroy();
  });

  test('of fetch', async () => {
    const server = await start();
    const loops = new ClosedLoops();
    for (let i = 0; i < CLIENTS; i++) {
      loops.add(async () => {
        const response = await fetch(`http://${server.rest}${PATH}`, { method: 'POST', body: BODY });
        await response.arrayBuffer();
        return { status: response.status, closes: response.headers.get('connection') === 'close' };
      });
    }
    await endUnder(server, loops);
  });

  test('of clients that are connected and have not been taken from the kernel yet', async () => {
    const server = await start();
    const loops = new ClosedLoops();
    server.sidecar.process.kill('SIGSTOP');
    // Where all cores are busy it may be woken by the signal and get one later, with the connections that came meanwhile.
    while (!isStopped(server.sidecar.process.pid!)) await new Promise((resolve) => setImmediate(resolve));
    await loops.connect(server.rest, PLAIN, CLIENTS);
    server.sidecar.process.kill('SIGTERM');
    server.sidecar.process.kill('SIGCONT');
    const results = await loops.results();
    assert.deepEqual(
      results.map(({ answers }) => answers),
      Array.from({ length: CLIENTS }, () => [{ status: 200, closes: true }]),
    );
    assert.equal(await server.sidecar.exited, 0);
  });
});

describe('in the drain', () => {
  test('what was sent ahead is answered, and the last answer alone ends the connection', async () => {
    const server = await start();
    const connections = [new RawConnection(server.rest), new RawConnection(server.rest)];
    await Promise.all(connections.map((connection) => connection.opened()));
    const slow = restBytes(predict(slowRows(40)).rest);
    const [together, apart] = connections;
    together!.send(Buffer.concat([slow, slow, slow]));
    apart!.send(slow);
    await server.until((page) => page.inFlight === 4 && page.running('slow') === 1);
    apart!.send(Buffer.concat([PLAIN, CHUNKED]));
    await draining(server);
    for (const connection of connections) {
      const answers = [await readAnswer(connection), await readAnswer(connection), await readAnswer(connection)];
      assert.deepEqual(
        answers.map(({ code, closes }) => [code, closes]),
        [
          [200, false],
          [200, false],
          [200, true],
        ],
      );
      assert.equal(await connection.ended(), '');
    }
    assert.equal(await server.sidecar.exited, 0);
  });

  test('an open connection has one more answer, an idle one is ended soon', async () => {
    const server = await start();
    const names = ['silent', 'answered', 'late', 'metrics'] as const;
    const connections = new Map(names.map((name) => [name, new RawConnection(server.rest)]));
    await Promise.all([...connections.values()].map((connection) => connection.opened()));
    const { silent, answered, late, metrics } = Object.fromEntries(connections) as Record<string, RawConnection>;
    answered!.send(PLAIN);
    assert.equal((await readAnswer(answered!)).closes, false);
    await draining(server);
    const toldAt = performance.now();
    late!.send(PLAIN);
    metrics!.get('/monitoring/prometheus/metrics');
    for (const connection of [late!, metrics!]) {
      const { status, headers } = await connection.answer();
      assert.deepEqual([status, headers.get('connection')], [200, 'close']);
      assert.equal(await connection.ended(), '');
    }
    for (const connection of [silent!, answered!]) assert.equal(await connection.ended(), '');
    assert.equal(await server.sidecar.exited, 0);
    assert.ok(performance.now() - toldAt < SOON_MS);
  });
});
