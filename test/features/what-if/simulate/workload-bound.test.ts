/** The best that any schedule could do, beside what policies do in a simulation. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseWorkload } from '../../../../bench/overload/workload.ts';
import { boundOf, plansFor } from './bounds/workload-bounds.ts';
import { POLICIES } from './policies.ts';

describe('the bound of a workload', () => {
  const workload = (load: number, changes: object = {}) =>
    parseWorkload({
      name: 'w',
      models: [{ name: 'm', file: 'f', latency: { baseMs: 6.5, perRowMs: 0.24, noise: 0.1, ...changes } }],
      streams: [{ model: 'm', load, objectiveMs: 50, arrivals: { kind: 'poisson' }, cancelShare: 0.1 }],
    });
  const costs = { readMs: 0.01, answerMs: 0.01, batchMs: 0.03 };
  const machine = { cores: 2, slots: 1, threads: 1, generatorCores: 0, costs, seed: 1 };
  const options = { machine, plans: plansFor(2), seconds: 0.5, rounds: 1 };
  const policies = POLICIES.filter(({ name }) => name === 'pillion' || name === 'edf');

  it('is of the plan that can do most, and above the best of the policies', async () => {
    const found = await boundOf(workload(2, { twoThreads: 1.9, twoAtOnce: 1.4 }), { ...options, policies });
    assert.deepEqual([found.workload, found.plan, found.best.policy], ['w', { slots: 1, threads: 2 }, 'pillion']);
    assert.ok(found.best.attainment <= found.schedule! && found.schedule! <= found.bound, JSON.stringify(found));
    assert.ok(found.best.attainment > 0.4 && found.bound < 0.65, JSON.stringify(found));
  });

  it('is all of what comes at a low load, and less beside a neighbour', async () => {
    const usual = { ...options, policies: policies.slice(0, 1), plans: [{ slots: 2, threads: 1 }], seconds: 1 };
    const calm = await boundOf(workload(0.6), usual);
    const neighbour = { fromShare: 0.3, toShare: 0.7, processesPerCore: 2 };
    const noisy = await boundOf({ ...workload(0.6), neighbour }, usual);
    assert.equal(calm.bound, 1);
    assert.ok(noisy.bound < 0.99, JSON.stringify(noisy));
    assert.ok(noisy.best.attainment <= noisy.bound, JSON.stringify(noisy));
  });
});
