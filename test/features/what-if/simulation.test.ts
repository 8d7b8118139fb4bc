import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SERVER_COSTS, Simulation } from '../../../src/features/what-if/simulation/simulation.ts';

const RUN = { signatureName: 's', rows: 1, leavesAfterMs: Infinity };

function simulationOf(runs: object = {}): Simulation {
  const model = {
    name: 'm',
    signatures: new Map([['s', { kind: 'dynamic' } as const]]),
    options: { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 100, allowedBatchSizes: [] },
    runs: { slots: 1, workMs: (_name: string, rows: number) => 4 + rows, ...runs },
    seeds: [1, 2, 4, 8].map((rows) => ({ signature: 's', rows, runMs: 4 + rows })),
  };
  return new Simulation({ cores: 2, slots: 2, costs: SERVER_COSTS, models: [model] });
}

describe('a simulation of the scheduler', () => {
  it('ends every request once: answered, refused, expired, or given up by its client', async () => {
    const simulation = simulationOf();
    const zero = simulation.clock.nowMs();
    const ends = Array.from({ length: 400 }, () => [] as string[]);
    await simulation.play({
      count: ends.length,
      at: (i) => zero + i * 0.3,
      arrive: (i) => {
        const leavesAfterMs = i % 10 === 0 ? 3 : Infinity;
        const request = { ...RUN, model: 0, budgetMs: i % 7 === 0 ? 1 : 30, leavesAfterMs };
        simulation.arrive(request, (error) => ends[i]!.push(error?.kind ?? 'answered'));
      },
    });
    assert.ok(ends.every((each) => each.length === 1));
    const kinds = new Set(ends.flat());
    assert.deepEqual([...kinds].sort(), ['answered', 'cancelled', 'deadline_exceeded', 'overloaded']);
    assert.equal(simulation.clock.nextAt, Infinity);
    assert.equal(await simulation.step(Infinity), false);
  });

  it('tells callers apart: a sparse one is answered beside a crowd', async () => {
    const answered = async (callers: readonly string[]): Promise<number> => {
      const simulation = simulationOf();
      const zero = simulation.clock.nowMs();
      let count = 0;
      await simulation.play({
        count: 2000,
        at: (i) => zero + i * 0.3,
        arrive: (i) => {
          const isSparse = i % 50 === 25;
          const request = { ...RUN, model: 0, budgetMs: 80, caller: callers[isSparse ? 1 : 0] };
          simulation.arrive(request, (error) => {
            if (isSparse && error === undefined) count += 1;
          });
        },
      });
      return count;
    };
    assert.equal(await answered(['crowd', 'sparse']), 40);
    const together = await answered(['one', 'one']);
    assert.ok(together < 20, String(together));
  });
});
