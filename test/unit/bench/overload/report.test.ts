import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Bounds, type Check, checksOf, readBounds } from '../../../../bench/overload/checks.ts';
import { argsOf, CONTESTANTS } from '../../../../bench/overload/contestants.ts';
import { renderDocument, renderTables } from '../../../../bench/overload/render.ts';
import { forJson, type Results, type Round, revive } from '../../../../bench/overload/results.ts';
import { batchesBetween, batchMetrics } from '../../../../bench/overload/server-metrics.ts';
import { linePlot } from '../../../../bench/overload/svg-lines.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

function roundOf(workload: string, contestant: string, changes: Partial<Round>): Round {
  const part = { name: 'big', offered: 100, attainment: 0.5 };
  return {
    ...{ workload, contestant, round: 0, capacities: [1000], seconds: 1, offered: 100, offeredPerSecond: 100 },
    ...{ inTime: 50, late: 0, refused: 50, expired: 0, failed: 0, lost: 0, cancelled: 0 },
    ...{ attainment: 0.5, admittedAttainment: 1, goodput: 50, p50Ms: 10, p99Ms: 20, p999Ms: 30 },
    ...{
      refusalP50Ms: 1,
      refusalP99Ms: 2,
      refusalFromSendP99Ms: 1.5,
      models: [part],
      streams: [part],
      worstModel: part,
      timeline: [1, null, 0.5],
    },
    ...{ wastedShare: 0.01, wastedCpuSeconds: 0.1, serverCpuSeconds: 1, meanBatch: 30, sizes: { 32: 3, '+Inf': 1 } },
    ...{
      latenessMs: { p50: 0, p99: 1, max: 2 },
      held: 0,
      misshapen: 0,
      generatorCpuMicros: 5,
      isGeneratorFirst: true,
      foreignShare: 0,
    },
    ...changes,
  };
}

function resultsOf(...rounds: Round[]): Results {
  const machine = { cpu: 'a <CPU>', cores: 2, memoryGiB: 24, kernel: '6', node: 'v20' };
  const workloads = [...new Set(rounds.map(({ workload }) => workload))].map((name) => ({
    name,
    text: `About ${name}`,
  }));
  return { machine, startedAt: '2026-01-02T00:00:00Z', roundsWanted: 3, workloads, incidents: [], rounds };
}

describe('what must be shown', () => {
  const find = (results: Results, text: string, bounds = {}): Check =>
    checksOf(results, bounds).find((check) => check.text.startsWith(text))!;

  it('is measured against the baseline named beforehand; the best of the baselines’ means, of valid rounds, is a bound', () => {
    const results = resultsOf(
      roundOf('mixed-1.2x', 'pillion', { attainment: 0.8 }),
      roundOf('mixed-1.2x', 'pillion', { attainment: 0.6, round: 1 }),
      roundOf('mixed-1.2x', 'pillion', { attainment: 0, round: 2, invalid: 'late' }),
      roundOf('mixed-1.2x', 'queue-2', { attainment: 0.8 }),
      roundOf('mixed-1.2x', 'queue-2', { attainment: 0.4, round: 1 }),
      roundOf('mixed-1.2x', 'greedy', { attainment: 0.72 }),
    );
    const standing = results.workloads.map((note) => ({ ...note, standsAboveCapacity: true }));
    const overQueue = find({ ...results, workloads: standing }, 'attainment ÷ queue-2');
    assert.deepEqual([overQueue.wanted, overQueue.isMet], ['≥ 0.99', true]);
    assert.ok(Math.abs(overQueue.measured - 0.7 / 0.6) < 1e-9);
    const overGreedy = find(results, 'attainment ÷ greedy');
    assert.deepEqual([overGreedy.wanted, overGreedy.isMet], ['≥ 0.99', false]);
    assert.ok(Math.abs(overGreedy.margin - (0.7 / 0.72 - 0.99)) < 1e-9);
    const overBest = find(results, 'attainment ÷ best in hindsight');
    assert.deepEqual([overBest.wanted, overBest.isMet], ['–', undefined]);
    assert.ok(Math.abs(overBest.measured - 0.7 / 0.72) < 1e-9);
    assert.match(renderTables(results), /attainment ÷ best in hindsight \| – \| 0\.972 \| a bound/);
  });

  it('is more by far where there are many models, or a hostile tenant', () => {
    for (const name of ['zipf-2x', 'zipf-1.2x', 'tenants']) {
      const results = resultsOf(roundOf(name, 'pillion', { attainment: 0.6 }), roundOf(name, 'greedy', {}));
      const check = find(results, 'attainment ÷ greedy');
      assert.deepEqual([check.workload, check.wanted, check.isMet], [name, '≥ 1.25', false]);
    }
  });

  it('in the mean counts workloads where a bound leaves room, or where the best misses some if none is known', () => {
    const results = resultsOf(
      ...(['a', 'b', 'c'] as const).flatMap((name) => [
        roundOf(name, 'pillion', { attainment: name === 'b' ? 0.99 : 0.6 }),
        roundOf(name, 'greedy', { attainment: name === 'b' ? 0.99 : 0.5 }),
      ]),
    );
    const mean = (bounds: Bounds): Check => checksOf(results, bounds).find(({ workload }) => workload === 'all')!;
    const unknown = mean({});
    assert.match(unknown.text, /mean of the 2 that leave room; no bound known of any$/);
    assert.ok(Math.abs(unknown.measured - 1.2) < 1e-9);
    const known = mean({ a: 0.505, b: 0.999, c: 0.9 });
    assert.match(known.text, /mean of the 1 that leave room$/);
    assert.ok(Math.abs(known.measured - 1.2) < 1e-9);
    assert.match(mean({ a: 0.9, b: 0.99 }).text, /the 2 that leave room; no bound known of c$/);
  });

  it('counts what was admitted and not answered in time, whatever became of it', () => {
    const counts = { inTime: 95, late: 1, expired: 2, failed: 1, lost: 1, refused: 500 };
    const check = find(resultsOf(roundOf('step', 'pillion', counts)), 'in time ÷ admitted');
    assert.deepEqual([check.measured, check.isMet], [0.95, false]);
  });

  it('looks at p50 where the load stands above 1, and at a low load', () => {
    const results = resultsOf(
      roundOf('one-1.2x', 'pillion', { p50Ms: 24 }),
      roundOf('one-1.2x', 'queue-2x1', { p50Ms: 20 }),
      roundOf('one-0.3x', 'pillion', { p50Ms: 11 }),
      roundOf('one-0.3x', 'greedy', { p50Ms: 10 }),
      roundOf('step', 'pillion', {}),
    );
    const workloads = results.workloads.map((note) => ({ ...note, standsAboveCapacity: note.name === 'one-1.2x' }));
    const p50 = checksOf({ ...results, workloads }).filter(({ text }) => text.startsWith('p50'));
    assert.deepEqual(
      p50.map(({ workload, measured, wanted, isMet }) => [workload, measured, wanted, isMet]),
      [
        ['one-1.2x', 1.2, '≤ 1.2', true],
        ['one-0.3x', 1.1, '≤ 1.03', false],
      ],
    );
  });

  it('has the refusals of a saturated server, from the intended instant and from when it was asked', () => {
    const results = resultsOf(roundOf('one-2x', 'pillion', { refusalP99Ms: 6, refusalFromSendP99Ms: 5 }));
    const refused = checksOf(results).filter(({ text }) => text.startsWith('refused p99'));
    assert.deepEqual(
      refused.map(({ measured, isMet }) => [measured, isMet]),
      [
        [6, false],
        [5, true],
      ],
    );
    assert.match(renderTables(results), /\| one-2x \| refused p99, ms \| ≤ 5 \| 6\.000 \| no, by 1\.000 \|/);
  });

  it('is a miss where there is no figure', () => {
    const results = resultsOf(roundOf('mixed-1.2x', 'pillion', {}));
    assert.equal(find(results, 'attainment ÷ greedy').isMet, false);
    assert.match(renderTables(results), /no figure/);
  });

  it('has bounds in a file, or none', (t) => {
    const directory = tempDirectory(t);
    const file = join(directory, 'bounds.json');
    assert.deepEqual(readBounds(file), {});
    writeFileSync(file, '{"a":0.5}');
    assert.deepEqual(readBounds(file), { a: 0.5 });
    writeFileSync(file, '{"a":50}');
    assert.throws(() => readBounds(file), /a is 50; wanted is an attainment from 0 to 1/);
  });
});

describe('the document', () => {
  it('has a section, a table and a plot of each workload, and says what went wrong', (t) => {
    const docs = tempDirectory(t);
    const results: Results = {
      ...resultsOf(
        roundOf('one-2x', 'pillion', {}),
        roundOf('one-2x', 'queue-2', { invalid: 'the load generator was late' }),
        roundOf('step', 'pillion', { recoveryMs: 400, predictionErrorMs: 0.3 }),
      ),
      incidents: [{ workload: 'one-2x', contestant: 'edf', reason: 'the server has no flag --scheduler' }],
    };
    renderDocument(JSON.parse(JSON.stringify(results, forJson), revive) as Results, docs);
    const text = readFileSync(join(docs, 'overload.md'), 'utf8');
    for (const part of [
      '## one-2x',
      '## step',
      '**Pillion**',
      'recovered after ms',
      'prediction off by ms',
      'has no flag --scheduler',
      'left out of the means',
    ]) {
      assert.ok(text.includes(part), part);
    }
    assert.deepEqual(readdirSync(join(docs, 'overload')).sort(), ['one-2x.svg', 'step-time.svg', 'step.svg']);
    for (const [, file] of text.matchAll(/\]\((overload\/[^)]+)\)/g))
      assert.match(readFileSync(join(docs, file!), 'utf8'), /^<svg/);
  });

  it('keeps numbers that JSON has not', () => {
    const figures = { never: Infinity, none: Number.NaN, some: 0.123456, text: 'Inf' };
    assert.deepEqual(JSON.parse(JSON.stringify(figures, forJson), revive), { ...figures, some: 0.1235 });
  });

  it('draws lines with gaps where there is no value', () => {
    const svg = linePlot({
      title: 'a & b',
      unit: 'x',
      stepMs: 100,
      lines: [{ label: 'l', isOurs: true, values: [1, null, 0, 0.5] }],
    });
    assert.equal(
      svg
        .match(/d="M[^"]*"/)![0]
        .match(/[ML]/g)!
        .join(''),
      'MML',
    );
    assert.ok(svg.includes('a &#38; b'));
  });
});

describe('the server’s own figures', () => {
  const page = (rows: number, batches: number): string => `# HELP pillion_batch_size x
pillion_batch_size_bucket{model="a",version="1",le="1"} 1
pillion_batch_size_bucket{model="a",version="1",le="32"} ${batches}
pillion_batch_size_bucket{model="a",version="1",le="+Inf"} ${batches}
pillion_batch_size_bucket{model="b",version="1",le="1"} 2
pillion_batch_size_bucket{model="b",version="1",le="32"} 2
pillion_batch_size_bucket{model="b",version="1",le="+Inf"} 2
pillion_batch_size_sum{model="a",version="1"} ${rows}
pillion_batch_size_count{model="a",version="1"} ${batches}
pillion_batch_size_sum{model="b",version="1"} 2
pillion_batch_size_count{model="b",version="1"} 2
pillion_prediction_error_seconds_sum{model="a"} ${batches / 1000}
pillion_prediction_error_seconds_count{model="a"} ${batches}
`;

  it('are the difference of two readings, by model and by size', () => {
    const between = batchesBetween(['a', 'b', 'c'], batchMetrics(page(10, 2)), batchMetrics(page(100, 5)));
    assert.deepEqual(between.rowsRun, [90, 0, 0]);
    assert.deepEqual([between.batches, between.meanBatch], [3, 30]);
    assert.deepEqual(between.sizes, { 32: 3 });
    assert.ok(Math.abs(between.predictionErrorMs! - 1) < 1e-9);
  });

  it('have what was refused in between, by reason', () => {
    const refusals = (late: number): string =>
      `pillion_scheduler_refusals_total{model="a",version="1",reason="predicted_late"} ${late}
pillion_scheduler_refusals_total{model="b",version="1",reason="predicted_late"} 2
pillion_scheduler_refusals_total{model="b",version="1",reason="expired"} 4
`;
    const { reasons } = batchesBetween(['a', 'b'], batchMetrics(refusals(1)), batchMetrics(refusals(9)));
    assert.deepEqual(reasons, { predicted_late: 8 });
  });

  it('leave out the calls that were made beside', () => {
    const [before, after] = [batchMetrics(page(10, 2)), batchMetrics(page(100, 5).replace('le="1"} 1', 'le="1"} 3'))];
    const between = batchesBetween(['a', 'b'], before, after, [2, 0]);
    assert.deepEqual([between.rowsRun, between.batches, between.sizes], [[88, 0], 1, { 32: 1 }]);
  });

  it('of a server that was never asked are zeros, without predictions', () => {
    const between = batchesBetween(['a'], batchMetrics(''), batchMetrics(''));
    assert.deepEqual([between.rowsRun, between.batches, between.predictionErrorMs], [[0], 0, undefined]);
  });
});

describe('contestants', () => {
  const named = (name: string) => CONTESTANTS.find((contestant) => contestant.name === name)!;

  it('are given only flags that the server knows', () => {
    const greedy = named('greedy');
    assert.deepEqual(argsOf(greedy, '  --max_enqueued_batches=N'), ['--max_enqueued_batches=100']);
    assert.deepEqual(argsOf(greedy, '  --scheduler=NAME'), ['--max_enqueued_batches=100', '--scheduler=greedy']);
  });

  it('that need a flag which is not there are left out', () => {
    const edf = named('edf');
    assert.equal(argsOf(edf, '  --scheduler_threads=N'), undefined);
    assert.ok(argsOf(edf, '  --scheduler=NAME')?.includes('--scheduler=edf'));
  });

  it('with a fixed plan are named by it', () => {
    const plan = ['--max_enqueued_batches=3', '--num_batch_threads=2', '--intra_op_threads=1', '--scheduler=greedy'];
    assert.deepEqual(argsOf(named('queue-3x2'), '--scheduler=NAME'), plan);
    assert.equal(new Set(CONTESTANTS.map(({ name }) => name)).size, CONTESTANTS.length);
    const references = CONTESTANTS.filter(({ isReference }) => isReference === true).map(({ name }) => name);
    assert.deepEqual(references, ['queue-100x1', 'queue-100x2']);
  });
});
