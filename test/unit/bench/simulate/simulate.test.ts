import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Results, Round } from '../../../../bench/overload/results.ts';
import { parseWorkload, type Workload } from '../../../../bench/overload/workload.ts';
import { compareAttainments } from '../../../../bench/simulate/against.ts';
import { POLICIES } from '../../../../bench/simulate/policies.ts';
import { SharedCores } from '../../../../bench/simulate/shared-cores.ts';
import { simulatedCapacities, simulateWorkload } from '../../../../bench/simulate/simulate-workload.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const MACHINE = { cores: 2, slots: 1, seed: 1 };
const policy = (name: string) => POLICIES.find((candidate) => candidate.name === name)!;

function one(load: number, changes: object = {}): Workload {
  return parseWorkload({
    name: 'w',
    models: [{ name: 'm', file: 'f', latency: { baseMs: 6.5, perRowMs: 0.24 } }],
    streams: [{ model: 'm', load, objectiveMs: 50, arrivals: { kind: 'poisson' }, ...changes }],
  });
}

async function run(workload: Workload, name: string, seconds = 1): Promise<Round> {
  const capacities = await simulatedCapacities(workload, MACHINE);
  const plan = { capacities, seconds, leadInMs: 200, seed: 1 };
  return simulateWorkload({ ...workload, seconds }, policy(name), { options: MACHINE, plan, round: 0 });
}

describe('shared cores', () => {
  it('run as many as there are at full pace, and more of them slower alike', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 2);
    const ends: string[] = [];
    const start = (name: string, workMs: number): void =>
      cores.start(workMs, () => ends.push(`${name} ${clock.nowMs() - 1000}`));
    start('a', 10);
    start('b', 10);
    clock.advance(5);
    start('c', 2);
    clock.advance(100);
    // Three on two cores: c needs 3 ms, a and b have 2 of 5 done by then and the rest takes 3.
    assert.deepEqual(ends, ['c 8', 'a 11', 'b 11']);
    assert.ok(Math.abs(cores.busyMs - 22) < 1e-9);
    assert.equal(clock.armed, 0);
  });

  it('are slower beside a neighbour, for as long as it is there', () => {
    const clock = new FakeClock();
    const cores = new SharedCores(clock, 2);
    let endedAt = Number.NaN;
    cores.setForeign(3);
    cores.start(4, () => (endedAt = clock.nowMs() - 1000));
    clock.advance(4);
    cores.setForeign(0);
    clock.advance(10);
    assert.equal(endedAt, 6);
  });

  it('do all work that they are given, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 50, noNaN: true }), fc.double({ min: 0, max: 20, noNaN: true }))),
        (list) => {
          const clock = new FakeClock();
          const cores = new SharedCores(clock, 2);
          let ended = 0;
          for (const [pause, work] of list) {
            clock.advance(pause);
            cores.start(work, () => (ended += 1));
          }
          clock.advance(1e6);
          assert.equal(ended, list.length);
          assert.equal(clock.armed, 0);
          const work = list.reduce((sum, [, ms]) => sum + ms, 0);
          assert.ok(Math.abs(cores.busyMs - work) < 1e-6 * Math.max(1, work));
        },
      ),
    );
  });
});

describe('a simulation', () => {
  it('can do what its latency curve says: full batches one after the other', async () => {
    const [capacity] = await simulatedCapacities(one(1), MACHINE);
    assert.ok(Math.abs(capacity! / (32_000 / (6.5 + 32 * 0.24)) - 1) < 0.02, String(capacity));
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
