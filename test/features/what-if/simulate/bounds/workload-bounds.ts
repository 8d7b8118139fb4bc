/**
 * Compares the attainment that could be reached of a workload with that which is: the clairvoyant bound, a schedule
 * that knows all requests, and the best of the simulated policies. All are of one machine, whose runs take exactly what
 * their curve says, and whose event loop costs nothing.
 *
 * Loads are multiples of what that machine can do with the same plan, as everywhere. Neither counts requests that their
 * client takes back: nobody has to answer them.
 */

import { planRequests, type RequestPlan } from '../../../../../bench/overload/request-plan.ts';
import type { LatencyCurve, Stream, Workload } from '../../../../../bench/overload/workload.ts';
import { slowDown, speedUp } from '../../../../../src/features/what-if/simulation/scaling.ts';
import type { Machine } from '../machine.ts';
import type { Policy } from '../policies.ts';
import { simulatedCapacities, simulateWorkload } from '../simulate-workload.ts';
import { clairvoyantBound, type OfflineModel, type OfflineRequest } from './clairvoyant-bound.ts';
import { offlineSchedule } from './offline-schedule.ts';

/** How many batches run at once, and on how many threads each. */
export interface Plan {
  readonly slots: number;
  readonly threads: number;
}

export interface WorkloadBound {
  readonly workload: string;
  readonly plan: Plan;
  /** No scheduler answers more of the requests in time: 0 to 1. */
  readonly bound: number;
  /** The attainment of a schedule that was searched for; undefined if it cannot be searched for. */
  readonly schedule: number | undefined;
  /** The simulated policy that answers most, and how many. */
  readonly best: { readonly policy: string; readonly attainment: number };
}

export interface BoundOptions {
  readonly machine: Machine;
  /** The plan is the one of these with the largest capacity. */
  readonly plans: readonly Plan[];
  readonly policies: readonly Policy[];
  readonly seconds: number | undefined;
  readonly rounds: number;
}

const LEAD_IN_MS = 500;
const FREE = { readMs: 0, answerMs: 0, batchMs: 0 };

/** Every plan that leaves no core idle for want of threads, and none without a core: 1x1, 2x1 and 1x2 on two cores. */
export function plansFor(cores: number): Plan[] {
  const plans: Plan[] = [];
  for (let threads = 1; threads <= Math.max(1, cores); threads++)
    for (let slots = 1; slots * threads <= Math.max(1, cores); slots++) plans.push({ slots, threads });
  return plans;
}

/** Means of the rounds. */
export async function boundOf(given: Workload, options: BoundOptions): Promise<WorkloadBound> {
  const { policies, rounds } = options;
  const workload = { ...withoutChance(given), seconds: options.seconds ?? given.seconds };
  const { machine, capacities } = await bestPlan(workload, options);
  let bound = 0;
  let schedule: number | undefined = 0;
  const attained = policies.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    const seed = machine.seed + round;
    const planned = { capacities, seconds: workload.seconds, leadInMs: LEAD_IN_MS, seed };
    const requests = planRequests(workload, planned);
    bound += boundOfPlan(workload, requests, machine) / rounds;
    const reached = scheduleOfPlan(workload, requests, machine);
    schedule = schedule === undefined || reached === undefined ? undefined : schedule + reached / rounds;
    for (const [i, policy] of policies.entries()) {
      const { attainment } = await simulateWorkload(workload, policy, { machine, plan: planned, round });
      attained[i]! += attainment / rounds;
    }
  }
  const best = attained.indexOf(Math.max(...attained));
  return {
    workload: workload.name,
    plan: { slots: machine.slots, threads: machine.threads },
    bound,
    schedule,
    best: { policy: policies[best]!.name, attainment: attained[best]! },
  };
}

async function bestPlan(
  workload: Workload,
  { machine, plans }: BoundOptions,
): Promise<{ readonly machine: Machine; readonly capacities: readonly number[] }> {
  let best: { machine: Machine; capacities: readonly number[] } | undefined;
  for (const plan of plans) {
    const planned = { ...machine, ...plan, costs: FREE };
    const capacities = await simulatedCapacities(workload, planned);
    if (best === undefined || capacities[0]! > best.capacities[0]!) best = { machine: planned, capacities };
  }
  return best!;
}

function withoutChance(workload: Workload): Workload {
  const models = workload.models.map((model) => ({ ...model, latency: { ...model.latency, noise: 0, stallShare: 0 } }));
  return { ...workload, models };
}

/** The bound's share of the requests that count. */
function boundOfPlan(workload: Workload, plan: RequestPlan, machine: Machine): number {
  const models = workload.models.map(({ latency }) => offlineModel(latency, workload, machine));
  const workAt = workClock(workload, plan, machine);
  const requests = countedRequests(workload, plan).map(({ model, releaseMs, dueMs }) => ({
    model,
    releaseMs: workAt(releaseMs),
    dueMs: workAt(dueMs),
  }));
  return clairvoyantBound({ requests, models, maxBatchSize: workload.maxBatchSize }) / requests.length;
}

/** The schedule of one model and one objective, without neighbours. Every run is as slow as if all slots were taken. */
function scheduleOfPlan(workload: Workload, plan: RequestPlan, machine: Machine): number | undefined {
  const { models, streams, neighbour, maxBatchSize } = workload;
  const isOrdered = streams.every(({ objectiveMs }) => objectiveMs === streams[0]!.objectiveMs);
  if (models.length > 1 || !isOrdered || neighbour !== undefined) return undefined;
  const { runMs, rate } = offlineModel(models[0]!.latency, workload, machine);
  const requests = countedRequests(workload, plan);
  const { slots } = machine;
  const answered = offlineSchedule({
    releases: requests.map(({ releaseMs }) => releaseMs),
    dues: requests.map(({ dueMs }) => dueMs),
    runMs: (rows) => (runMs(rows) * slots) / rate,
    slots,
    maxBatchSize,
  });
  return answered / requests.length;
}

function countedRequests({ streams }: Workload, plan: RequestPlan): OfflineRequest[] {
  const requests: OfflineRequest[] = [];
  for (let i = 0; i < plan.count; i++) {
    if (plan.at[i]! < 0 || plan.cancelAt[i]! < Infinity || !isCounted(streams[plan.stream[i]!]!)) continue;
    requests.push({ model: plan.model[i]!, releaseMs: plan.at[i]!, dueMs: plan.at[i]! + plan.objectiveMs[i]! });
  }
  return requests;
}

/** A stream may be load beside which the others are judged. */
function isCounted(stream: Stream & { readonly isJudged?: boolean }): boolean {
  return stream.isJudged !== false;
}

function offlineModel(latency: LatencyCurve, workload: Workload, machine: Machine): OfflineModel {
  const faster = speedUp(latency, machine.threads);
  const runMs = (rows: number): number => (latency.baseMs + rows * latency.perRowMs) / faster;
  const foreign = foreignOf(workload, machine);
  // The machine's own time is slower beside others than that of one run alone: by that much the run is shorter in it.
  const own = foreign === 0 ? 1 : Math.min(1, calmShare(workload, machine) / shareOf(1, foreign, machine));
  return { runMs, rate: rateOf(latency, 0, machine), leastMs: runMs(1) * own };
}

/** A core's share of each thread while `runs` run beside `foreign` other processes. */
function shareOf(runs: number, foreign: number, { cores, threads }: Machine): number {
  return Math.min(1, cores / (runs * threads + foreign));
}

/** Most ms of the model's runs that the machine does in a ms beside `foreign` other processes. */
function rateOf(latency: LatencyCurve, foreign: number, machine: Machine): number {
  let most = 0;
  for (let runs = 1; runs <= machine.slots; runs++) {
    const share = shareOf(runs, foreign, machine);
    most = Math.max(most, (runs * share) / slowDown(latency, Math.max(0, share * runs - 1)));
  }
  return most;
}

function foreignOf({ neighbour }: Workload, { cores }: Machine): number {
  return neighbour === undefined ? 0 : Math.max(1, Math.round(neighbour.processesPerCore * cores));
}

/** The share of its rate that the neighbours leave the machine, of the model that they slow down least. */
function calmShare({ models, ...workload }: Workload, machine: Machine): number {
  const foreign = foreignOf({ models, ...workload }, machine);
  return Math.max(...models.map(({ latency }) => rateOf(latency, foreign, machine) / rateOf(latency, 0, machine)));
}

/** Instants of the plan → what the machine could have done by then, from the plan's start, in ms at its calm rate. */
function workClock(workload: Workload, plan: RequestPlan, machine: Machine): (at: number) => number {
  const { neighbour } = workload;
  if (neighbour === undefined) return (at) => at;
  const [from, to] = [neighbour.fromShare * plan.lengthMs, neighbour.toShare * plan.lengthMs];
  const lost = 1 - calmShare(workload, machine);
  return (at) => at - lost * Math.max(0, Math.min(at, to) - from);
}
