/** The machine that a workload is simulated on. */

import type { LatencyCurve, Workload } from '../../../../bench/overload/workload.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import {
  type LoopCosts,
  type SimulatedModel,
  Simulation,
} from '../../../../src/features/what-if/simulation/simulation.ts';
import type { Policy } from './policies.ts';

export interface Machine {
  readonly cores: number;
  /** Batches at once, over all models. */
  readonly slots: number;
  /** Threads of one run. */
  readonly threads: number;
  readonly costs: LoopCosts;
  /** The cores that the load generator takes, before all others. */
  readonly generatorCores: number;
  readonly seed: number;
}

/** The one signature of every model. */
export const SIGNATURE_NAME = 'serving_default';

/** The defaults of `pillion serve`. */
const SERVER_DEFAULTS = { batchTimeoutMicros: 0, maxEnqueuedBatches: 100, allowedBatchSizes: [] } as const;

export function simulationOf(workload: Workload, policy: Policy, machine: Machine): Simulation {
  const { cores, generatorCores, slots, costs, seed } = machine;
  const random = new SeededRandom(seed, 1);
  const models = workload.models.map(({ name, latency }, i): SimulatedModel => {
    const chance = random.fork(i);
    return {
      name,
      signatures: new Map([[SIGNATURE_NAME, { kind: 'dynamic' }]]),
      options: { ...SERVER_DEFAULTS, maxBatchSize: workload.maxBatchSize, ...policy.options },
      runs: {
        slots,
        threads: machine.threads,
        scaling: latency,
        takesNext: true,
        workMs: (_signature, rows) => workMs(latency, rows, chance),
      },
    };
  });
  return new Simulation({ cores: cores - generatorCores, slots, costs, models });
}

function workMs(latency: LatencyCurve, rows: number, random: SeededRandom): number {
  const { baseMs, perRowMs, noise, stallShare, stallFactor } = latency;
  const chance = Math.exp(noise * random.normal() - noise ** 2 / 2);
  const stall = random.uniform() < stallShare ? stallFactor : 1;
  return (baseMs + rows * perRowMs) * chance * stall;
}
