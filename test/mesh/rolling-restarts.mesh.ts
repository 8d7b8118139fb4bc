/**
 * Rolling restarts as a mesh without retries sees them: three sidecars in front of one application and a model, behind
 * an Envoy that asks for their health. One after the other is told to end and comes back on its ports. Every request is
 * sent once, and answered.
 *
 *   SIGTERM ── drain_delay_ms: Envoy learns that it is not ready ── drain ── ended ── ready again ── Envoy sends ── next
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { RestartClients, type RestartRequest, type RestartTarget } from '../support/restart-clients.ts';
import { RESTART_REQUESTS } from '../support/restarts.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { type Envoy, startEnvoy } from './envoy.ts';
import { restAddress } from './half-plus-two.ts';

const SIDECARS = 3;
const RESTARTS = Number(process.env['PILLION_RESTARTS'] ?? 3);
const REQUESTS_PER_SECOND = Number(process.env['PILLION_RESTART_RATE'] ?? 600);
const CLIENTS_PER_TARGET = 20;
/** Envoy looks at health so often … */
const HEALTH_INTERVAL_MS = 250;
/** … and may wait for an answer for a second: a delay of both is enough, however busy the machine is. */
const DRAIN_DELAY_MS = 1500;
/** Looks without an answer in time count for nothing: on a busy machine all could be late. An answer that says no counts. */
const LATE_LOOKS = 1000;
/** What tells why Envoy has answered for a sidecar. */
const ENVOY_STATS = [
  ...[
    'upstream_cx_none_healthy',
    'upstream_cx_connect_fail',
    'upstream_cx_connect_timeout',
    'upstream_rq_pending_overflow',
  ],
  ...['upstream_cx_destroy_remote_with_active_rq', 'upstream_rq_rx_reset', 'upstream_rq_503'],
];

const PAGE: RestartRequest = {
  bytes: Buffer.from('GET /page HTTP/1.1\r\nhost: a\r\n\r\n'),
  isRight: (body) => body.toString() === 'a page',
};
/** What is asked, beside the inference requests of RESTART_REQUESTS. */
const KINDS: readonly (readonly [name: string, RestartTarget['protocol'], RestartRequest])[] = [
  ['REST', 'rest', RESTART_REQUESTS.rest],
  ['gRPC', 'grpc', RESTART_REQUESTS.grpc],
  ['the application', 'rest', PAGE],
];

const app = createServer((_request, response) => response.end('a page'));

before(() => new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve)));
after(() => {
  killSidecars();
  app.closeAllConnections();
  app.close();
});

test(`${RESTARTS} restarts under ${REQUESTS_PER_SECOND} requests a second`, async (t) => {
  const { port } = app.address() as AddressInfo;
  const models = writeSurfaceModels(tempDirectory(t), ['float']);
  const args = [`--app=http://127.0.0.1:${port}`, `--drain_delay_ms=${DRAIN_DELAY_MS}`, '--num_batch_threads=1'];
  const start = (ports: readonly string[] = []): Promise<Sidecar> => startSidecar([...models, ...args, ...ports]);
  const sidecars = await Promise.all(Array.from({ length: SIDECARS }, () => start()));
  const envoy = await startEnvoy(t, {
    grpc: sidecars.map(({ grpc }) => grpc),
    rest: sidecars.map(restAddress),
    restHealthPath: '/v2/health/ready',
    healthIntervalMs: HEALTH_INTERVAL_MS,
    unhealthyThreshold: LATE_LOOKS,
  });
  const periodMs = (1000 * KINDS.length * CLIENTS_PER_TARGET) / REQUESTS_PER_SECOND;
  const clients = KINDS.map(
    ([name, protocol, request]) =>
      new RestartClients({ name, protocol, address: envoy.address }, request, CLIENTS_PER_TARGET, periodMs),
  );
  const since = performance.now();
  for (let i = 0; i < RESTARTS; i++) {
    const at = i % SIDECARS;
    sidecars[at] = await restart(sidecars[at]!, envoy, start);
  }
  const seconds = (performance.now() - since) / 1000;
  await Promise.all(clients.map((each) => each.stop()));
  for (const cluster of ['rest', 'grpc']) {
    const stats = await Promise.all(ENVOY_STATS.map((name) => envoy.stat(`cluster.${cluster}.${name}`)));
    t.diagnostic(`Envoy, ${cluster}: ${ENVOY_STATS.map((name, i) => `${name} ${stats[i]}`).join(', ')}`);
  }
  let answered = 0;
  for (const { target, tally } of clients) {
    const { answered: count, connections, ...failures } = tally;
    answered += count;
    t.diagnostic(`${target.name}: ${count} answered on ${connections} connections`);
    const none = { turnedAway: 0, again: 0, failedConnects: 0, firstWasReset: 0, afterIdle: 0, lost: [], wrong: [] };
    assert.deepEqual({ ...failures }, none, target.name);
  }
  t.diagnostic(`${Math.round(answered / seconds)} requests a second in ${Math.round(seconds)} s`);
});

/** Ends the sidecar, and starts the next one on its ports. */
async function restart(
  sidecar: Sidecar,
  envoy: Envoy,
  start: (ports: readonly string[]) => Promise<Sidecar>,
): Promise<Sidecar> {
  assert.equal(await sidecar.stop(), 0, sidecar.output());
  const next = await start([`--port=${sidecar.grpc.split(':')[1]}`, `--rest_api_port=${new URL(sidecar.rest).port}`]);
  await envoy.untilHealthy({ grpc: SIDECARS, rest: SIDECARS });
  return next;
}
