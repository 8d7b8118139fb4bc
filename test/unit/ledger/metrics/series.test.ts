import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Buckets } from '../../../../src/ledger/metrics/buckets.ts';
import { type ReadFamily, Registry } from '../../../../src/ledger/metrics/registry.ts';
import { counterFamily, GaugeFamily, HistogramSeries, histogramFamily } from '../../../../src/ledger/metrics/series.ts';
import { textOf } from '../../../support/metrics-text.ts';

async function printed(family: ReadFamily): Promise<string> {
  const registry = new Registry();
  registry.register(family);
  return await textOf(registry);
}

describe('a histogram', () => {
  it('is printed with cumulative buckets, a bound belonging to its bucket', async () => {
    const family = histogramFamily('wait_seconds', 'Time waited.', [0.00005, 0.1, 1]);
    const series = family.open({ stage: 'queue' });
    for (const value of [0, 0.00005, 0.00006, 0.1, 0.5, 1, 30, Infinity]) series.observe(value);
    assert.equal(
      await printed(family),
      `# HELP wait_seconds Time waited.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.00005",stage="queue"} 2
wait_seconds_bucket{le="0.1",stage="queue"} 4
wait_seconds_bucket{le="1",stage="queue"} 6
wait_seconds_bucket{le="+Inf",stage="queue"} 8
wait_seconds_sum{stage="queue"} +Inf
wait_seconds_count{stage="queue"} 8
`,
    );
  });

  it('does not count NaN', () => {
    const series = new HistogramSeries({}, new Buckets([1]));
    series.observe(Number.NaN);
    assert.deepEqual(
      series.samples('x').map((sample) => sample.value),
      [0, 0, 0, 0],
    );
  });

  it('has in each bucket as many as are not above its bound', () => {
    const bounds = [1, 2, 4, 8];
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true })), (values) => {
        const series = new HistogramSeries({}, new Buckets(bounds));
        for (const value of values) series.observe(value);
        const buckets = series.samples('x').slice(0, 5);
        const expected = [...bounds, Infinity].map((bound) => values.filter((value) => value <= bound).length);
        assert.deepEqual(
          buckets.map((sample) => sample.value),
          expected,
        );
      }),
    );
  });
});

describe('a family', () => {
  it('prints all of its series and forgets those that it is told to', async () => {
    const family = counterFamily('shots_total', 'Shots.');
    family.open({ by: 'a' }).add(2);
    family.open({ by: 'b' }).add(3);
    assert.match(await printed(family), /shots_total\{by="a"\} 2\nshots_total\{by="b"\} 3/);
    family.removeWhere((labels) => labels['by'] === 'a');
    const text = await printed(family);
    assert.ok(!text.includes('by="a"') && text.includes('by="b"'));
  });

  it('prints label values that hold quotes, backslashes and line breaks so that they can be read back', async () => {
    const family = counterFamily('odd_total', 'Odd.');
    family.open({ name: 'a"b\\c\nd' }).add(1);
    assert.match(await printed(family), /odd_total\{name="a\\"b\\\\c\\nd"\} 1/);
  });

  it('without series is printed by its name alone', async () => {
    assert.equal(
      await printed(counterFamily('none_total', 'None.')),
      '# HELP none_total None.\n# TYPE none_total counter\n',
    );
  });
});

it('a gauge is asked for its value at each scrape', async () => {
  let depth = 1;
  const gauge = new GaugeFamily('depth', 'Depth.', () => [{ labels: {}, value: depth }]);
  assert.match(await printed(gauge), /^depth 1$/m);
  depth = 7;
  assert.match(await printed(gauge), /^depth 7$/m);
});
