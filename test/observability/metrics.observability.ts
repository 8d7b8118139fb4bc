/** What Prometheus has of a sidecar: every series, exemplars that lead to traces, an answer to the dashboard's queries. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, test } from 'node:test';
import { parseMetrics } from '../../src/cli/prometheus-text.ts';
import { restAddress, restPredict, startHalfPlusTwo } from '../mesh/half-plus-two.ts';
import { SENTENCE_MODELS, writeSentenceModel } from '../support/sentence-models.ts';
import { killSidecars, type Sidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { startJaeger } from './jaeger.ts';
import { promtool, startPrometheus } from './prometheus.ts';

afterEach(killSidecars);

const GRAFANA = resolve('deploy/grafana');
const RULES = join(GRAFANA, 'alerts.yaml');

const adminAddress = ({ admin }: Sidecar): string => new URL(admin).host;

const VALUES = [1, 2, 5];
/** Longer than any test: a batch runs when it is full. */
const PATIENCE_MICROS = 1_000_000_000;
const ARGS = ['--host=thread', `--max_batch_size=${VALUES.length}`, `--batch_timeout_micros=${PATIENCE_MICROS}`];

/** Work of every kind: a request that fills a batch, and one that comes too late. */
async function traffic(sidecar: Sidecar): Promise<void> {
  await restPredict(restAddress(sidecar), VALUES);
  const path = `${sidecar.rest}/v1/models/half_plus_two:predict`;
  const body = JSON.stringify({ instances: [1] });
  const late = await fetch(path, { method: 'POST', body, headers: { 'request-timeout': '0.000001' } });
  assert.equal(late.status, 504, await late.text());
}

/** A batch of sentences, of a model that may pad them to the length of others. */
async function sentences(sidecar: Sidecar): Promise<void> {
  const rows = VALUES.map(() => [1, 2]);
  const body = JSON.stringify({ inputs: { input_ids: rows, attention_mask: rows } });
  const answer = await fetch(`${sidecar.rest}/v1/models/encoder:predict`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.text());
}

test('Prometheus scrapes every series that a sidecar tells', async (t) => {
  const sidecar = await startHalfPlusTwo(ARGS);
  await traffic(sidecar);
  const page = parseMetrics(await (await fetch(`${sidecar.admin}/metrics`)).text());
  const prometheus = await startPrometheus(t, adminAddress(sidecar), RULES);
  const wanted = [...page].flatMap(([name, samples]) => samples.map(({ labels }) => seriesKey(name, labels)));
  assert.ok(wanted.length > 200, `${wanted.length}`);
  const scraped = await prometheus.query('{job="pillion"}');
  const found = new Set(
    scraped.map(({ metric: { __name__: name, job: _, instance: __, ...labels } }) => seriesKey(name!, labels)),
  );
  assert.deepEqual(
    wanted.filter((key) => !found.has(key)),
    [],
  );
  assert.equal(await sidecar.stop(), 0);
});

/** A label that is empty is none; bounds of buckets are numbers however they are spelt. */
function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== '');
  const spelt = pairs.map(([key, value]) => `${key}=${key === 'le' || key === 'quantile' ? Number(value) : value}`);
  return `${name}{${spelt.sort().join()}}`;
}

test('an exemplar of a latency histogram leads to a trace that Jaeger has', async (t) => {
  const jaeger = await startJaeger(t);
  const sidecar = await startHalfPlusTwo(ARGS, {
    OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpHttp,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  await traffic(sidecar);
  const prometheus = await startPrometheus(t, adminAddress(sidecar), RULES);
  for (const metric of ['pillion_request_duration_seconds_bucket', 'pillion_stage_duration_seconds_bucket']) {
    const exemplars = await prometheus.until('exemplars', async () => {
      await traffic(sidecar);
      const found = await prometheus.exemplars(`${metric}{model="half_plus_two"}`);
      return found.length > 0 ? found : undefined;
    });
    const traceId = exemplars[0]!.labels['trace_id']!;
    const spans = await jaeger.trace(traceId, (all) => all.some(({ name }) => name === 'Predict half_plus_two'));
    assert.ok(spans.every((span) => span.traceId === traceId));
  }
  assert.equal(await sidecar.stop(), 0);
});

test('each query of the dashboard has an answer', async (t) => {
  const encoder = join(tempDirectory(t), 'encoder');
  writeSentenceModel(encoder, SENTENCE_MODELS.encoder);
  const sidecar = await startHalfPlusTwo([...ARGS, `--model=encoder=${encoder}`, '--pad_variable_length_inputs']);
  const prometheus = await startPrometheus(t, adminAddress(sidecar), RULES);
  const dashboard = JSON.parse(readFileSync(join(GRAFANA, 'dashboard.json'), 'utf8')) as {
    readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  };
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr } of targets) {
      // No worker dies in this test, and none is a process; no model has a shadow, and there is no application.
      const mayBeEmpty = /pillion_(?:host|process_group|shadow|app)_/.test(expr);
      const query = expr
        .replaceAll('$__rate_interval', '10s')
        .replaceAll('$job', 'pillion')
        .replaceAll(/\$(?:instance|model)/g, '.*');
      // What is no PromQL is refused here.
      await prometheus.query(query);
      if (!mayBeEmpty) {
        await prometheus.until(`"${title}": ${query}`, async () => {
          await Promise.all([traffic(sidecar), sentences(sidecar)]);
          const found = await prometheus.query(query);
          return found.some(({ value }) => value[1] !== 'NaN') ? found : undefined;
        });
      }
    }
  }
  assert.equal(await sidecar.stop(), 0);
});

test('promtool finds the alert rules sound, and each fires when it should', () => {
  for (const args of [
    ['check', 'rules', 'alerts.yaml'],
    ['test', 'rules', 'alerts_test.yaml'],
  ]) {
    const { isSound, output } = promtool(args, GRAFANA);
    assert.ok(isSound, output);
  }
});
