/** Runs that end the process of their model, under a real sidecar: who loses what. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { fakeModelFlag, WHEN } from '../support/fake-model.ts';
import { untilProved } from '../support/proved-axes.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

afterEach(killSidecars);

const BATCH = 8;

interface Told {
  readonly status: number;
  readonly body: unknown;
}

async function predict({ rest }: Sidecar, caller: string, value: number): Promise<Told> {
  const body = JSON.stringify({ instances: [value] });
  const headers = { 'x-caller': caller };
  const answer = await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', body, headers });
  return { status: answer.status, body: await answer.json() };
}

/** Batches wait until they are full, so that these share one. */
function together(sidecar: Sidecar, values: readonly number[]): Promise<Told[]> {
  return Promise.all(values.map((value, i) => predict(sidecar, `caller ${i}`, value)));
}

it('one request that ends the process loses its batch and its model nothing, and its caller is kept apart', async (t) => {
  const sidecar = await startSidecar([
    fakeModelFlag(t, 'm', ',isolate=true'),
    `--max_batch_size=${BATCH}`,
    '--batch_timeout_micros=60000000',
    '--caller_header=x-caller',
  ]);
  await untilProved(sidecar);
  const good = [2, 4, 6, 8, 10, 12, 14];
  const [crashed, ...others] = await together(sidecar, [WHEN.abort, ...good]);
  assert.deepEqual(
    others.map(({ status, body }) => [status, body]),
    good.map((value) => [200, { predictions: [value / 2 + 2] }]),
  );
  assert.equal(crashed!.status, 500);
  assert.match(JSON.stringify(crashed!.body), /died \(signal SIGABRT\) of the run itself; do not send it again/);
  // Each of the two processes was ended once: by the batch, and by the request alone.
  const lost = () => sidecar.lines.filter(({ msg, level }) => msg === 'worker lost' && level === 'error');
  await sidecar.line(() => lost().length === 2);
  await sidecar.line(({ msg }) => msg === 'worker restarted');

  const again = await predict(sidecar, 'caller 0', WHEN.abort);
  assert.equal(again.status, 500);
  await sidecar.line(() => lost().length === 3);
  // All that the caller sends is kept apart: a full batch of the others needs eight of them.
  const [apart, ...answers] = await together(sidecar, [0, ...good, 16]);
  assert.equal(apart!.status, 200);
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array.from({ length: BATCH }, () => 200),
  );
  const inQuarantine = lost().map(({ quarantine }) => quarantine === true);
  assert.deepEqual(inQuarantine, [false, true, true], 'the process of the others was ended once');
  assert.equal(await sidecar.stop(), 0);
});
