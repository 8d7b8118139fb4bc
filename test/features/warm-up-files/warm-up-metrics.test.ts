/** TensorFlow Serving's names: of warm-ups. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WarmUpMetrics } from '../../../src/features/warm-up-files/warm-up-metrics.ts';

/** The samples of one family: labels as they are printed, and the value. */
async function samplesOf({ families }: WarmUpMetrics, name: string): Promise<Readonly<Record<string, number>>> {
  const { values } = await families.find((each) => each.name === name)!.get();
  return Object.fromEntries(
    values.map(({ metricName, labels, value }) => {
      const shown = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
      return [`${metricName!.slice(name.length)}{${shown.join(',')}}`, value];
    }),
  );
}

describe('versions', () => {
  it('have their warm-ups measured, by the name of their status', async () => {
    const metrics = new WarmUpMetrics();
    metrics.record({ versionDirectory: '/m/1', records: 4, tookMs: 3, outcome: 'ok' });
    metrics.record({ versionDirectory: '/m/2', records: 1, tookMs: 1, outcome: 'load_failed' });
    const latency = await samplesOf(metrics, ':tensorflow:serving:model_warmup_latency');
    assert.equal(latency['_sum{model_path=/m/1,status=OK}'], 3000);
    assert.equal(latency['_count{model_path=/m/2,status=FAILED_PRECONDITION}'], 1);
    assert.deepEqual(await samplesOf(metrics, ':tensorflow:serving:model_warmup_records_read'), {
      '{model_path=/m/1,status=OK}': 4,
      '{model_path=/m/2,status=FAILED_PRECONDITION}': 1,
    });
  });
});
