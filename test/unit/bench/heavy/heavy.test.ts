import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FIXED_PLANS, type HeavyRound, PLANS, verdictOf } from '../../../../bench/heavy/plans.ts';
import { type HeavyResults, renderTables, sectionIn, withSection } from '../../../../bench/heavy/render.ts';

function roundOf(plan: string, round: number, answersPerSecond: number): HeavyRound {
  return { model: 'minilm', plan, round, answersPerSecond, failed: 0, foreignShare: 0 };
}

const ROUNDS = [
  ...[90, 100, 10].map((rate, i) => roundOf('default', i, rate)),
  ...[80, 90, 500].map((rate, i) => roundOf('1x2x8', i, rate)),
  ...[120, 70, 60].map((rate, i) => roundOf('2x1x32', i, rate)),
];

const RESULTS: HeavyResults = {
  machine: { cpu: 'a CPU', cores: 2, memoryGiB: 24, kernel: '6', node: 'v20' },
  startedAt: '2026-01-02T00:00:00Z',
  roundsWanted: 3,
  seconds: 3,
  calls: 32,
  incidents: ['minilm, some plan: it did not start'],
  rounds: ROUNDS,
};

describe('heavy models', () => {
  it('are measured by default and under every fixed plan', () => {
    assert.equal(FIXED_PLANS.length, 12);
    assert.equal(new Set(PLANS.map(({ name }) => name)).size, 13);
    assert.deepEqual(FIXED_PLANS.find(({ name }) => name === '1x2x8')!.args, [
      '--num_batch_threads=1',
      '--intra_op_threads=2',
      '--max_batch_size=8',
    ]);
  });

  it('are judged beside the plan whose median is best', () => {
    const verdict = verdictOf('minilm', ROUNDS)!;
    assert.deepEqual([verdict.best, verdict.byDefault, verdict.bestRate, verdict.ratio], ['1x2x8', 90, 90, 1]);
    assert.equal(verdictOf('ocr-det', ROUNDS), undefined);
    assert.equal(verdictOf('minilm', ROUNDS.slice(0, 3)), undefined);
  });

  it('have a section of a document, which is replaced and not repeated', () => {
    const once = withSection('# Benchmarks\n\nText.\n', RESULTS);
    assert.match(once, /^# Benchmarks\n\nText\.\n\n<!-- heavy/);
    assert.match(once, /\| MiniLM-L6, 64 tokens \| 90\.0 \| 1 slot, 2 threads, batches of 8 \| 90\.0 \| 1\.00 \|/);
    assert.equal(withSection(once, RESULTS), once);
    assert.equal(`# Benchmarks\n\nText.\n\n${sectionIn(once)}\n`, once);
    assert.equal(sectionIn('# Benchmarks'), '');
  });

  it('say who was left out', () => {
    assert.match(renderTables(RESULTS), /- minilm, some plan: it did not start/);
  });
});
