/** GET /arrivals of a real sidecar, and what GET /models, status, doctor and the metrics make of the same requests. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { ModelsReport } from '../../../../src/admin/models-report.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

interface Arrivals {
  readonly now: string;
  readonly span_ms: number;
  readonly dropped: number;
  readonly models: readonly { readonly model: string; readonly version: string; readonly signature: string }[];
  readonly at_ms: readonly number[];
  readonly model: readonly number[];
  readonly rows: readonly number[];
  readonly deadline_ms: readonly (number | null)[];
  readonly outcome: readonly string[];
  readonly took_ms: readonly number[];
}

const ROW = [1, 2, 3, 4];

async function predict(sidecar: Sidecar, instances: readonly unknown[], seconds?: number, model = 'float') {
  const headers = { 'x-request-id': 'a secret of the caller', ...(seconds && { 'request-timeout': String(seconds) }) };
  const init = { method: 'POST', headers, body: JSON.stringify({ instances }) };
  const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, init);
  await answer.arrayBuffer();
  return answer.status;
}

const get = (sidecar: Sidecar, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${sidecar.admin}${path}`, { headers });

describe('a sidecar’s arrivals', () => {
  it('are listed with their size, budget and end, and nothing else of them', async (t) => {
    const sidecar = await startSidecar(writeSurfaceModels(tempDirectory(t), ['float', 'pair']));
    const empty = (await (await get(sidecar, '/arrivals')).json()) as Arrivals;
    assert.deepEqual([empty.models, empty.at_ms, empty.outcome, empty.dropped], [[], [], [], 0]);

    const statuses = [
      await predict(sidecar, [ROW]),
      await predict(sidecar, [ROW, ROW, ROW], 20),
      await predict(sidecar, [[1]]),
      await predict(sidecar, [ROW], undefined, 'nobody'),
    ];
    assert.deepEqual(statuses, [200, 200, 400, 404]);
    await (await fetch(`${sidecar.rest}/v1/models/float`)).arrayBuffer();
    const answer = await get(sidecar, '/arrivals?seconds=60');
    assert.equal(answer.headers.get('content-type'), 'application/json');
    const text = await answer.text();
    assert.doesNotMatch(text, /secret|127\.0\.0\.1/);
    const found = JSON.parse(text) as Arrivals;
    const names = [
      'now',
      'span_ms',
      'dropped',
      'models',
      'at_ms',
      'model',
      'rows',
      'deadline_ms',
      'outcome',
      'took_ms',
    ];
    assert.deepEqual(Object.keys(found), names);
    assert.ok(Math.abs(Date.parse(found.now) - Date.now()) < 60_000, found.now);
    assert.deepEqual([found.span_ms, found.dropped], [60_000, 0]);
    // A request that was refused for its shape had no signature yet, or had one: both are the model's.
    assert.ok(found.models.every(({ model, version }) => model === 'float' && version === '1'));
    assert.deepEqual(found.outcome, ['answered', 'answered', 'failed']);
    assert.deepEqual(found.rows.slice(0, 2), [1, 3]);
    assert.deepEqual(found.deadline_ms, [null, 20_000, null]);
    assert.deepEqual(
      [...found.at_ms].sort((a, b) => a - b),
      found.at_ms,
    );
    assert.ok(found.took_ms.every((ms) => ms > 0) && found.at_ms.every((ms) => ms >= 0 && ms <= 60_000));
    assert.equal(found.models[found.model[1]!]!.signature, 'serving_default');
    assert.equal(await sidecar.stop(), 0);
  });

  it('are refused as the other pages are', async (t) => {
    const sidecar = await startSidecar(writeSurfaceModels(tempDirectory(t), ['float']));
    for (const [path, headers, status, words] of [
      ['/arrivals?seconds=0', {}, 400, /seconds=0 wants a number above 0/],
      ['/arrivals?seconds=x', {}, 400, /seconds=x/],
      ['/arrivals?limit=1', {}, 400, /unknown parameter "limit"; there is seconds/],
      ['/arrivals', { origin: 'http://elsewhere.example' }, 403, /Origin/],
    ] as const) {
      const answer = await get(sidecar, path, headers);
      assert.equal(answer.status, status, path);
      assert.match(await answer.text(), words);
    }
    assert.equal(await sidecar.stop(), 0);
  });

  it('are explained: the bound, the forecasts', async (t) => {
    const sidecar = await startSidecar(writeSurfaceModels(tempDirectory(t), ['float']));
    const before = (await (await get(sidecar, '/models')).json()) as ModelsReport;
    const { bound: none, forecast: nothing } = before.models[0]!.versions[0]!;
    assert.deepEqual([none, nothing], [undefined, undefined]);
    for (let i = 0; i < 40; i++) assert.equal(await predict(sidecar, [ROW], 30), 200);

    const report = (await (await get(sidecar, '/models')).json()) as ModelsReport;
    const { bound, forecast } = report.models[0]!.versions[0]!;
    assert.match(bound!.sentence, /^(nothing|cores|event loop): /);
    assert.deepEqual([forecast!.admitted, forecast!.late_share, forecast!.forecasts], [40, 0, 40]);
    const { p50, p99_5 } = forecast!.error_ms!;
    assert.ok(p50 <= p99_5 && p99_5 < 30_000);
    const page = await (await get(sidecar, '/metrics')).text();
    assert.match(page, /^pillion_forecast_error_seconds\{model="float",version="1",quantile="0\.995"\} -?\d/m);
    assert.match(page, /^pillion_admitted_late_ratio\{model="float",version="1"\} 0$/m);
    const admin = sidecar.admin.slice('http://'.length);
    const status = runPillion(['status', `--admin=${admin}`]);
    assert.equal(await status.exited, 0);
    assert.match(status.output(), /^float version 1: bound: /m);
    const doctor = runPillion(['doctor', `--admin=${admin}`, '--seconds=0']);
    await doctor.exited;
    assert.match(doctor.output(), /^ +bound: .+\n +forecasts: half of 40 answers came .* 0 % of 40 admitted/m);
    assert.equal(await sidecar.stop(), 0);
  });
});
