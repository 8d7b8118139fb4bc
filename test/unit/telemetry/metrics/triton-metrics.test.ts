/** Triton's names: the totals of each version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceStatistics } from '../../../../src/telemetry/metrics/inference-statistics.ts';
import { tritonFamilies } from '../../../../src/telemetry/metrics/triton-metrics.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';

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
  assert.equal(of('request_failure'), 1);
  assert.equal(of('count'), 3);
  assert.equal(of('exec_count'), 1);
  assert.equal(of('request_duration_us'), Math.round((stages.finishedAt - stages.startedAt) * 1000));
  assert.equal(Object.keys(values).length, 9);
});
