/**
 * What each model version did lately: its requests and their refusals, its batches, how far its forecasts were off. It
 * says which bound holds now (admin/explain/bound.ts).
 *
 *   counts     previous turn │ current turn ···now      turns of 10 s: 10 to 20 s are covered
 *   forecasts  previous turn       │ current ···now     turns of 60 s, for enough of them in the tail
 *
 * Turns are taken with the records, so that there is no timer. After a rest the counts begin anew: a burst is not
 * averaged with the silence before it. Recording allocates nothing, but for a version's first record.
 */
import { performance } from 'node:perf_hooks';
import type { Instant } from '../../core/clock.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { STAGE_QUEUE } from '../stage-clock.ts';
import { FLOAT_BUCKETS, floatBucketOf } from './float-buckets.ts';
import { ERROR_QUANTILES, ForecastErrors } from './forecast-errors.ts';

const TURN_MS = 10_000;
const FORECAST_TURN_MS = 60_000;
/** Least time that counts are divided by. */
const MIN_SPAN_MS = 1000;

/** Time that the event loop was idle and busy since the process's start, in ms. */
export type LoopTimes = () => { readonly idle: number; readonly active: number };

/** What happened in the span of a RecentView. */
export interface RecentCounts {
  readonly requests: number;
  /** Of all requests, the refused ones too. */
  readonly rows: number;
  /** Succeeded in time, and their rows. */
  readonly answered: number;
  readonly answeredRows: number;
  /** The deadline passed first, with or without an answer. */
  readonly late: number;
  /** By the reason of the refusal: scheduler's, callers' limits, memory. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Time that answered requests spent in the queue, summed. */
  readonly queueMs: number;
  /** The median of the time budgets that clients set; undefined where they set none. */
  readonly budgetMs: number | undefined;
  readonly batches: number;
  /** Rows of the batches, without padding. */
  readonly batchRows: number;
  /** Batches that were of the largest size. */
  readonly fullBatches: number;
  /** Length of all runs. */
  readonly runMs: number;
  /** The signature whose runs took most of that; '' without runs. */
  readonly signature: string;
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

export interface RecentView {
  readonly spanMs: number;
  /** Share of the span in which the event loop was busy. */
  readonly loopShare: number;
  /** '' for requests that were ended before their model was known. */
  readonly versionOf: (model: string, version: string) => RecentCounts | undefined;
}

/** One turn of a version. */
class Turn {
  requests = 0;
  rows = 0;
  answered = 0;
  answeredRows = 0;
  late = 0;
  queueMs = 0;
  batches = 0;
  batchRows = 0;
  fullBatches = 0;
  readonly refusals = new Map<string, number>();
  /** Time budgets by bucket, and the last one of each: clients mostly set the same few. */
  readonly budgets = new Uint32Array(FLOAT_BUCKETS);
  readonly lastBudgets = new Float64Array(FLOAT_BUCKETS);
  /** By signature. */
  readonly runMs = new Map<string, number>();

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

  addBatch({ rows, reason, executeStart, end, signatureName }: BatchRecord): void {
    this.batches += 1;
    this.batchRows += rows;
    if (reason === 'full') this.fullBatches += 1;
    if (executeStart > 0) this.runMs.set(signatureName, (this.runMs.get(signatureName) ?? 0) + end - executeStart);
  }

  clear(): void {
    this.requests = 0;
    this.rows = 0;
    this.answered = 0;
    this.answeredRows = 0;
    this.late = 0;
    this.queueMs = 0;
    this.batches = 0;
    this.batchRows = 0;
    this.fullBatches = 0;
    this.refusals.clear();
    this.budgets.fill(0);
    this.runMs.clear();
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

class VersionWork {
  readonly model: string;
  readonly version: string;
  current = new Turn();
  previous = new Turn();
  forecasts = new ForecastTurn();
  earlierForecasts = new ForecastTurn();

  constructor(model: string, version: string) {
    this.model = model;
    this.version = version;
  }

  turn(): void {
    [this.current, this.previous] = [this.previous, this.current];
    this.current.clear();
  }

  turnForecasts(): void {
    [this.forecasts, this.earlierForecasts] = [this.earlierForecasts, this.forecasts];
    this.forecasts.clear();
  }
}

export class RecentWork {
  readonly #loopTimes: LoopTimes;
  readonly #versions = new Map<string, Map<string, VersionWork>>();
  #last: VersionWork | undefined;
  #turnStart: Instant = -Infinity;
  #forecastStart: Instant = -Infinity;
  /** The turn before is full; else nothing was recorded for long. */
  #hasPrevious = false;
  #loopAtTurn: ReturnType<LoopTimes>;
  #loopBefore: ReturnType<LoopTimes>;

  /** `loopTimes`: default Node's own. */
  constructor(loopTimes: LoopTimes = () => performance.eventLoopUtilization()) {
    this.#loopTimes = loopTimes;
    this.#loopAtTurn = loopTimes();
    this.#loopBefore = this.#loopAtTurn;
  }

  /** An inference has ended. */
  recordRequest(record: RequestRecord): void {
    const { finishedAt, startedAt } = record.stages;
    this.#turnUntil(finishedAt, startedAt);
    const isLate = record.outcome === 'deadline_exceeded' || (record.outcome === 'ok' && finishedAt > record.deadline);
    const work = this.#workOf(record.model, record.version);
    work.current.addRequest(record, isLate);
    if (record.model !== '') work.forecasts.add(record, isLate);
  }

  recordBatch(record: BatchRecord): void {
    this.#turnUntil(record.end, record.batchStart);
    this.#workOf(record.model, record.version).current.addBatch(record);
  }

  forgetVersion(model: string, version: string): void {
    const versions = this.#versions.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(model);
    this.#last = undefined;
  }

  /** Undefined if nothing was recorded lately. */
  view(now: Instant): RecentView | undefined {
    if (now - this.#turnStart >= 2 * TURN_MS) return undefined;
    this.#turnUntil(now, now);
    const spanMs = Math.max(MIN_SPAN_MS, now - this.#turnStart + (this.#hasPrevious ? TURN_MS : 0));
    const before = this.#hasPrevious ? this.#loopBefore : this.#loopAtTurn;
    const loop = this.#loopTimes();
    const active = loop.active - before.active;
    const all = active + loop.idle - before.idle;
    const versionOf: RecentView['versionOf'] = (model, version) => {
      const work = this.#versions.get(model)?.get(version);
      return work && countsOf(work.current, work.previous);
    };
    return { spanMs, loopShare: all > 0 ? active / all : 0, versionOf };
  }

  /** Undefined if the version lately had no admitted request with a deadline, and none with a forecast. */
  forecastsOf(model: string, version: string, now: Instant): RecentForecasts | undefined {
    if (now - this.#forecastStart >= 2 * FORECAST_TURN_MS) return undefined;
    const work = this.#versions.get(model)?.get(version);
    return work && forecastsOf(work.forecasts, work.earlierForecasts);
  }

  #workOf(model: string, version: string): VersionWork {
    const last = this.#last;
    if (last?.model === model && last.version === version) return last;
    this.#last = this.#versions.get(model)?.get(version) ?? this.#open(model, version);
    return this.#last;
  }

  #open(model: string, version: string): VersionWork {
    const work = new VersionWork(model, version);
    const versions = this.#versions.get(model) ?? new Map<string, VersionWork>();
    this.#versions.set(model, versions.set(version, work));
    return work;
  }

  /** `since`: when what is recorded began, which is where counting begins after a rest. */
  #turnUntil(now: Instant, since: Instant): void {
    const passed = now - this.#turnStart;
    if (passed < TURN_MS) return;
    const isAfterRest = passed >= 2 * TURN_MS;
    this.#each((work) => {
      work.turn();
      if (isAfterRest) work.turn();
    });
    this.#hasPrevious = !isAfterRest;
    this.#turnStart = isAfterRest ? Math.max(since, now - TURN_MS) : this.#turnStart + TURN_MS;
    this.#loopBefore = this.#loopAtTurn;
    this.#loopAtTurn = this.#loopTimes();
    if (now - this.#forecastStart >= FORECAST_TURN_MS) this.#turnForecasts(now);
  }

  #turnForecasts(now: Instant): void {
    const isAfterRest = now - this.#forecastStart >= 2 * FORECAST_TURN_MS;
    this.#each((work) => {
      work.turnForecasts();
      if (isAfterRest) work.turnForecasts();
    });
    this.#forecastStart = isAfterRest ? now : this.#forecastStart + FORECAST_TURN_MS;
  }

  #each(visit: (work: VersionWork) => void): void {
    for (const versions of this.#versions.values()) for (const work of versions.values()) visit(work);
  }
}

function countsOf(a: Turn, b: Turn): RecentCounts {
  const runMs = added(a.runMs, b.runMs);
  const [signature = ''] = Object.entries(runMs).sort((one, other) => other[1] - one[1])[0] ?? [];
  return {
    requests: a.requests + b.requests,
    rows: a.rows + b.rows,
    answered: a.answered + b.answered,
    answeredRows: a.answeredRows + b.answeredRows,
    late: a.late + b.late,
    refusals: added(a.refusals, b.refusals),
    queueMs: a.queueMs + b.queueMs,
    budgetMs: medianBudget(a, b),
    batches: a.batches + b.batches,
    batchRows: a.batchRows + b.batchRows,
    fullBatches: a.fullBatches + b.fullBatches,
    runMs: Object.values(runMs).reduce((sum, ms) => sum + ms, 0),
    signature,
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
