import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clairvoyantBound, type OfflineProblem, type OfflineRequest } from './simulate/bounds/clairvoyant-bound.ts';
import { offlineSchedule } from './simulate/bounds/offline-schedule.ts';
import { plansFor } from './simulate/bounds/workload-bounds.ts';

/** Tries every schedule: on each slot in turn, every set of requests of one model as the next batch. */
function bruteForce({ requests, models, maxBatchSize }: OfflineProblem, slots: number): number {
  const subsets = Array.from({ length: 2 ** requests.length - 1 }, (_, i) => i + 1).filter((set) => {
    const members = membersOf(set, requests);
    return members.length <= maxBatchSize && members.every(({ model }) => model === members[0]!.model);
  });
  const known = new Map<string, number>();
  const most = (left: number, free: readonly number[]): number => {
    const key = `${left} ${free.join(' ')}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    let best = 0;
    for (const set of subsets) {
      if ((set & left) !== set) continue;
      const members = membersOf(set, requests);
      const ms = models[members[0]!.model]!.runMs(members.length);
      // The slot that is free first, or has to wait least: the others can do nothing that it cannot.
      const start = Math.max(free[0]!, ...members.map(({ releaseMs }) => releaseMs));
      if (members.some(({ dueMs }) => start + ms > dueMs + 1e-9)) continue;
      const next = [...free.slice(1), start + ms].sort((a, b) => a - b);
      best = Math.max(best, members.length + most(left & ~set, next));
    }
    known.set(key, best);
    return best;
  };
  return most(2 ** requests.length - 1, new Array<number>(slots).fill(0));
}

function membersOf(set: number, requests: readonly OfflineRequest[]): OfflineRequest[] {
  return requests.filter((_, i) => (set & (1 << i)) !== 0);
}

const affine = (baseMs: number, perRowMs: number, slots = 1) => ({
  runMs: (rows: number) => baseMs + rows * perRowMs,
  rate: slots,
  leastMs: baseMs + perRowMs,
});

const at = (releaseMs: number, dueMs: number, model = 0): OfflineRequest => ({ model, releaseMs, dueMs });

describe('the clairvoyant bound', () => {
  it('is all requests that come far apart, and none that is too late alone', () => {
    const requests = [at(0, 10), at(20, 30), at(40, 44)];
    assert.equal(clairvoyantBound({ requests, models: [affine(4, 1)], maxBatchSize: 4 }), 2);
  });

  it('is what full batches can do where more come than fit', () => {
    const requests = Array.from({ length: 40 }, (_, i) => at(i, i + 16));
    const problem = { requests, models: [affine(6, 0.5)], maxBatchSize: 4 };
    // A batch of four takes 8 ms of the 55.
    assert.equal(clairvoyantBound(problem), 27);
    assert.equal(clairvoyantBound({ ...problem, models: [affine(6, 0.5, 2)] }), 40);
  });

  it('is what batches can do that do not fill', () => {
    // No two of them can start together.
    const requests = Array.from({ length: 10 }, (_, i) => at(i * 4, i * 4 + 10));
    const problem = { requests, models: [affine(6.5, 0.5)], maxBatchSize: 4 };
    assert.equal(clairvoyantBound(problem), 6);
    assert.ok(bruteForce(problem, 1) <= 6);
  });

  it('takes the cheap rows first', () => {
    const requests = [at(0, 10, 0), at(0, 10, 1), at(0, 10, 1)];
    assert.equal(clairvoyantBound({ requests, models: [affine(9, 1), affine(4, 1)], maxBatchSize: 1 }), 2);
  });

  const small = fc.record({
    requests: fc.array(
      fc.record({
        model: fc.nat({ max: 1 }),
        releaseMs: fc.nat({ max: 12 }),
        lengthMs: fc.integer({ min: 1, max: 12 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    curves: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })),
    maxBatchSize: fc.integer({ min: 1, max: 3 }),
    slots: fc.integer({ min: 1, max: 2 }),
  });

  it('is never below what a schedule reaches, and often the same', () => {
    let [same, all] = [0, 0];
    fc.assert(
      fc.property(small, ({ requests, curves, maxBatchSize, slots }) => {
        const problem = {
          requests: requests.map(({ model, releaseMs, lengthMs }) => at(releaseMs, releaseMs + lengthMs, model)),
          models: curves.map((baseMs) => affine(baseMs, 1, slots)),
          maxBatchSize,
        };
        const [bound, best] = [clairvoyantBound(problem), bruteForce(problem, slots)];
        assert.ok(bound >= best, `${bound} ${best}`);
        assert.ok(bound <= requests.length);
        all += 1;
        if (bound === best) same += 1;
      }),
      { numRuns: 400, seed: 1 },
    );
    assert.ok(same > 0.7 * all, `${same} of ${all}`);
  });

  it('is the best schedule exactly where batches are of one row and deadlines in the order of releases', () => {
    // One slot, runs of one length, windows of one length: the relaxation loses nothing but the runs' unity.
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 6 }), (releases) => {
        const requests = releases.map((releaseMs) => at(releaseMs * 3, releaseMs * 3 + 6));
        const problem = { requests, models: [affine(2, 1)], maxBatchSize: 1 };
        assert.equal(clairvoyantBound(problem), bruteForce(problem, 1));
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe('the offline schedule', () => {
  const ordered = fc.record({
    releases: fc.array(fc.nat({ max: 24 }), { minLength: 1, maxLength: 7 }),
    lengthMs: fc.integer({ min: 2, max: 16 }),
    baseMs: fc.integer({ min: 0, max: 5 }),
    maxBatchSize: fc.integer({ min: 1, max: 4 }),
    slots: fc.integer({ min: 1, max: 2 }),
  });

  it('is one that can be, below the bound, and the best of all small ones', () => {
    fc.assert(
      fc.property(ordered, ({ releases, lengthMs, baseMs, maxBatchSize, slots }) => {
        const sorted = releases.sort((a, b) => a - b);
        const requests = sorted.map((releaseMs) => at(releaseMs, releaseMs + lengthMs));
        const model = affine(baseMs, 1, slots);
        const dues = requests.map(({ dueMs }) => dueMs);
        const found = offlineSchedule({ releases: sorted, dues, runMs: model.runMs, slots, maxBatchSize });
        const problem = { requests, models: [model], maxBatchSize };
        assert.equal(found, bruteForce(problem, slots));
        assert.ok(found <= clairvoyantBound(problem));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('refuses requests that are due in another order', () => {
    const problem = { releases: [0, 1], dues: [9, 5], runMs: () => 1, slots: 1, maxBatchSize: 2 };
    assert.throws(() => offlineSchedule(problem), /not due in the order of their releases/);
  });
});

describe('the bound of a workload', () => {
  it('counts plans that fit the cores', () => {
    const shown = (cores: number): string[] => plansFor(cores).map(({ slots, threads }) => `${slots}x${threads}`);
    assert.deepEqual(shown(2), ['1x1', '2x1', '1x2']);
    assert.deepEqual(shown(0.5), ['1x1']);
  });
});
