import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { planRequests } from '../../../../bench/overload/request-plan.ts';
import { parseWorkload } from '../../../../bench/overload/workload.ts';

const latency = { baseMs: 1, perRowMs: 0.1 };
const arrivals = { kind: 'poisson' };
const WORKLOAD = parseWorkload({
  name: 'w',
  models: [
    { name: 'hot', file: 'f', latency },
    { name: 'z', file: 'f', latency, copies: 10 },
  ],
  streams: [
    { model: 'hot', load: 2, objectiveMs: 25, arrivals, cancelShare: 0.3 },
    { model: 'z', zipf: 1.1, load: 1, objectiveMs: 200, arrivals },
  ],
});
const OPTIONS = { capacities: [1000, 5000], seconds: 10, leadInMs: 500, seed: 1 };

describe('a plan', () => {
  it('has all streams in one order of time, each request with what its stream says', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
        const plan = planRequests(WORKLOAD, { ...OPTIONS, seconds: 0.3, seed });
        assert.deepEqual(planRequests(WORKLOAD, { ...OPTIONS, seconds: 0.3, seed }), plan);
        for (let i = 0; i < plan.count; i++) {
          assert.ok(i === 0 || plan.at[i]! >= plan.at[i - 1]!);
          const isHot = plan.stream[i] === 0;
          assert.equal(plan.model[i] === 0, isHot);
          assert.equal(plan.objectiveMs[i], isHot ? 25 : 200);
          assert.ok(plan.cancelAt[i]! >= plan.at[i]!);
          if (isHot && plan.cancelAt[i] !== Infinity) assert.ok(plan.cancelAt[i]! <= plan.at[i]! + 25);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("has the streams' rates, cancels and models in the shares that are wanted", () => {
    const plan = planRequests(WORKLOAD, OPTIONS);
    const of = (test: (i: number) => boolean): number =>
      Array.from({ length: plan.count }, (_, i) => i).filter(test).length;
    const near = (count: number, wanted: number, share: number): void =>
      assert.ok(Math.abs(count / wanted - 1) < share, `${count}, not ${wanted}`);
    const hot = of((i) => plan.stream[i] === 0);
    near(hot, 2 * 1000 * 10.5, 0.04);
    near(plan.count - hot, 5000 * 10.5, 0.04);
    near(
      of((i) => plan.cancelAt[i] !== Infinity),
      0.3 * hot,
      0.05,
    );
    const total = Array.from({ length: 10 }, (_, rank) => 1 / (rank + 1) ** 1.1).reduce((a, b) => a + b);
    for (const rank of [0, 1, 9])
      near(
        of((i) => plan.model[i] === 1 + rank),
        ((plan.count - hot) * (rank + 1) ** -1.1) / total,
        0.1,
      );
  });

  it('that would fill the memory is refused with its size', () => {
    assert.throws(
      () => planRequests(WORKLOAD, { ...OPTIONS, capacities: [1e9, 1] }),
      /would be \d+ requests; at most 20000000/,
    );
  });
});
