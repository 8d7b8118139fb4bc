/**
 * The recent work of each model version: its requests and their refusals, its batches, how far its forecasts were off.
 * It says which bound holds now (features/explain/bound.ts).
 *
 *   counts     previous turn │ current turn ···now      turns of 10 s: 10 to 20 s are covered
 *   forecasts  previous turn       │ current ···now     turns of 60 s, for enough of them in the tail
 *
 * Turns are taken with the records, so that there is no timer. After a rest the counts begin anew: a burst is not
 * averaged with the silence before it. Recording allocates nothing, but for a version's first record.
 */
import { performance } from 'node:perf_hooks';
import type { Instant } from '../../core/clock.ts';
import { ByVersion } from '../../ledger/by-version.ts';
import type { Totals } from '../../ledger/metrics/totals.ts';
import { WorkMark } from '../../ledger/metrics/work.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';
import { type RecentCounts, type RecentForecasts, VersionWork } from './version-work.ts';

const TURN_MS = 10_000;
const FORECAST_TURN_MS = 60_000;
/** Least time that counts are divided by. */
const MIN_SPAN_MS = 1000;

/** Time that the event loop was idle and busy since the process's start, in ms. */
export type LoopTimes = () => { readonly idle: number; readonly active: number };

export interface RecentView {
  readonly spanMs: number;
  /** Share of the span in which the event loop was busy. */
  readonly loopShare: number;
  /** '' for requests that were ended before their model was known. */
  readonly versionOf: (model: string, version: string) => RecentCounts | undefined;
}

export class RecentWork {
  readonly #loopTimes: LoopTimes;
  readonly #totals: Totals;
  readonly #versions = new ByVersion(() => new VersionWork());
  #turnStart: Instant = -Infinity;
  #forecastStart: Instant = -Infinity;
  /** The turn before is full; else nothing was recorded for long. */
  #hasPrevious = false;
  #loopAtTurn: ReturnType<LoopTimes>;
  #loopBefore: ReturnType<LoopTimes>;
  #markAtTurn: WorkMark;
  #markBefore: WorkMark;

  /** `loopTimes`: default Node's own. */
  constructor(totals: Totals, loopTimes: LoopTimes = () => performance.eventLoopUtilization()) {
    this.#totals = totals;
    this.#loopTimes = loopTimes;
    this.#loopAtTurn = loopTimes();
    this.#loopBefore = this.#loopAtTurn;
    this.#markAtTurn = new WorkMark(totals.all());
    this.#markBefore = this.#markAtTurn;
  }

  /** An inference has ended. */
  recordRequest(record: RequestRecord): void {
    const { finishedAt, startedAt } = record.stages;
    this.#turnUntil(finishedAt, startedAt);
    const isLate = record.outcome === 'deadline_exceeded' || (record.outcome === 'ok' && finishedAt > record.deadline);
    const work = this.#versions.of(record.model, record.version);
    work.addRequest(record, isLate);
  }

  forgetVersion(model: string, version: string): void {
    this.#versions.forget(model, version);
  }

  /** Undefined if nothing was recorded lately. */
  view(now: Instant): RecentView | undefined {
    this.#totals.settle();
    if (now - this.#turnStart >= 2 * TURN_MS) return undefined;
    this.#turnUntil(now, now);
    const spanMs = Math.max(MIN_SPAN_MS, now - this.#turnStart + (this.#hasPrevious ? TURN_MS : 0));
    const before = this.#hasPrevious ? this.#loopBefore : this.#loopAtTurn;
    const loop = this.#loopTimes();
    const active = loop.active - before.active;
    const all = active + loop.idle - before.idle;
    const mark = this.#hasPrevious ? this.#markBefore : this.#markAtTurn;
    const versionOf: RecentView['versionOf'] = (model, version) => {
      const work = this.#versions.find(model, version);
      return work?.counts(this.#totals.signaturesOf(model, version), mark);
    };
    return { spanMs, loopShare: all > 0 ? active / all : 0, versionOf };
  }

  /** Undefined if the version lately had no admitted request with a deadline, and none with a forecast. */
  forecastsOf(model: string, version: string, now: Instant): RecentForecasts | undefined {
    this.#totals.settle();
    if (now - this.#forecastStart >= 2 * FORECAST_TURN_MS) return undefined;
    const work = this.#versions.find(model, version);
    return work?.recentForecasts();
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
    this.#markBefore = this.#markAtTurn;
    this.#markAtTurn = new WorkMark(this.#totals.all());
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
    for (const work of this.#versions.values()) visit(work);
  }
}
