/** Envoy weighs sidecars by their load reports. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { type Envoy, startEnvoy } from './envoy.ts';
import { grpcClient, halfPlusTwo, restAddress, restPredict, startHalfPlusTwo } from './half-plus-two.ts';
import { startTimedModel, TIMED_FLAGS } from './timed-model.ts';

const VALUES = [1, 2, 5];

afterEach(killSidecars);

/** Two sidecars behind an Envoy that goes by their reports. */
async function startTwo(t: Parameters<typeof startEnvoy>[0], reports: 'in band' | 'out of band'): Promise<Envoy> {
  const mode = reports === 'in band' ? 'always' : 'asked';
  const sidecars = await Promise.all([0, 1].map(() => startHalfPlusTwo([`--load_reports=${mode}`])));
  return startEnvoy(t, { grpc: sidecars.map(({ grpc }) => grpc), rest: sidecars.map(restAddress), reports });
}

/** Sends until Envoy has a weight for both. */
async function untilWeighed(envoy: Envoy, cluster: string, send: () => Promise<unknown>): Promise<void> {
  await envoy.until(`weights of ${cluster}`, async () => {
    assert.deepEqual(await send(), halfPlusTwo(VALUES));
    return (await envoy.weights(cluster)).every((weight) => weight > 1) ? true : undefined;
  });
}

test('by the reports on answers, over REST and gRPC', async (t) => {
  const envoy = await startTwo(t, 'in band');
  const client = grpcClient(envoy.address);
  t.after(() => client.close());
  await untilWeighed(envoy, 'rest', () => restPredict(envoy.address, VALUES));
  await untilWeighed(envoy, 'grpc', () => client.predict(VALUES));
});

test('by the stream of reports', async (t) => {
  const envoy = await startTwo(t, 'out of band');
  const client = grpcClient(envoy.address);
  t.after(() => client.close());
  await untilWeighed(envoy, 'grpc', () => client.predict(VALUES));
  assert.ok((await envoy.stat('cluster.grpc.lb_orca_oob.reports_received')) >= 2);
  assert.equal(await envoy.stat('cluster.grpc.lb_orca_oob.report_errors'), 0);
});

/** Callers that each have one request open. */
const CALLERS = 24;

for (const reports of ['in band', 'out of band'] as const) {
  test(`a sidecar whose machine is three times as slow weighs less than two thirds of another (${reports})`, async (t) => {
    const directory = tempDirectory(t);
    const models = await Promise.all([1, 3].map((slow) => startTimedModel(join(directory, String(slow)), slow)));
    t.after(() => Promise.all(models.map((model) => model.stop())));
    const flags = [...TIMED_FLAGS, '--load_reports=always'];
    const sidecars = await Promise.all(models.map(({ flag }) => startSidecar([flag, ...flags])));
    const hosts = { grpc: sidecars.map(({ grpc }) => grpc), rest: sidecars.map(restAddress) };
    const envoy = await startEnvoy(t, { ...hosts, reports });
    const client = grpcClient(envoy.address);
    t.after(() => client.close());
    let isOver = false;
    const callers = Array.from({ length: CALLERS }, async () => {
      while (!isOver) await client.predict(VALUES.slice(0, 1)).catch(() => undefined);
    });
    await envoy.until('a weight of the slow one that is less', async () => {
      const [fast, slow] = await envoy.weights('grpc');
      return fast! > 1 && slow! > 1 && slow! < (2 / 3) * fast! ? true : undefined;
    });
    isOver = true;
    await Promise.all(callers);
  });
}
