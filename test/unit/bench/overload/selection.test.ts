import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { neededBaselines } from '../../../../bench/overload/checks.ts';
import { CONTESTANTS } from '../../../../bench/overload/contestants.ts';
import { DEFAULT_WORKLOADS, findWorkload } from '../../../../bench/overload/options.ts';
import type { Pilot } from '../../../../bench/overload/results.ts';
import { rankBaselines, selectContestants } from '../../../../bench/overload/selection.ts';
import { standsAboveCapacity } from '../../../../bench/overload/workload.ts';

const pilot = (contestant: string, attainment: number, changes: Partial<Pilot> = {}): Pilot => ({
  ...{ workload: 'w', contestant, attainment },
  ...changes,
});

const PILOTS = [
  pilot('greedy', 0.2),
  pilot('queue-1x1', 0.5),
  pilot('queue-2x1', 0.4),
  pilot('triton-queue-16', 0.7),
  pilot('triton-queue-64', 0.6),
  pilot('queue-2x2', 0.9, { workload: 'another' }),
];

describe('after the pilot round', () => {
  it('go on ours, the three best, and who is needed', () => {
    const names = selectContestants('w', PILOTS, CONTESTANTS, ['greedy']).map(({ name }) => name);
    assert.deepEqual(names, ['pillion', 'greedy', 'queue-1x1', 'queue-2x1', 'triton-queue-16'].sort(byPlace));
  });

  it('goes on of a family only its best', () => {
    const names = rankBaselines('w', PILOTS, CONTESTANTS).map(({ name }) => name);
    assert.deepEqual(names, ['triton-queue-16', 'queue-1x1', 'queue-2x1', 'greedy']);
  });

  it('a disturbed turn counts where there is no other', () => {
    const pilots = [
      pilot('queue-1x1', 0.1, { invalid: 'late' }),
      pilot('queue-1x1', 0.6),
      pilot('queue-2x1', 0.3, { invalid: 'late' }),
      pilot('queue-2x1', 0.5, { invalid: 'late' }),
    ];
    assert.deepEqual(rankBaselines('w', pilots, CONTESTANTS), [
      { name: 'queue-1x1', attainment: 0.6 },
      { name: 'queue-2x1', attainment: 0.5 },
    ]);
  });
});

function byPlace(a: string, b: string): number {
  const place = (name: string): number => CONTESTANTS.findIndex((contestant) => contestant.name === name);
  return place(a) - place(b);
}

describe('what a check needs', () => {
  it('is the baseline named beforehand, and the fixed queue of two with one slot where the load stands above 1', () => {
    const standing = DEFAULT_WORKLOADS.filter((name) => standsAboveCapacity(findWorkload(name)));
    assert.deepEqual(standing, ['one-1.2x', 'one-2x', 'mixed-1.2x', 'tenants', 'zipf-1.2x', 'zipf-2x', 'hot-cold']);
    assert.deepEqual(neededBaselines(findWorkload('one-0.3x')), ['greedy']);
    assert.deepEqual(neededBaselines(findWorkload('zipf-2x')), ['queue-2', 'queue-2x1']);
    assert.deepEqual(neededBaselines(findWorkload('bursts')), ['greedy']);
  });
});
