import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AlternateMetrics } from '../../../src/features/fallback/alternate-metrics.ts';
import { Registry } from '../../../src/ledger/metrics/registry.ts';
import { textOf } from '../../support/metrics-text.ts';
import { requestRecord } from '../../support/telemetry-records.ts';

it('answers in another’s place are counted for the model that was asked, and only good ones', async () => {
  const registry = new Registry();
  const all = new AlternateMetrics(registry);
  const fallback = { asked: 'large', reason: 'fallback', at: 1 } as const;
  all.recordRequest(requestRecord({ fallback }));
  all.recordRequest(requestRecord({ fallback }));
  all.recordRequest(requestRecord({ fallback: { ...fallback, reason: 'degraded' } }));
  all.recordRequest(requestRecord({ fallback, outcome: 'backend_failed' }));
  const text = await textOf(registry);
  const count = (reason: string): number =>
    Number(new RegExp(`\\{model="large",reason="${reason}"\\} (\\d+)`).exec(text)![1]);
  assert.deepEqual([count('fallback'), count('degraded')], [2, 1]);
});
