/** The work of one model version in the present turn and the one before: see recent-work.ts. */
import type { SignatureTotals } from '../../ledger/metrics/signature-totals.ts';
import { BATCH_ROWS, BATCHES, CORE_MS, FULL_BATCHES, RUN_MS, type WorkMark } from '../../ledger/metrics/work.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';
import { STAGE_QUEUE } from '../../ledger/stage-clock.ts';
import { FLOAT_BUCKETS, floatBucketOf } from './float-buckets.ts';
import { ERROR_QUANTILES, ForecastErrors } from './forecast-errors.ts';

/** The batches in the span of a RecentView. */
interface RecentRuns {
  readonly batches: number;
  /** Rows of the batches, without padding. */
  readonly batchRows: number;
  /** Batches that were of the largest size. */
  readonly fullBatches: number;
  /** Length of all runs. */
  readonly runMs: number;
  /** The same, each run times its threads. */
  readonly coreMs: number;
  /** The signature whose runs took most of that; '' without runs. */
  readonly signature: string;
}

/** The counts in the span of a RecentView. */
export interface RecentCounts extends RecentRuns {
  readonly requests: number;
  /** Rows of all requests, the refused ones too. */
  readonly rows: number;
  /** Requests that succeeded in time, and their rows. */
  readonly answered: number;
  readonly answeredRows: number;
  /** The deadline passed first, with or without an answer. */
  readonly late: number;
  /** Refusals by their reason: scheduler's, callers' limits, memory. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Time that answered requests spent in the queue, summed. */
  readonly queueMs: number;
  /** The median of the time budgets that clients set; undefined where they set none. */
  readonly budgetMs: number | undefined;
}

/** The last minute or two of a version's forecasts. */
export interface RecentForecasts {
  /** Requests that were admitted with a deadline of their client, and the share of them that were late. */
  readonly admitted: number;
  readonly lateShare: number;
  /** Requests with a forecast. */
  readonly forecasts: number;
  /** Actual end − forecast in ms, at ERROR_QUANTILES; empty without forecasts. */
  readonly errorMs: readonly number[];
}

/** One turn of a version. */
class Turn {
  requests = 0;
  rows = 0;
  answered = 0;
  answeredRows = 0;
  late = 0;
  queueMs = 0;
  readonly refusals = new Map<string, number>();
  /** Time budgets by bucket, and the last one of each: clients mostly set the same few. */
  readonly budgets = new Uint32Array(FLOAT_BUCKETS);
  readonly lastBudgets = new Float64Array(FLOAT_BUCKETS);

  addRequest(record: RequestRecord, isLate: boolean): void {
    const { outcome, rows, stages, error } = record;
    this.requests += 1;
    this.rows += rows;
    if (record.hasOwnDeadline !== false && record.deadline < Infinity) {
      const budgetMs = record.deadline - stages.startedAt;
      const bucket = floatBucketOf(budgetMs);
      this.budgets[bucket]! += 1;
      this.lastBudgets[bucket] = budgetMs;
    }
    const reason = error?.attributes?.['reason'];
    if (typeof reason === 'string') this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    else if (isLate) this.late += 1;
    else if (outcome === 'ok') {
      this.answered += 1;
      this.answeredRows += rows;
      this.queueMs += stages.lengthOf(STAGE_QUEUE);
    }
  }

  clear(): void {
    this.requests = 0;
    this.rows = 0;
    this.answered = 0;
    this.answeredRows = 0;
    this.late = 0;
    this.queueMs = 0;
    this.refusals.clear();
    this.budgets.fill(0);
  }
}

class ForecastTurn {
  readonly errors = new ForecastErrors();
  admitted = 0;
  late = 0;

  add(record: RequestRecord, isLate: boolean): void {
    const { expectedEnd = 0, stages, outcome } = record;
    if (expectedEnd > 0 && outcome === 'ok') this.errors.add(stages.finishedAt - expectedEnd);
    if (record.hasOwnDeadline === false || record.deadline === Infinity || !stages.has(STAGE_QUEUE)) return;
    this.admitted += 1;
    if (isLate) this.late += 1;
  }

  clear(): void {
    this.errors.clear();
    this.admitted = 0;
    this.late = 0;
  }
}

/** A version's turns; RecentWork says when one ends. */
export class VersionWork {
  #current = new Turn();
  #previous = new Turn();
  #forecasts = new ForecastTurn();
  #earlierForecasts = new ForecastTurn();

  addRequest(record: RequestRecord, isLate: boolean): void {
    this.#current.addRequest(record, isLate);
    this.#forecasts.add(record, isLate);
  }

  turn(): void {
    [this.#current, this.#previous] = [this.#previous, this.#current];
    this.#current.clear();
  }

  turnForecasts(): void {
    [this.#forecasts, this.#earlierForecasts] = [this.#earlierForecasts, this.#forecasts];
    this.#forecasts.clear();
  }

  /** `signatures` of the version had their work counted since `mark`. */
  counts(signatures: Iterable<SignatureTotals>, mark: WorkMark): RecentCounts {
    return { ...countsOf(this.#current, this.#previous), ...workOf(signatures, mark) };
  }

  /** Undefined if there was no admitted request with a deadline, and none with a forecast. */
  recentForecasts(): RecentForecasts | undefined {
    return forecastsOf(this.#forecasts, this.#earlierForecasts);
  }
}

function countsOf(a: Turn, b: Turn): Omit<RecentCounts, keyof RecentRuns> {
  return {
    requests: a.requests + b.requests,
    rows: a.rows + b.rows,
    answered: a.answered + b.answered,
    answeredRows: a.answeredRows + b.answeredRows,
    late: a.late + b.late,
    refusals: added(a.refusals, b.refusals),
    queueMs: a.queueMs + b.queueMs,
    budgetMs: medianBudget(a, b),
  };
}

function workOf(signatures: Iterable<SignatureTotals>, mark: WorkMark): RecentRuns {
  const all = Array.from(signatures, (each) => [each.labels.signature, mark.since(each)] as const);
  const sum = (at: number): number => all.reduce((total, [, work]) => total + work[at]!, 0);
  const [most] = all.filter(([, work]) => work[RUN_MS]! > 0).sort(([, a], [, b]) => b[RUN_MS]! - a[RUN_MS]!);
  return {
    batches: sum(BATCHES),
    batchRows: sum(BATCH_ROWS),
    fullBatches: sum(FULL_BATCHES),
    runMs: sum(RUN_MS),
    coreMs: sum(CORE_MS),
    signature: most?.[0] ?? '',
  };
}

function medianBudget(a: Turn, b: Turn): number | undefined {
  const total = sum(a.budgets) + sum(b.budgets);
  let below = 0;
  for (let bucket = 0; bucket < FLOAT_BUCKETS; bucket++) {
    below += a.budgets[bucket]! + b.budgets[bucket]!;
    if (below > 0 && below >= total / 2) return (a.budgets[bucket]! > 0 ? a : b).lastBudgets[bucket];
  }
  return undefined;
}

function sum(counts: Uint32Array): number {
  return counts.reduce((total, count) => total + count, 0);
}

function forecastsOf(a: ForecastTurn, b: ForecastTurn): RecentForecasts | undefined {
  const admitted = a.admitted + b.admitted;
  const sketches = [a.errors, b.errors];
  const forecasts = a.errors.count + b.errors.count;
  if (admitted === 0 && forecasts === 0) return undefined;
  const errorMs = ERROR_QUANTILES.flatMap((share) => ForecastErrors.quantile(sketches, share) ?? []);
  return { admitted, lateShare: admitted === 0 ? 0 : (a.late + b.late) / admitted, forecasts, errorMs };
}

function added(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const sums: Record<string, number> = Object.fromEntries(a);
  for (const [key, value] of b) sums[key] = (sums[key] ?? 0) + value;
  return sums;
}
