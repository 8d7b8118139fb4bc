/** Triton's names: the totals of each version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceStatistics } from '../../../src/features/open-inference/statistics/inference-statistics.ts';
import { tritonFamilies, tritonPending } from '../../../src/features/open-inference/statistics/triton-metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

async function valuesOf(statistics: InferenceStatistics): Promise<Readonly<Record<string, number>>> {
  const families = await Promise.all(tritonFamilies(statistics).map((family) => family.get()));
  return Object.fromEntries(
    families.flatMap(({ type, values }) => {
      assert.equal(type, 'counter');
      return values.map(({ metricName, labels, value }) => [
        `${metricName}{${Object.entries(labels).map(([label, text]) => `${label}=${text}`)}}`,
        value,
      ]);
    }),
  );
}

test('requests, rows, runs and times of a version', async () => {
  const statistics = new InferenceStatistics(new FakeClock());
  assert.deepEqual(await valuesOf(statistics), {});
  const good = requestRecord({ rows: 3 });
  statistics.recordRequest(good);
  statistics.recordRequest(requestRecord({ rows: 5, outcome: 'overloaded' }));
  statistics.recordBatch(batchRecord({}));
  const { model, version, stages } = good;
  const values = await valuesOf(statistics);
  const of = (name: string): number | undefined => values[`nv_inference_${name}{model=${model},version=${version}}`];
  assert.equal(of('request_success'), 1);
  assert.equal(of('count'), 3);
  assert.equal(of('exec_count'), 1);
  assert.equal(of('request_duration_us'), Math.round((stages.finishedAt - stages.startedAt) * 1000));
  const failures = (reason: string): number | undefined =>
    values[`nv_inference_request_failure{model=${model},version=${version},reason=${reason}}`];
  assert.deepEqual(['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map(failures), [1, 0, 0, 0]);
  assert.deepEqual([...new Set(Object.keys(values).map((key) => key.slice(0, key.indexOf('{'))))].sort(), [
    'nv_inference_compute_infer_duration_us',
    'nv_inference_compute_input_duration_us',
    'nv_inference_compute_output_duration_us',
    'nv_inference_count',
    'nv_inference_exec_count',
    'nv_inference_queue_duration_us',
    'nv_inference_request_duration_us',
    'nv_inference_request_failure',
    'nv_inference_request_success',
  ]);
});

test('the cache of a version that has one', async () => {
  const statistics = new InferenceStatistics(new FakeClock());
  statistics.recordRequest(requestRecord());
  for (const cache of ['miss', 'hit', 'coalesced', 'hit'] as const) {
    statistics.recordRequest(requestRecord({ model: 'kept', cache, cacheMs: 0.5 }));
  }
  const values = await valuesOf(statistics);
  assert.deepEqual(
    Object.entries(values).filter(([key]) => key.startsWith('nv_cache_')),
    [
      ['nv_cache_num_hits_per_model{model=kept,version=3}', 3],
      ['nv_cache_num_misses_per_model{model=kept,version=3}', 1],
      ['nv_cache_hit_duration_per_model{model=kept,version=3}', 1500],
      ['nv_cache_miss_duration_per_model{model=kept,version=3}', 500],
    ],
  );
});

test('the requests that wait', async () => {
  const queue = { model: 'digits', version: '3', rows: 40, tasks: 7, runningBatches: 1 };
  const { name, type, values } = await tritonPending(() => [queue]).get();
  assert.deepEqual([name, type], ['nv_inference_pending_request_count', 'gauge']);
  assert.deepEqual(values, [{ metricName: name, labels: { model: 'digits', version: '3' }, value: 7 }]);
});
