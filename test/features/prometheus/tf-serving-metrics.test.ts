/** TensorFlow Serving's names: of examples, of versions as they load. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoadMetrics } from '../../../src/features/prometheus/load-metrics.ts';
import { TfServingMetrics } from '../../../src/features/prometheus/tf-serving-metrics.ts';
import { MAX_DIRECTORIES } from '../../../src/ledger/metrics/directory-series.ts';
import type { ReadFamily } from '../../../src/ledger/metrics/registry.ts';
import { emptyTotals, ringOf } from '../../support/columns.ts';
import { requestRecord } from '../../support/telemetry-records.ts';

/** The samples of one family: labels as they are printed, and the value. */
async function samplesOf(
  all: { readonly families: readonly ReadFamily[] },
  name: string,
): Promise<Readonly<Record<string, number>>> {
  const family = all.families.find((each) => each.name === name);
  assert.ok(family, `no family ${name}`);
  const { values } = await family.get();
  return Object.fromEntries(
    values.map(({ metricName, labels, value }) => {
      const shown = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
      return [`${metricName!.slice(name.length)}{${shown.join(',')}}`, value];
    }),
  );
}

function record(all: TfServingMetrics, changes: Parameters<typeof requestRecord>[0]): void {
  const one = requestRecord(changes);
  const totals = emptyTotals();
  totals.followers.add(all);
  totals.recordColumns(ringOf(one), 0, 1);
}

describe('examples', () => {
  it('are counted of the methods that take them, and of what went well', async () => {
    const all = new TfServingMetrics();
    record(all, { method: 'Classify', rows: 3 });
    record(all, { method: 'Regress', rows: 1, surface: 'rest' });
    record(all, { method: 'MultiInference', rows: 16_384 });
    record(all, { method: 'Predict', rows: 100 });
    record(all, { method: 'Classify', rows: 100, outcome: 'overloaded' });
    const counts = await samplesOf(all, ':tensorflow:serving:request_example_counts');
    assert.equal(counts['_count{model=digits}'], 3);
    assert.equal(counts['_sum{model=digits}'], 16_388);
    assert.equal(counts['_bucket{le=1,model=digits}'], 1);
    assert.equal(counts['_bucket{le=4,model=digits}'], 2);
    assert.equal(counts['_bucket{le=16384,model=digits}'], 3);
    assert.equal(Object.keys(counts).length, 15 + 3, 'fifteen bounds, +Inf, sum and count');
    assert.deepEqual(await samplesOf(all, ':tensorflow:serving:request_example_count_total'), {
      '{model=digits}': 16_388,
    });
  });

  it('of a model that has only Predict have no series', async () => {
    const all = new TfServingMetrics();
    record(all, {});
    assert.deepEqual(await samplesOf(all, ':tensorflow:serving:request_example_counts'), {});
  });
});

describe('versions', () => {
  it('have their loads counted by how they ended, and what the good ones took', async () => {
    const { versions, ...all } = setUp();
    versions.record({ directory: '/models/digits/3', tookMs: 12.5, status: 'success' });
    versions.record({ directory: '/models/digits/3', tookMs: 2.25, status: 'success' });
    versions.record({ directory: '/models/digits/4', tookMs: 100, status: 'fail' });
    assert.deepEqual(await all.samples(':tensorflow:cc:saved_model:load_attempt_count'), {
      '{model_path=/models/digits/3,status=success}': 2,
      '{model_path=/models/digits/4,status=fail}': 1,
    });
    assert.deepEqual(await all.samples(':tensorflow:cc:saved_model:load_latency'), {
      '{model_path=/models/digits/3}': 14_750,
    });
  });

  it('are forgotten one by one when there are many, and start again when they come back', async () => {
    const { versions, ...all } = setUp();
    const attempts = () => all.samples(':tensorflow:cc:saved_model:load_attempt_count');
    for (let i = 0; i <= MAX_DIRECTORIES; i++) versions.record({ directory: `/m/${i}`, tookMs: 1, status: 'success' });
    const samples = await attempts();
    assert.equal(Object.keys(samples).length, MAX_DIRECTORIES);
    assert.ok(!('{model_path=/m/0,status=success}' in samples));
    versions.record({ directory: '/m/0', tookMs: 1, status: 'success' });
    assert.equal((await attempts())['{model_path=/m/0,status=success}'], 1);
    assert.ok(!('{model_path=/m/1,status=success}' in (await attempts())));
  });

  function setUp() {
    const all = new LoadMetrics();
    return { versions: all, samples: (name: string) => samplesOf(all, name) };
  }
});
