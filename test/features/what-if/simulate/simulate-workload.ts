/** A workload on a simulated machine, with the benchmark's own figures as the result. */

import { figuresOf, recoveryAfterStep, wastedShare } from '../../../../bench/overload/figures.ts';
import { emptyOutcomes, Outcome, type Outcomes } from '../../../../bench/overload/outcomes.ts';
import { type PlanOptions, planRequests, type RequestPlan } from '../../../../bench/overload/request-plan.ts';
import type { Round } from '../../../../bench/overload/results.ts';
import type { Stream, Workload } from '../../../../bench/overload/workload.ts';
import { zipfCumulative } from '../../../../bench/support/zipf.ts';
import type { ServingError } from '../../../../src/core/errors.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import type { Simulation } from '../../../../src/features/what-if/simulation/simulation.ts';
import { type Machine, SIGNATURE_NAME, simulationOf } from './machine.ts';
import { POLICIES, type Policy } from './policies.ts';

const ONE_ROW = { signatureName: SIGNATURE_NAME, rows: 1 } as const;
const CAPACITY_MS = { warmUp: 500, measure: 4000 };
/** The same upper bounds as the server's metrics have. */
const SIZE_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/**
 * The capacities as the benchmark measures them, in a closed loop, with greedy batches: requests a second for each
 * stream's mix.
 */
export async function simulatedCapacities(workload: Workload, machine: Machine): Promise<number[]> {
  const known = new Map<string, number>();
  for (const stream of workload.streams) {
    const mix = JSON.stringify([stream.models, stream.zipf]);
    if (!known.has(mix)) known.set(mix, await capacityOf(workload, stream, machine));
  }
  return workload.streams.map(({ models, zipf }) => known.get(JSON.stringify([models, zipf]))!);
}

async function capacityOf(workload: Workload, { models, zipf }: Stream, machine: Machine): Promise<number> {
  const greedy = POLICIES.find(({ name }) => name === 'greedy')!;
  const simulation = simulationOf(workload, greedy, machine);
  const random = new SeededRandom(machine.seed, 2);
  const cumulative = zipfCumulative(models.length, zipf);
  const from = simulation.clock.nowMs() + CAPACITY_MS.warmUp;
  const until = from + CAPACITY_MS.measure;
  let answered = 0;
  const ask = (): void => {
    const request = {
      ...ONE_ROW,
      model: models[random.pick(cumulative)]!,
      budgetMs: Infinity,
      leavesAfterMs: Infinity,
    };
    simulation.arrive(request, (error) => {
      const now = simulation.clock.nowMs();
      if (error === undefined && now >= from) answered += 1;
      if (now < until) ask();
    });
  };
  const calls = workload.maxBatchSize * Math.min(24, 2 * Math.max(machine.slots, models.length) + 1);
  for (let i = 0; i < calls; i++) ask();
  await simulation.settle();
  while (simulation.clock.nowMs() < until) await simulation.step(until);
  return answered / (CAPACITY_MS.measure / 1000);
}

export interface SimulatedRun {
  readonly machine: Machine;
  readonly plan: PlanOptions;
  readonly round: number;
}

export async function simulateWorkload(workload: Workload, policy: Policy, run: SimulatedRun): Promise<Round> {
  const plan = planRequests(workload, run.plan);
  const simulation = simulationOf(workload, policy, run.machine);
  const outcomes = await play(simulation, workload, plan, run.machine.cores);
  const rowsRun = workload.models.map(({ name }) =>
    simulation.batches.reduce((sum, batch) => sum + (batch.model === name ? batch.rows : 0), 0),
  );
  const wasted = wastedShare(workload, plan, outcomes, rowsRun);
  const recovery = recoveryAfterStep(workload, plan, outcomes);
  const cpuSeconds = (simulation.cores.busyMs + simulation.cores.loopMs) / 1000;
  return {
    workload: workload.name,
    contestant: policy.name,
    round: run.round,
    ...figuresOf(workload, plan, outcomes),
    capacities: run.plan.capacities,
    seconds: run.plan.seconds,
    wastedShare: wasted,
    wastedCpuSeconds: wasted * cpuSeconds,
    serverCpuSeconds: cpuSeconds,
    meanBatch: rowsRun.reduce((sum, rows) => sum + rows, 0) / simulation.batches.length,
    sizes: sizesOf(simulation),
    ...(recovery !== undefined && { recoveryMs: recovery }),
    latenessMs: { p50: 0, p99: 0, max: 0 },
    held: 0,
    misshapen: 0,
    generatorCpuMicros: 0,
    isGeneratorFirst: true,
    foreignShare: 0,
  };
}

async function play(simulation: Simulation, workload: Workload, plan: RequestPlan, cores: number): Promise<Outcomes> {
  const outcomes = emptyOutcomes(plan.count);
  const zero = simulation.clock.nowMs() + plan.leadInMs;
  armNeighbour(simulation, workload, zero, cores);
  await simulation.play({
    count: plan.count,
    at: (i) => zero + plan.at[i]!,
    arrive: (i) => arrive(simulation, workload, { plan, outcomes }, i, zero),
  });
  return outcomes;
}

function arrive(
  simulation: Simulation,
  { streams }: Workload,
  { plan, outcomes }: { readonly plan: RequestPlan; readonly outcomes: Outcomes },
  i: number,
  zero: number,
): void {
  const { clock } = simulation;
  const { caller }: Stream & { readonly caller?: string | undefined } = streams[plan.stream[i]!]!;
  outcomes.sentAt[i] = clock.nowMs() - zero;
  const request = {
    ...ONE_ROW,
    model: plan.model[i]!,
    budgetMs: plan.objectiveMs[i]!,
    leavesAfterMs: plan.cancelAt[i]! - plan.at[i]!,
    caller,
  };
  simulation.arrive(request, (error) => {
    outcomes.kind[i] = outcomeOfError(error);
    outcomes.endedAt[i] = clock.nowMs() - zero;
  });
}

function outcomeOfError(error: ServingError | undefined): number {
  switch (error?.kind) {
    case undefined:
      return Outcome.ANSWERED;
    case 'overloaded':
      return Outcome.REFUSED;
    case 'deadline_exceeded':
      return Outcome.EXPIRED;
    case 'cancelled':
      return Outcome.CANCELLED;
    default:
      return Outcome.FAILED;
  }
}

function armNeighbour({ clock, cores: shared }: Simulation, workload: Workload, zero: number, cores: number): void {
  const { neighbour, seconds } = workload;
  if (neighbour === undefined) return;
  const processes = Math.max(1, Math.round(neighbour.processesPerCore * cores));
  clock.setTimer(zero + neighbour.fromShare * seconds * 1000, () => shared.setForeign(processes));
  clock.setTimer(zero + neighbour.toShare * seconds * 1000, () => shared.setForeign(0));
}

function sizesOf({ batches }: Simulation): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const { rows } of batches) {
    const bound = String(SIZE_BOUNDS.find((candidate) => rows <= candidate) ?? '+Inf');
    sizes[bound] = (sizes[bound] ?? 0) + 1;
  }
  return sizes;
}
