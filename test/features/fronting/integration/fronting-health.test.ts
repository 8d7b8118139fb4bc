/** `--app_health_path`, `--app_health_service`: when the application counts as well, and what is told while it does not. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '../../../../src/core/clock.ts';
import { parseAppAddress } from '../../../../src/proxy/fronting/app/app-address.ts';
import { AppHealth, type AskApp } from '../../../../src/proxy/fronting/app/app-health.ts';
import { askByHttp } from '../../../../src/proxy/fronting/app/app-health-http.ts';
import { healthClient } from '../../../../src/proxy/protocols/health/health-client.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { DIGITS, killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** Of real time: the most that an answer may take which never comes. */
const LATE_MS = 100;
/** Also the most that an answer may take. */
const INTERVAL_MS = 1000;
const PATIENT_MS = 10_000;

afterEach(killSidecars);

/** What changed, after how many looks, until it was well and then not. Time passes only between two looks. */
function changesOf(ask: AskApp, failures: number, looks: () => number): Promise<unknown[]> {
  const changes: unknown[] = [];
  const clock = new FakeClock();
  const askInTurn: AskApp = async (...how) => {
    const look = await ask(...how);
    setImmediate(() => clock.advance(INTERVAL_MS));
    return look;
  };
  return new Promise((resolve) => {
    const health = new AppHealth({
      ...{ clock, ask: askInTurn, intervalMs: INTERVAL_MS, failures },
      onChange: (isWell, why) => {
        changes.push([isWell, looks(), why, health.problem]);
        if (isWell) return;
        health.close();
        resolve(changes);
      },
    });
    assert.equal(health.problem, 'it was not asked yet');
    health.start();
  });
}

test('one good answer makes well, as many bad ones in a row as were set do not', async () => {
  const answers = [503, 204, 500, 500, 200, 404, 404, 404];
  let asked = 0;
  const server = createServer((request, response) => {
    assert.equal(request.url, '/healthz?x');
    response.writeHead(answers[asked] ?? 404).end('…');
    asked += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = parseAppAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  assert.deepEqual(await changesOf(askByHttp(address, '/healthz?x'), 3, () => asked), [
    [true, 2, 'status 204', undefined],
    [false, 8, 'status 404', 'status 404'],
  ]);
  asked = 0;
  assert.deepEqual(await changesOf(askByHttp(address, '/healthz?x'), 1, () => asked), [
    [true, 2, 'status 204', undefined],
    [false, 3, 'status 500', 'status 500'],
  ]);
  await new Promise((resolve) => server.close(resolve));
});

test('an application that asks for another protocol is not well, and is asked again', async () => {
  const sockets: Socket[] = [];
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    if (asked === 1) response.end();
    else response.socket!.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
  });
  server.on('connection', (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = parseAppAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const why = 'the connection closed without an answer';
  assert.deepEqual(await changesOf(askByHttp(address, '/'), 2, () => asked), [
    [true, 1, 'status 200', undefined],
    [false, 3, why, why],
  ]);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** grpc.health.v1 by status of each service; undefined: it never answers. */
async function healthServer(
  address: string,
  statuses: ReadonlyMap<string, number | undefined>,
): Promise<[Server, number]> {
  const server = new Server();
  const identity = (bytes: Buffer): Buffer => bytes;
  const check: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => {
    const service = request.subarray(2).toString();
    const status = statuses.get(service);
    if (!statuses.has(service)) callback({ code: 5, details: 'unknown service' });
    else if (status !== undefined) callback(null, Buffer.from([8, status]));
  };
  server.register('/grpc.health.v1.Health/Check', check, identity, identity, 'unary');
  return [server, await bind(server, address)];
}

describe('an application that speaks gRPC', () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.forceShutdown();
  });

  test('is well while the service is SERVING; whatever else it says is why it is not', async (t) => {
    const statuses = new Map<string, number | undefined>([
      ['', 1],
      ['shop.Orders', 2],
      ['silent', undefined],
    ]);
    const path = join(tempDirectory(t), 'app.sock');
    const [tcp, port] = await healthServer('127.0.0.1:0', statuses);
    const [unix] = await healthServer(`unix:${path}`, statuses);
    servers.push(tcp, unix);
    for (const text of [`http://127.0.0.1:${port}`, `unix:${path}`]) {
      const look = (service: string, mostMs = PATIENT_MS) =>
        healthClient(parseAppAddress(text), service)(systemClock, mostMs);
      assert.deepEqual(await look(''), { isGood: true, why: 'status SERVING' });
      assert.deepEqual(await look('shop.Orders'), { isGood: false, why: 'status NOT_SERVING' });
      assert.deepEqual(await look('other'), {
        isGood: false,
        why: 'its health service does not know this service (unknown service)',
      });
      assert.deepEqual(await look('silent', LATE_MS), { isGood: false, why: `no answer within ${LATE_MS} ms` });
    }
  });

  test('is not well where there is none, or one without health', async () => {
    const bare = new Server();
    const port = await bind(bare, '127.0.0.1:0');
    const look = () => healthClient(parseAppAddress(`http://127.0.0.1:${port}`), '')(systemClock, PATIENT_MS);
    assert.deepEqual(await look(), { isGood: false, why: 'it has no grpc.health.v1.Health service' });
    bare.forceShutdown();
    const { isGood, why } = await look();
    assert.equal(isGood, false);
    assert.match(why, /ECONNREFUSED/);
  });

  test('its health is part of readiness, and the operators are told why', async () => {
    const statuses = new Map([['shop.Orders', 2]]);
    const [server, port] = await healthServer('127.0.0.1:0', statuses);
    servers.push(server);
    const ask = ['--app_health_service=shop.Orders', '--app_health_interval_ms=1000', '--app_health_failures=1'];
    const sidecar = await startSidecar([...DIGITS, `--app=http://127.0.0.1:${port}`, ...ask]);
    const because = `the application at http://127.0.0.1:${port} is not well: status NOT_SERVING`;
    const ready = async (): Promise<readonly [number, string]> => {
      const answer = await fetch(`${sidecar.admin}/ready`);
      return [answer.status, await answer.text()];
    };
    const first = await ready();
    assert.equal(first[0], 503);
    assert.match(first[1], /^not ready: waiting for the application\nthe application at .* is not well: /);
    statuses.set('shop.Orders', 1);
    await sidecar.line(({ event }) => event === 'app_well');
    assert.deepEqual(await ready(), [200, 'ready\n']);
    statuses.set('shop.Orders', 2);
    await sidecar.line(({ event, answer }) => event === 'app_not_well' && answer === 'status NOT_SERVING');
    assert.deepEqual(await ready(), [503, `not ready: waiting for the application\n${because}\n`]);
    const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as { waits_for: string[] };
    assert.deepEqual(report.waits_for, [because]);
    const status = runPillion(['status', `--admin=${new URL(sidecar.admin).host}`]);
    await status.exited;
    assert.match(status.output(), /the application at .* is not well: status NOT_SERVING/);
  });
});

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}
