import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Results, Round } from '../../../../bench/overload/results.ts';
import { parseWorkload, type Workload } from '../../../../bench/overload/workload.ts';
import { compareAttainments } from './against.ts';
import type { Machine } from './machine.ts';
import { POLICIES } from './policies.ts';
import { simulatedCapacities, simulateWorkload } from './simulate-workload.ts';

const COSTS = { readMs: 0.01, answerMs: 0.01, batchMs: 0.03 };
const MACHINE: Machine = { cores: 2, slots: 1, threads: 1, generatorCores: 0, costs: COSTS, seed: 1 };
const policy = (name: string) => POLICIES.find((candidate) => candidate.name === name)!;

const LATENCY = { baseMs: 6.5, perRowMs: 0.24 };

function one(load: number, changes: object = {}): Workload {
  return oneModel(LATENCY, load, changes);
}

function oneModel(latency: object, load: number, changes: object = {}): Workload {
  return parseWorkload({
    name: 'w',
    models: [{ name: 'm', file: 'f', latency }],
    streams: [{ model: 'm', load, objectiveMs: 50, arrivals: { kind: 'poisson' }, ...changes }],
  });
}

async function run(workload: Workload, name: string, seconds = 1, machine: Machine = MACHINE): Promise<Round> {
  const capacities = await simulatedCapacities(workload, machine);
  const plan = { capacities, seconds, leadInMs: 200, seed: 1 };
  return simulateWorkload({ ...workload, seconds }, policy(name), { machine, plan, round: 0 });
}

describe('a simulation', () => {
  it('can do what its latency curve says: full batches one after the other', async () => {
    const [capacity] = await simulatedCapacities(one(1), MACHINE);
    assert.ok(Math.abs(capacity! / (32_000 / (6.5 + 32 * 0.24)) - 1) < 0.02, String(capacity));
  });

  it('can do as much more with two slots, or two threads, as was measured of the model', async () => {
    const free = { ...MACHINE, costs: { readMs: 0, answerMs: 0, batchMs: 0 } };
    const latency = { baseMs: 6.5, perRowMs: 0.24, twoThreads: 1.6, twoAtOnce: 1.4 };
    const workload = oneModel(latency, 1);
    const [alone] = await simulatedCapacities(workload, free);
    const [slots] = await simulatedCapacities(workload, { ...free, slots: 2 });
    const [threads] = await simulatedCapacities(workload, { ...free, threads: 2 });
    assert.ok(Math.abs(slots! / alone! - 2 / 1.4) < 0.03, String(slots! / alone!));
    assert.ok(Math.abs(threads! / alone! - 1.6) < 0.03, String(threads! / alone!));
  });

  it('can answer no more than its event loop can', async () => {
    const [capacity] = await simulatedCapacities(oneModel({ baseMs: 0.01, perRowMs: 0.001 }, 1), MACHINE);
    const mostPerSecond = 1000 / (0.02 + 0.03 / 32);
    assert.ok(Math.abs(capacity! / mostPerSecond - 1) < 0.05, String(capacity));
  });

  it('loses to its event loop where requests come faster than it can refuse them', async () => {
    const plan = { capacities: [2200], seconds: 0.2, leadInMs: 100, seed: 1 };
    const attainment = async (readMs: number): Promise<number> => {
      const machine = { ...MACHINE, costs: { ...MACHINE.costs, readMs } };
      return (await simulateWorkload(one(20), policy('pillion'), { machine, plan, round: 0 })).attainment;
    };
    const [slow, fast] = [await attainment(0.025), await attainment(0.001)];
    assert.ok(fast > 0.03 && slow < fast / 2, `${slow} ${fast}`);
  });

  it('gives runs less of the cores beside a load generator', async () => {
    const two = { ...MACHINE, slots: 2 };
    const [alone] = await simulatedCapacities(one(1), two);
    const [beside] = await simulatedCapacities(one(1), { ...two, generatorCores: 0.5 });
    assert.ok(beside! < 0.85 * alone!, `${beside} ${alone}`);
  });

  it('answers everything in time at a low load', async () => {
    const round = await run(one(0.3), 'greedy');
    assert.deepEqual([round.attainment, round.lost, round.wastedShare], [1, 0, 0]);
    assert.ok(round.p50Ms > 6.5 && round.p50Ms < 25, String(round.p50Ms));
  });

  it('shows a long queue fail and a short one hold at twice what can be done', async () => {
    const [long, short] = [await run(one(2), 'queue-timeout'), await run(one(2), 'queue-2')];
    assert.ok(long.attainment < 0.05, String(long.attainment));
    assert.ok(long.wastedShare > 0.9);
    assert.ok(short.attainment > 0.45 && short.attainment < 0.52, String(short.attainment));
    assert.ok(short.refused > 0 && short.wastedShare < 0.05);
    assert.equal(long.lost + short.lost + long.failed + short.failed, 0);
  });

  it('repeats with its seed', async () => {
    assert.deepEqual(await run(one(1.2), 'queue-2', 0.5), await run(one(1.2), 'queue-2', 0.5));
  });

  it('takes back what clients take back, and ends every request once', async () => {
    const round = await run(one(1, { cancelShare: 1 }), 'greedy', 0.5);
    assert.ok(round.cancelled > 0);
    assert.equal(round.lost, 0);
  });

  it('is slower in the middle with a neighbour', async () => {
    const neighbour = { fromShare: 0.3, toShare: 0.6, processesPerCore: 1.5 };
    const calm = await run(one(0.6), 'greedy', 1);
    const noisy = await run({ ...one(0.6), neighbour }, 'greedy', 1);
    assert.ok(noisy.attainment < calm.attainment, `${noisy.attainment} ${calm.attainment}`);
  });
});

describe('simulated beside measured', () => {
  it('agrees within the margin, for contestants that both have', () => {
    const results = (attainments: Readonly<Record<string, number>>): Results =>
      ({
        rounds: Object.entries(attainments).map(([contestant, attainment]) => ({
          workload: 'w',
          contestant,
          attainment,
        })),
      }) as unknown as Results;
    const compared = compareAttainments(results({ a: 0.5, b: 0.9, c: 1 }), results({ a: 0.54, b: 0.8, d: 1 }), 'w');
    assert.deepEqual(
      compared.map(({ contestant, agrees }) => [contestant, agrees]),
      [
        ['a', true],
        ['b', false],
      ],
    );
  });
});
