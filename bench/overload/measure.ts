/** One turn of one contestant: the same requests as everyone's in this round, and all that can be said of what came. */
import { watchForeignCpu } from '../support/machine.ts';
import { firstCallsOf } from './client/connection-pool.ts';
import type { Entrant } from './entrant.ts';
import { figuresOf, recoveryAfterStep, wastedShare } from './figures.ts';
import { generateClosed, generateOpen, type OpenResult } from './generator-process.ts';
import { startNeighbours } from './neighbour.ts';
import { type PlanOptions, planRequests } from './request-plan.ts';
import { MAX_LATENESS_P99_MS, type Round } from './results.ts';
import { type BatchFigures, batchesBetween } from './server-metrics.ts';
import type { Workload } from './workload.ts';

/**
 * The share of the CPU that others may take beside the workload's own neighbours: past it a round is of another
 * machine.
 */
const MAX_FOREIGN_SHARE = 0.25;
/** Runs at once of a reference. */
const MOST_SLOTS = 2;
const CAPACITY = { warmUpMs: 500, measureMs: 1500 };

/** The server's capacity for each stream's own mix, in requests a second; each mix is measured once. */
export async function capacitiesOf(entrant: Entrant, workload: Workload, seed: number): Promise<number[]> {
  const known = new Map<string, number>();
  const capacities: number[] = [];
  for (const [index, stream] of workload.streams.entries()) {
    const mix = JSON.stringify([stream.models, stream.zipf]);
    if (!known.has(mix)) known.set(mix, await capacityOf(entrant, workload, index, seed));
    capacities.push(known.get(mix)!);
  }
  return capacities;
}

/**
 * Measures it with as many calls as fill a batch of each model while the next one waits, within what a machine's memory
 * is for.
 */
async function capacityOf(entrant: Entrant, workload: Workload, stream: number, seed: number): Promise<number> {
  const { models, zipf } = workload.streams[stream]!;
  const calls = workload.maxBatchSize * Math.min(24, 2 * Math.max(MOST_SLOTS, models.length) + 1);
  const loop = { models, stream, zipf, calls, ...CAPACITY, seed };
  const capacity = await generateClosed(entrant.targetOf(workload), loop);
  if (capacity.answersPerSecond === 0)
    throw new Error(`${entrant.contestant.name} answered nothing in a closed loop of ${calls}`);
  return capacity.answersPerSecond;
}

export interface Turn {
  readonly round: number;
  /** 0, or which repeat it is. */
  readonly attempt: number;
  readonly plan: PlanOptions;
  /** A round that was disturbed counts all the same. */
  readonly keepsDisturbed: boolean;
}

export async function measure(entrant: Entrant, workload: Workload, turn: Turn): Promise<Round> {
  const { plan: options, round, attempt } = turn;
  const { result, batches, serverCpuSeconds, foreignShare } = await play(entrant, workload, options);
  const plan = planRequests(workload, options);
  const wasted = wastedShare(workload, plan, result.outcomes, batches.rowsRun);
  const { predictionErrorMs } = batches;
  const recovery = recoveryAfterStep(workload, plan, result.outcomes);
  const disturbed = whatDisturbed(workload, result, foreignShare);
  const invalid = whyInvalid(result, disturbed, turn.keepsDisturbed);
  return {
    ...{ workload: workload.name, contestant: entrant.contestant.name, round },
    ...(attempt > 0 && { attempt }),
    ...figuresOf(workload, plan, result.outcomes),
    ...{ capacities: options.capacities, seconds: options.seconds },
    ...{ wastedShare: wasted, wastedCpuSeconds: wasted * serverCpuSeconds, serverCpuSeconds },
    ...{ meanBatch: batches.meanBatch, sizes: batches.sizes, reasons: batches.reasons },
    ...(predictionErrorMs !== undefined && { predictionErrorMs }),
    ...(recovery !== undefined && { recoveryMs: recovery }),
    ...{ latenessMs: result.latenessMs, held: result.held, misshapen: result.misshapen },
    ...{ generatorCpuMicros: result.cpuMicrosEach, isGeneratorFirst: result.isFirst, foreignShare },
    ...(disturbed !== undefined && { disturbed }),
    ...(invalid !== undefined && { invalid }),
  };
}

interface Played {
  readonly result: OpenResult;
  readonly batches: BatchFigures;
  readonly serverCpuSeconds: number;
  readonly foreignShare: number;
}

async function play(entrant: Entrant, workload: Workload, plan: PlanOptions): Promise<Played> {
  const { server } = entrant;
  const target = entrant.targetOf(workload);
  const models = workload.models.map(({ name }) => name);
  const before = await entrant.readMetrics();
  const cpuBefore = server.cpuSeconds();
  const foreign = watchForeignCpu();
  let endNeighbours = (): void => undefined;
  const result = await generateOpen({ target, workload, plan }, (inMs) => {
    if (workload.neighbour === undefined) return;
    endNeighbours = startNeighbours(workload.neighbour, inMs, plan.seconds * 1000);
  }).finally(() => endNeighbours());
  const serverCpuSeconds = server.cpuSeconds() - cpuBefore;
  const foreignShare = foreign.share(serverCpuSeconds);
  const batches = batchesBetween(models, before, await entrant.readMetrics(), firstCallsOf(target));
  return { result, batches, serverCpuSeconds, foreignShare };
}

function whatDisturbed(workload: Workload, { latenessMs }: OpenResult, foreignShare: number): string | undefined {
  if (latenessMs.p99 > MAX_LATENESS_P99_MS) {
    return `the load generator was ${latenessMs.p99.toFixed(1)} ms late at its p99; at most ${MAX_LATENESS_P99_MS} ms`;
  }
  if (workload.neighbour === undefined && foreignShare > MAX_FOREIGN_SHARE) {
    return `other processes took ${Math.round(foreignShare * 100)} % of the machine`;
  }
  return undefined;
}

function whyInvalid(
  { misshapen }: OpenResult,
  disturbed: string | undefined,
  keepsDisturbed: boolean,
): string | undefined {
  if (misshapen > 0) return `${misshapen} answers had another length than the first one`;
  return keepsDisturbed ? undefined : disturbed;
}
