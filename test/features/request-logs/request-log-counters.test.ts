import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestLogCounters, TfServingRequestLogs } from '../../../src/features/request-logs/request-log-counters.ts';
import { Registry } from '../../../src/ledger/metrics/registry.ts';

async function samplesOf(counters: RequestLogCounters): Promise<Readonly<Record<string, number>>> {
  const { name, values } = await new TfServingRequestLogs(counters.family).get();
  assert.equal(name, ':tensorflow:serving:request_log_count');
  return Object.fromEntries(
    values.map(({ labels, value }) => {
      const shown = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
      return [`{${shown.join(',')}}`, value];
    }),
  );
}

describe('request logs', () => {
  it('have the status of each outcome', async () => {
    const counters = new RequestLogCounters(new Registry());
    const digits = counters.of('digits');
    digits.add('written', 7);
    digits.add('dropped', 2);
    digits.add('failed', 1);
    assert.deepEqual(await samplesOf(counters), {
      '{model_name=digits,status_code=OK}': 7,
      '{model_name=digits,status_code=RESOURCE_EXHAUSTED}': 2,
      '{model_name=digits,status_code=UNAVAILABLE}': 1,
    });
  });

  it('have no series where nothing is logged', async () => {
    assert.deepEqual(await samplesOf(new RequestLogCounters(new Registry())), {});
  });
});
