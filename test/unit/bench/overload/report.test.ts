import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checksOf } from '../../../../bench/overload/checks.ts';
import { argsOf, CONTESTANTS } from '../../../../bench/overload/contestants.ts';
import { DEFAULT_WORKLOADS } from '../../../../bench/overload/options.ts';
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
  it('is met or missed by the mean of the valid rounds', () => {
    const results = resultsOf(
      roundOf('one-2x', 'pillion', { attainment: 0.44, wastedShare: 0.02, refusalP99Ms: 4 }),
      roundOf('one-2x', 'pillion', { attainment: 0.5, wastedShare: 0.1, refusalP99Ms: 8 }),
      roundOf('one-2x', 'pillion', { attainment: 0, invalid: 'late' }),
    );
    const [attainment, wasted, refusal] = checksOf(results);
    assert.equal(attainment!.isMet, true);
    assert.ok(Math.abs(attainment!.margin - 0.02) < 1e-9);
    assert.deepEqual([wasted!.isMet, refusal!.isMet], [false, false]);
    assert.ok(Math.abs(wasted!.margin + 0.01) < 1e-9);
    assert.equal(refusal!.measured, 6);
  });

  it('says of what is missed, and of nothing else, what bounds it', () => {
    const round = { attainment: 0.5, wastedShare: 0.01 };
    const missed = renderTables(resultsOf(roundOf('one-2x', 'pillion', { ...round, refusalP99Ms: 8 })));
    assert.match(
      missed,
      /What bounds those that are missed:\n\n- one-2x, refusal latency p99, ms: the event loop waits/,
    );
    assert.doesNotMatch(missed, /- one-2x, attainment/);
    const met = renderTables(resultsOf(roundOf('one-2x', 'pillion', { ...round, refusalP99Ms: 4 })));
    assert.doesNotMatch(met, /bounds/);
  });

  it('beside others is measured against the best of them', () => {
    const results = resultsOf(
      roundOf('mixed-1.2x', 'pillion', { attainment: 0.8 }),
      roundOf('mixed-1.2x', 'queue-2', { attainment: 0.64 }),
      roundOf('mixed-1.2x', 'greedy', { attainment: 0.5 }),
    );
    const overBest = checksOf(results).find(({ text }) => text.includes('best'))!;
    assert.ok(Math.abs(overBest.measured - 1.25) < 1e-9);
    assert.equal(overBest.isMet, true);
  });

  it('is a miss where there is no figure', () => {
    const checks = checksOf(
      resultsOf(roundOf('step', 'pillion', { recoveryMs: Infinity }), roundOf('mixed-1.2x', 'pillion', {})),
    );
    assert.deepEqual(
      checks.filter(({ isMet }) => isMet),
      [],
    );
    assert.match(renderTables(resultsOf(roundOf('mixed-1.2x', 'pillion', {}))), /no figure/);
  });

  it('looks at the worst of the cold models, and at greedy’s p50', () => {
    const models = [
      { name: 'hot', offered: 100, attainment: 0.1 },
      { name: 'cold-0', offered: 30, attainment: 1 },
      { name: 'cold-1', offered: 30, attainment: 0.96 },
    ];
    const results = resultsOf(
      roundOf('hot-cold', 'pillion', { models }),
      roundOf('one-0.3x', 'pillion', { p50Ms: 11 }),
      roundOf('one-0.3x', 'greedy', { p50Ms: 10 }),
    );
    const [cold, p50] = checksOf(results);
    assert.equal(cold!.measured, 0.96);
    assert.deepEqual([cold!.isMet, p50!.isMet], [false, true]);
  });

  it('is measured by a run without options', () => {
    const everything = resultsOf(...DEFAULT_WORKLOADS.map((name) => roundOf(name, 'pillion', {})));
    assert.equal(checksOf(everything).length, 10);
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
  it('are given only flags that the server knows', () => {
    const greedy = CONTESTANTS.find(({ name }) => name === 'greedy')!;
    assert.deepEqual(argsOf(greedy, '  --max_enqueued_batches=N'), ['--max_enqueued_batches=100']);
    assert.deepEqual(argsOf(greedy, '  --scheduler=NAME'), ['--max_enqueued_batches=100', '--scheduler=greedy']);
  });

  it('that need a flag which is not there are left out', () => {
    const edf = CONTESTANTS.find(({ name }) => name === 'edf')!;
    assert.equal(argsOf(edf, '  --scheduler_threads=N'), undefined);
    assert.ok(argsOf(edf, '  --scheduler=NAME')?.includes('--scheduler=edf'));
  });
});
