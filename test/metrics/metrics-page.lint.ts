/** A real sidecar's metrics, as Prometheus' own tools judge them. `npm test -- metrics`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { after, it } from 'node:test';
import * as prom from 'prom-client';
import { floats, predictLog, writeRecords } from '../support/prediction-logs.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';

/** Standard output of a program that is content with `text`. */
function judged(program: string, args: readonly string[], text: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { input: text, encoding: 'utf8' });
  assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
  return stdout + stderr;
}

function toolOf(name: string): string {
  const tool = process.env[name];
  assert.ok(tool, `${name} names no program; run this by npm test -- metrics`);
  return tool;
}

after(killSidecars);

it('the metrics of a sidecar that has served', async (t) => {
  const directory = tempDirectory(t);
  const flags = writeSurfaceModels(directory, ['float', 'examples']);
  const warmUpFile = join(directory, 'float', '1', 'assets.extra', 'tf_serving_warmup_requests');
  const row = { ...floats(1, 2, 3, 4), tensorShape: { dim: [{ size: 1n }, { size: 4n }] } };
  writeRecords(warmUpFile, predictLog({ inputs: { x: row } }));
  const sidecar = await startSidecar(flags);
  const headers = { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01` };
  for (const body of ['{"instances":[[1,2,3,4]]}', '{"instances":[[1]]}']) {
    await fetch(`${sidecar.rest}/v1/models/float:predict`, { method: 'POST', headers, body });
  }
  const examples = JSON.stringify({ signature_name: 'regress', examples: [{ x: [1, 2, 3, 4] }, { x: [5, 6, 7, 8] }] });
  const regressed = await fetch(`${sidecar.rest}/v1/models/examples:regress`, { method: 'POST', body: examples });
  assert.equal(regressed.status, 200, await regressed.text());
  const page = async (path: string, accept: string): Promise<string> =>
    (await fetch(sidecar.admin + path, { headers: { accept } })).text();

  await t.test('are clean to promtool', async () => {
    const text = await page('/metrics', 'text/plain');
    assert.match(text, /pillion_request_duration_seconds_count/);
    assert.equal(judged(toolOf('PILLION_TEST_PROMTOOL'), ['check', 'metrics'], text), '');
  });

  await t.test('have the load that /headroom tells', async () => {
    const before = JSON.parse(await page('/headroom', 'application/json')) as Record<string, number>;
    const text = await page('/metrics', 'text/plain');
    const after = JSON.parse(await page('/headroom', 'application/json')) as Record<string, number>;
    for (const name of ['load', 'headroom']) {
      const told = Number(new RegExp(`^pillion_${name} (\\S+)$`, 'm').exec(text)?.[1]);
      // It is measured each second, and may be so between two questions.
      assert.ok(told === before[name] || told === after[name], `${name}: ${told}, /headroom: ${before[name]}`);
    }
  });

  await t.test('have what TensorFlow Serving counts, under its names', async () => {
    const text = await page('/monitoring/prometheus/metrics', 'text/plain');
    const path = join(directory, 'float', '1');
    for (const line of [
      ':tensorflow:serving:request_example_counts_sum{model="examples"} 2',
      ':tensorflow:serving:request_example_count_total{model="examples"} 2',
      `:tensorflow:serving:model_warmup_latency_count{model_path="${path}",status="OK"} 1`,
      `:tensorflow:serving:model_warmup_records_read{model_path="${path}",status="OK"} 1`,
      `:tensorflow:cc:saved_model:load_attempt_count{model_path="${path}",status="success"} 1`,
    ]) {
      assert.ok(text.includes(`\n${line}\n`), `${line} is not in\n${text}`);
    }
    assert.match(text, /^# TYPE :tensorflow:serving:request_log_count counter$/m);
  });

  for (const path of ['/metrics', '/monitoring/prometheus/metrics']) {
    await t.test(`are OpenMetrics to its strict parser, with the caller's trace: ${path}`, async () => {
      const script = 'test/metrics/parse_openmetrics.py';
      const found = judged(toolOf('PILLION_TEST_PYTHON'), [script], await page(path, OPENMETRICS));
      assert.deepEqual((JSON.parse(found) as { trace_ids: string[] }).trace_ids, [TRACE_ID]);
    });
  }
  assert.equal(await sidecar.stop(), 0);
});

type OpenRegistry = prom.Registry<prom.OpenMetricsContentType>;

/** The page of an application in Node, in the format that it is asked for. */
async function pageOfApp(isOpen: boolean): Promise<{ readonly contentType: string; readonly text: string }> {
  const registry = new prom.Registry();
  // Its types have one format for each registry.
  if (isOpen) (registry as unknown as OpenRegistry).setContentType(prom.openMetricsContentType);
  prom.collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new prom.Counter({ name: 'orders_total', help: 'Orders.', labelNames: ['kind'], registers }).inc({ kind: 'a"b' }, 2);
  new prom.Histogram({ name: 'order_seconds', help: 'Time of an order.', registers }).observe(0.2);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

it('the metrics of a sidecar and its application', async (t) => {
  const app = createServer((request, response) => {
    const isOpen = request.headers.accept?.includes('openmetrics') === true;
    void pageOfApp(isOpen).then(({ contentType, text }) => response.setHeader('content-type', contentType).end(text));
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  t.after(() => app.close());
  const url = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  const flags = writeSurfaceModels(tempDirectory(t), ['float']);
  const sidecar = await startSidecar([
    ...flags,
    `--app=${url}`,
    `--app_metrics_url=${url}/metrics`,
    '--metrics_port=0',
  ]);
  const ready = await sidecar.line(({ event }) => event === 'ready');
  const pages = [`${sidecar.rest}/monitoring/prometheus/metrics`, `http://${ready['metrics'] as string}/metrics`];
  const page = async (of: string, accept: string): Promise<string> => (await fetch(of, { headers: { accept } })).text();
  // promtool wants a `_total` behind TensorFlow Serving's counters, which have none.
  const theirs = (text: string): string => text.slice(text.indexOf('# HELP orders_total'));

  for (const of of pages) {
    const text = await page(of, 'text/plain');
    assert.match(text, /^pillion_app_metrics_up 1$/m);
    assert.match(text, /^orders_total\{kind="a\\"b"\} 2$/m);
    assert.equal(text.match(/^# TYPE process_cpu_seconds_total /gm)?.length, 1);
    assert.equal(judged(toolOf('PILLION_TEST_PROMTOOL'), ['check', 'metrics'], theirs(text)), '');
    const open = await page(of, OPENMETRICS);
    assert.match(open, /^orders_total\{kind="a\\"b"\} 2$/m);
    assert.equal(open.match(/^# EOF$/gm)?.length, 1);
    judged(toolOf('PILLION_TEST_PYTHON'), ['test/metrics/parse_openmetrics.py'], open);
  }
  const { names } = await sidecar.line(({ event }) => event === 'app_metrics_dropped');
  assert.ok((names as string[]).includes('process_cpu_seconds_total'));
  assert.equal(await sidecar.stop(), 0);
});
