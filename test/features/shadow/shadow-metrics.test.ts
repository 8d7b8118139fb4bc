import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShadowMetrics } from '../../../src/features/shadow/shadow-metrics.ts';
import { Metrics } from '../../../src/ledger/metrics/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { textOf } from '../../support/metrics-text.ts';

const LABELS = 'model="m",version="1",runtime="tfjs"';
const OF_Y = `${LABELS},signature="s",output="y"`;

function harness() {
  const clock = new FakeClock();
  const metrics = new Metrics({ clock });
  const shadows = new ShadowMetrics(metrics.registry);
  const series = shadows.seriesOf('m', '1', 'tfjs');
  const has = async (line: string): Promise<boolean> => (await textOf(metrics)).split('\n').includes(line);
  return { clock, metrics, shadows, series, has };
}

const compared = (absolute: number | undefined, mismatches: number) => ({
  signatureName: 's',
  isDifferent: mismatches > 0,
  latencyRatio: 4,
  differences: [{ output: 'y', mismatches, absolute, relative: absolute }],
});

describe('metrics of shadows', () => {
  it('count batches by how they came out, and differences by output', async () => {
    const { series, has } = harness();
    series.addComparison(compared(0, 0));
    series.addComparison(compared(0.5, 3));
    series.addComparison(compared(undefined, 2));
    series.addLeftOut('busy');
    for (const line of [
      `pillion_shadow_batches_total{${LABELS},outcome="same"} 1`,
      `pillion_shadow_batches_total{${LABELS},outcome="different"} 2`,
      `pillion_shadow_batches_total{${LABELS},outcome="busy"} 1`,
      `pillion_shadow_mismatches_total{${OF_Y}} 5`,
      `pillion_shadow_absolute_difference_bucket{le="0",${OF_Y}} 1`,
      `pillion_shadow_absolute_difference_count{${OF_Y}} 2`,
      `pillion_shadow_relative_difference_sum{${OF_Y}} 0.5`,
      `pillion_shadow_latency_ratio_sum{${LABELS},signature="s"} 12`,
    ])
      assert.ok(await has(line), line);
  });

  it('go on with the series of a version that is loaded anew, and are gone a minute after it', async () => {
    const { clock, metrics, shadows, series, has } = harness();
    const same = `pillion_shadow_batches_total{${LABELS},outcome="same"}`;
    series.addComparison(compared(0, 0));
    shadows.seriesOf('m', '1', 'tfjs').addComparison(compared(0, 0));
    assert.ok(await has(`${same} 2`));
    metrics.forgetVersion('m', '1');
    clock.advance(60_000);
    assert.doesNotMatch(await textOf(metrics), /pillion_shadow_\w+\{/);
    series.addComparison(compared(0, 0));
    assert.ok(await has(`${same} 1`));
  });
});
