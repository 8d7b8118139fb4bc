/**
 * A plan and its outcomes → what a page says of them.
 *
 * Definitions, all over the requests intended at or after 0, not taken back by their client before an end came, and of
 * a stream that is judged (`models` and `streams` are of all streams):
 * - in time: answered well, and the answer seen no later than the intended instant + the objective
 * - attainment: in time ÷ all of them; admitted attainment: in time ÷ those not refused
 * - latency: from the intended instant (not from when it was sent) to the end, whatever the end was; of the admitted.
 *   An admitted request that never ended counts with Infinity
 * - refusal latency: the same of the refused
 * - goodput: in time, a second
 * Percentiles are of all values, sorted: no bucket rounds them.
 */
import { lowerBound } from '../support/statistics.ts';
import { Outcome, type Outcomes } from './outcomes.ts';
import type { RequestPlan } from './request-plan.ts';
import type { Workload } from './workload.ts';

export interface PartFigures {
  readonly name: string;
  readonly offered: number;
  /** NaN of none offered. */
  readonly attainment: number;
}

export interface Figures {
  readonly offered: number;
  readonly offeredPerSecond: number;
  readonly inTime: number;
  readonly late: number;
  readonly refused: number;
  readonly expired: number;
  readonly failed: number;
  readonly lost: number;
  readonly cancelled: number;
  readonly attainment: number;
  readonly admittedAttainment: number;
  readonly goodput: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly refusalP50Ms: number;
  readonly refusalP99Ms: number;
  /** The same from when the request was sent: without the generator's own lateness. */
  readonly refusalFromSendP99Ms: number;
  readonly models: readonly PartFigures[];
  readonly streams: readonly PartFigures[];
  /** Least attainment of a model with at least MIN_OFFERED requests. */
  readonly worstModel: PartFigures;
  /** Attainment of each BIN_MS of intended instants; null where none was offered. */
  readonly timeline: readonly (number | null)[];
}

export const BIN_MS = 100;
/** Fewer say nothing of a model. */
const MIN_OFFERED = 20;

class Tally {
  offered = 0;
  inTime = 0;

  get attainment(): number {
    return this.inTime / this.offered;
  }
}

/** Everything counted once, in one walk over the requests. */
class Counts {
  readonly kinds = new Array<number>(6).fill(0);
  readonly models: readonly Tally[];
  readonly streams: readonly Tally[];
  readonly bins: readonly Tally[];
  readonly all = new Tally();
  readonly admittedMs: number[] = [];
  readonly refusalMs: number[] = [];
  readonly refusalFromSendMs: number[] = [];
  readonly #isJudged: readonly boolean[];

  constructor(workload: Workload, plan: RequestPlan, outcomes: Outcomes) {
    this.#isJudged = workload.streams.map(({ isJudged }) => isJudged);
    this.models = workload.models.map(() => new Tally());
    this.streams = workload.streams.map(() => new Tally());
    this.bins = Array.from({ length: Math.ceil(plan.lengthMs / BIN_MS) }, () => new Tally());
    for (let i = 0; i < plan.count; i++) if (plan.at[i]! >= 0) this.#add(plan, outcomes, i);
  }

  #add(plan: RequestPlan, outcomes: Outcomes, i: number): void {
    const kind = outcomes.kind[i]!;
    const isJudged = this.#isJudged[plan.stream[i]!]!;
    if (isJudged) this.kinds[kind]! += 1;
    if (kind === Outcome.CANCELLED) return;
    const isInTime = isAnsweredInTime(plan, outcomes, i);
    const bin = this.bins[Math.floor(plan.at[i]! / BIN_MS)]!;
    const parts = [this.models[plan.model[i]!]!, this.streams[plan.stream[i]!]!];
    for (const tally of isJudged ? [this.all, bin, ...parts] : parts) {
      tally.offered += 1;
      if (isInTime) tally.inTime += 1;
    }
    if (!isJudged) return;
    const latency = outcomes.endedAt[i]! - plan.at[i]!;
    (kind === Outcome.REFUSED ? this.refusalMs : this.admittedMs).push(Number.isNaN(latency) ? Infinity : latency);
    if (kind === Outcome.REFUSED) this.refusalFromSendMs.push(outcomes.endedAt[i]! - outcomes.sentAt[i]!);
  }
}

export function figuresOf(workload: Workload, plan: RequestPlan, outcomes: Outcomes): Figures {
  const counts = new Counts(workload, plan, outcomes);
  const { kinds, all } = counts;
  const seconds = plan.lengthMs / 1000;
  const models = counts.models.map((tally, i) => partOf(workload.models[i]!.name, tally));
  return {
    offered: all.offered,
    offeredPerSecond: all.offered / seconds,
    inTime: all.inTime,
    late: kinds[Outcome.ANSWERED]! - all.inTime,
    refused: kinds[Outcome.REFUSED]!,
    expired: kinds[Outcome.EXPIRED]!,
    failed: kinds[Outcome.FAILED]!,
    lost: kinds[Outcome.LOST]!,
    cancelled: kinds[Outcome.CANCELLED]!,
    attainment: all.attainment,
    admittedAttainment: all.inTime / counts.admittedMs.length,
    goodput: all.inTime / seconds,
    ...latenciesOf(counts),
    models,
    streams: counts.streams.map((tally, i) => partOf(workload.streams[i]!.name, tally)),
    worstModel: worstOf(models),
    timeline: counts.bins.map(({ offered, attainment }) => (offered === 0 ? null : attainment)),
  };
}

export function isAnsweredInTime(plan: RequestPlan, outcomes: Outcomes, i: number): boolean {
  return outcomes.kind[i] === Outcome.ANSWERED && outcomes.endedAt[i]! <= plan.at[i]! + plan.objectiveMs[i]!;
}

type Latencies = 'p50Ms' | 'p99Ms' | 'p999Ms' | 'refusalP50Ms' | 'refusalP99Ms' | 'refusalFromSendP99Ms';

function latenciesOf({ admittedMs, refusalMs, refusalFromSendMs }: Counts): Pick<Figures, Latencies> {
  const admitted = Float64Array.from(admittedMs).sort();
  const refusals = Float64Array.from(refusalMs).sort();
  return {
    p50Ms: percentile(admitted, 0.5),
    p99Ms: percentile(admitted, 0.99),
    p999Ms: percentile(admitted, 0.999),
    refusalP50Ms: percentile(refusals, 0.5),
    refusalP99Ms: percentile(refusals, 0.99),
    refusalFromSendP99Ms: percentile(Float64Array.from(refusalFromSendMs).sort(), 0.99),
  };
}

function partOf(name: string, { offered, attainment }: Tally): PartFigures {
  return { name, offered, attainment };
}

function worstOf(parts: readonly PartFigures[]): PartFigures {
  const heard = parts.filter(({ offered }) => offered >= MIN_OFFERED);
  return (heard.length === 0 ? parts : heard).reduce((worst, part) =>
    part.attainment < worst.attainment ? part : worst,
  );
}

/** The smallest value that at least `share` of all are not above (nearest rank). NaN of none. */
export function percentile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)]!;
}

/** The condition for back to normal after a step down: a window of so many ms with such an attainment. */
export const RECOVERED = { attainment: 0.99, windowMs: 1000 } as const;

/**
 * How long after the last part of the profile began, if that is a step down, the attainment is back: where the first
 * window that has RECOVERED begins. Infinity if none has; undefined where there is no step down, or no window after it.
 */
export function recoveryAfterStep({ streams }: Workload, plan: RequestPlan, outcomes: Outcomes): number | undefined {
  const [before, last] = streams[0]!.profile.slice(-2);
  if (before === undefined || last === undefined || last.factor >= before.factor) return undefined;
  const fromMs = (1 - last.share) * plan.lengthMs;
  const { attainment, windowMs } = RECOVERED;
  if (fromMs + windowMs > plan.lengthMs) return undefined;
  for (let start = fromMs; start + windowMs <= plan.lengthMs; start += BIN_MS) {
    if (attainmentBetween(plan, outcomes, start, start + windowMs) >= attainment) return start - fromMs;
  }
  return Infinity;
}

/** The attainment of the requests intended in [fromMs, untilMs); NaN without requests. */
export function attainmentBetween(plan: RequestPlan, outcomes: Outcomes, fromMs: number, untilMs: number): number {
  const tally = new Tally();
  for (let i = lowerBound(plan.at, fromMs); i < plan.count && plan.at[i]! < untilMs; i++) {
    if (outcomes.kind[i] === Outcome.CANCELLED) continue;
    tally.offered += 1;
    if (isAnsweredInTime(plan, outcomes, i)) tally.inTime += 1;
  }
  return tally.attainment;
}

/**
 * Share of the rows that were run for nothing: 1 − in time ÷ run, over the whole plan with its lead-in, weighed by what
 * a row of each model costs. A row counts as one answer (requests have one row). `rowsRun` by model; NaN if none ran.
 */
export function wastedShare(
  workload: Workload,
  plan: RequestPlan,
  outcomes: Outcomes,
  rowsRun: readonly number[],
): number {
  const inTime = workload.models.map(() => 0);
  for (let i = 0; i < plan.count; i++) if (isAnsweredInTime(plan, outcomes, i)) inTime[plan.model[i]!]! += 1;
  let [useful, total] = [0, 0];
  for (const [m, { latency }] of workload.models.entries()) {
    const cost = latency.baseMs / workload.maxBatchSize + latency.perRowMs;
    useful += cost * inTime[m]!;
    total += cost * rowsRun[m]!;
  }
  return Math.max(0, 1 - useful / total);
}
