import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Metrics } from '../../../../src/ledger/metrics/metrics.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { textOf } from '../../../support/metrics-text.ts';

it('shows what backends count and set, by version, until the version is forgotten', async () => {
  const clock = new FakeClock();
  const metrics = new Metrics({ clock });
  metrics.backends.count('m', '3', 'hits', 2);
  metrics.backends.count('m', '3', 'hits', 1);
  metrics.backends.count('m', '4', 'hits', 5);
  metrics.backends.set('m', '3', 'size', 7);
  metrics.backends.set('m', '3', 'size', 6);
  metrics.backends.set('m', '13', 'size', 1);
  const lines = async (): Promise<string[]> =>
    (await textOf(metrics)).split('\n').filter((line) => line.startsWith('pillion_backend_'));
  assert.deepEqual(await lines(), [
    'pillion_backend_events_total{model="m",version="3",name="hits"} 3',
    'pillion_backend_events_total{model="m",version="4",name="hits"} 5',
    'pillion_backend_value{model="m",version="3",name="size"} 6',
    'pillion_backend_value{model="m",version="13",name="size"} 1',
  ]);
  metrics.forgetVersion('m', '3');
  clock.advance(60_000);
  assert.deepEqual(await lines(), [
    'pillion_backend_events_total{model="m",version="4",name="hits"} 5',
    'pillion_backend_value{model="m",version="13",name="size"} 1',
  ]);
  metrics.close();
});
