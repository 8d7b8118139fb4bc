/** TensorFlow Serving's names: of examples, of versions as they load. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TfServingMetrics } from '../../../../src/ledger/metrics/tf-serving-metrics.ts';
import { MAX_PATHS } from '../../../../src/ledger/metrics/tf-serving-version-metrics.ts';
import { ringOf } from '../../../support/columns.ts';
import { requestRecord } from '../../../support/telemetry-records.ts';

/** The samples of one family: labels as they are printed, and the value. */
async function samplesOf(all: TfServingMetrics, name: string): Promise<Readonly<Record<string, number>>> {
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
  all.recordColumns(ringOf(one), 0, 1, all.seriesOf(one));
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
    versions.recordLoad('/models/digits/3', 12.5, 'success');
    versions.recordLoad('/models/digits/3', 2.25, 'success');
    versions.recordLoad('/models/digits/4', 100, 'fail');
    assert.deepEqual(await all.samples(':tensorflow:cc:saved_model:load_attempt_count'), {
      '{model_path=/models/digits/3,status=success}': 2,
      '{model_path=/models/digits/4,status=fail}': 1,
    });
    assert.deepEqual(await all.samples(':tensorflow:cc:saved_model:load_latency'), {
      '{model_path=/models/digits/3}': 14_750,
    });
  });

  it('have their warm-ups measured, by the name of their status', async () => {
    const { versions, ...all } = setUp();
    versions.recordWarmUp({ versionDirectory: '/m/1', records: 4, tookMs: 3, outcome: 'ok' });
    versions.recordWarmUp({ versionDirectory: '/m/2', records: 1, tookMs: 1, outcome: 'load_failed' });
    const latency = await all.samples(':tensorflow:serving:model_warmup_latency');
    assert.equal(latency['_sum{model_path=/m/1,status=OK}'], 3000);
    assert.equal(latency['_count{model_path=/m/2,status=FAILED_PRECONDITION}'], 1);
    assert.deepEqual(await all.samples(':tensorflow:serving:model_warmup_records_read'), {
      '{model_path=/m/1,status=OK}': 4,
      '{model_path=/m/2,status=FAILED_PRECONDITION}': 1,
    });
  });

  it('are forgotten one by one when there are many, and start again when they come back', async () => {
    const { versions, ...all } = setUp();
    const attempts = () => all.samples(':tensorflow:cc:saved_model:load_attempt_count');
    for (let i = 0; i <= MAX_PATHS; i++) versions.recordLoad(`/m/${i}`, 1, 'success');
    const samples = await attempts();
    assert.equal(Object.keys(samples).length, MAX_PATHS);
    assert.ok(!('{model_path=/m/0,status=success}' in samples));
    versions.recordLoad('/m/0', 1, 'success');
    assert.equal((await attempts())['{model_path=/m/0,status=success}'], 1);
    assert.ok(!('{model_path=/m/1,status=success}' in (await attempts())));
  });

  function setUp() {
    const all = new TfServingMetrics();
    return { versions: all.versions, samples: (name: string) => samplesOf(all, name) };
  }
});
