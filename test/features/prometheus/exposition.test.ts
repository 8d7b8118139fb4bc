import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openMetricsText, prometheusText, wantsOpenMetrics } from '../../../src/features/prometheus/exposition.ts';
import { histogramFamily, type MetricSnapshot } from '../../../src/ledger/metrics/series.ts';

const counter: MetricSnapshot = {
  name: 'odd_total',
  help: 'A "help"\nof two lines \\ one.',
  type: 'counter',
  values: [{ labels: { path: 'a"b\\c\nd' }, value: 3 }],
};

it('labels and helps are escaped as each form wants it', () => {
  const line = String.raw`odd_total{path="a\"b\\c\nd"} 3`;
  assert.equal(
    prometheusText([counter]),
    `# HELP odd_total A "help"\\nof two lines \\\\ one.\n# TYPE odd_total counter\n${line}\n`,
  );
  assert.equal(
    openMetricsText([counter], 0),
    `# TYPE odd counter\n# HELP odd A \\"help\\"\\nof two lines \\\\ one.\n${line}\n# EOF\n`,
  );
});

it('numbers that are none have their names', () => {
  const values = [Infinity, -Infinity, Number.NaN, 0.1].map((value) => ({ labels: {}, value }));
  const text = prometheusText([{ name: 'g', help: '', type: 'gauge', values }]);
  assert.deepEqual(text.trim().split('\n').slice(2), ['g +Inf', 'g -Inf', 'g NaN', 'g 0.1']);
});

it('bounds are printed in OpenMetrics as Go prints them', async () => {
  const family = histogramFamily('x', 'x', [0.000_000_5, 0.000_05, 0.0001, 0.5, 1, 10, 1_000_000]);
  family.open({});
  const text = openMetricsText([await family.get()], 0);
  assert.deepEqual(
    [...text.matchAll(/le="([^"]+)"/g)].map(([, le]) => le),
    ['5e-07', '5e-05', '0.0001', '0.5', '1.0', '10.0', '1000000.0', '+Inf'],
  );
});

it('a bucket keeps its exemplar for a second, and shows it in OpenMetrics alone', async () => {
  const family = histogramFamily('x', 'x', [1, 2]);
  const series = family.open({});
  series.observe(0.5, 'first', 1000);
  series.observe(0.7, 'too soon', 1999);
  series.observe(1.5, 'other bucket', 1999);
  const lines = async () => openMetricsText([await family.get()], 5000).split('\n');
  assert.equal((await lines())[2], 'x_bucket{le="1.0"} 2 # {trace_id="first"} 0.5 6.000');
  assert.match((await lines())[3]!, /other bucket/);
  series.observe(0.8, 'later', 2000);
  assert.match((await lines())[2]!, /trace_id="later"\} 0\.8 7\.000$/);
  assert.ok(!prometheusText([await family.get()]).includes('trace_id'));
});

it('OpenMetrics is for who says that it reads it', () => {
  assert.ok(wantsOpenMetrics('application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1'));
  for (const accept of [undefined, '*/*', 'text/plain']) assert.ok(!wantsOpenMetrics(accept));
});
