/** A sidecar in front of another one, which is killed under load and comes back: on both HTTP/2 engines. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import type { ModelsReport } from '../../../../src/admin/models-report.ts';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import { ConfigFiles } from '../../../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../../../support/engine-names.ts';
import { remoteModel } from '../../../support/remote-models.ts';
import { DIGITS, killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { MetricsPage } from '../../../support/surface-sidecar.ts';

afterEach(killSidecars);

const SERVED_BY = 'x-inference-served-by';
const BODY = JSON.stringify({ instances: Array.from({ length: 3 }, (_, row) => ({ pixels: pixelsOf(row) })) });

function pixelsOf(row: number): number[] {
  return Array.from({ length: 64 }, (_, i) => (i * (row + 3)) % 17);
}

function predict(sidecar: Sidecar, model: string): Promise<Response> {
  return fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body: BODY });
}

describe('a sidecar in front of another', () => {
  for (const engine of ENGINE_NAMES) {
    it(`gives its answers, falls back while it is dead, and returns to it (${engine})`, async (t) => {
      const socket = join(new ConfigFiles(t).directory, 'far.sock');
      const startFar = (): Promise<Sidecar> =>
        startSidecar([...DIGITS, `--grpc_socket_path=${socket}`, ...engineFlags(engine)]);
      let far = await startFar();
      const front = await startFront(t, socket, engine);
      const answer = await predict(front, 'far');
      assert.equal(answer.headers.get(SERVED_BY), null);
      assert.deepEqual(await answer.json(), await (await predict(far, 'digits')).json());

      far.process.kill('SIGKILL');
      await far.exited;
      const isOpen = { now: false };
      const opened = front.line((line) => line.event === 'breaker' && line['breaker'] === 'open');
      void opened.then(() => {
        isOpen.now = true;
      });
      // Each request is answered, before the breaker opens and after.
      while (!isOpen.now) {
        const all = await Promise.all(Array.from({ length: 8 }, () => predict(front, 'far')));
        for (const each of all) {
          assert.equal(each.status, 200);
          assert.equal(each.headers.get(SERVED_BY), 'near/1; reason=fallback');
          await each.arrayBuffer();
        }
      }
      assert.match(
        String((await opened)['reason']),
        /"far" version 1 is not run for 200 ms: \d+ of \d+ batches failed/,
      );
      await checkShown(front);
      await checkNoted(front);

      rmSync(socket, { force: true });
      far = await startFar();
      const closed = front.line((line) => line.event === 'breaker' && line['breaker'] === 'closed');
      const isClosed = { now: false };
      void closed.then(() => {
        isClosed.now = true;
      });
      while (!isClosed.now) await (await predict(front, 'far')).arrayBuffer();
      assert.equal((await predict(front, 'far')).headers.get(SERVED_BY), null);
      assert.equal(await front.stop(), 0);
      await far.stop();
    });
  }
});

function startFront(t: TestContext, socket: string, engine: string): Promise<Sidecar> {
  const far = remoteModel(t, `address: unix:${socket}\nmodel: digits\n`);
  const config = new ConfigFiles(t).write(
    'pillion.yaml',
    `models:
  - {name: far, base_path: ${far}, fallback: near, breaker: {failures: 3, reset_ms: 200}}
  - {name: near, base_path: examples/digits/models/digits}
`,
  );
  return startSidecar([`--config=${config}`, ...engineFlags(engine)]);
}

/** While the breaker is not closed: a request that it did not let run says so, though another model answered it. */
async function checkNoted(front: Sidecar): Promise<void> {
  for (;;) {
    await (await predict(front, 'far')).arrayBuffer();
    const { requests } = (await (await fetch(`${front.admin}/requests`)).json()) as { requests: RequestEntry[] };
    const refused = requests.find(({ events }) => events?.some(({ name }) => name === 'inference.breaker'));
    if (refused === undefined) continue;
    assert.deepEqual([refused.model, refused.outcome], ['near', 'ok']);
    return;
  }
}

/** While the breaker is not closed: in the metrics, in GET /models, in `pillion status`. */
async function checkShown(front: Sidecar): Promise<void> {
  const page = new MetricsPage(await (await fetch(`${front.admin}/metrics`)).text());
  const stateOf = (state: string): number => page.value('pillion_breaker_state', { model: 'far', state });
  assert.deepEqual([stateOf('closed'), stateOf('open') + stateOf('half_open')], [0, 1]);
  assert.equal(page.value('pillion_breaker_state', { model: 'near', state: 'closed' }), 1);
  assert.ok(page.value('pillion_alternate_answers_total', { model: 'far', reason: 'fallback' }) >= 8);
  const report = (await (await fetch(`${front.admin}/models`)).json()) as ModelsReport;
  const [version] = report.models[0]!.versions;
  assert.notEqual(version!.breaker?.state, 'closed');
  assert.match(version!.breaker?.reason ?? '', /"digits" at unix:/);
  assert.equal(version!.host?.reason, 'backend "remote" runs inline only');
  const status = runPillion(['status', `--admin=${front.admin.slice('http://'.length)}`]);
  assert.equal(await status.exited, 0);
  assert.match(status.output(), /^far version 1: its circuit breaker is (half )?open: "digits" at unix:/m);
}
