/**
 * Forecasts when a request that comes now would be answered: slots become free one after the other and take the batches
 * that are ahead of it.
 *
 *   slot 1  ▓▓▓▓▓ running │ full batch │ full batch │
 *   slot 2  ▓▓ running │ full batch │ ░░ the request's batch ░░│
 *                                   └ starts                   └ finishes
 *
 * The request's batch fills while it waits. Its run is that of the rows ahead in the same batch, the request's own
 * rows, and the rows that should come until the start.
 *
 * Each scheduler has one Forecast and reuses it: asking allocates nothing.
 */
import type { Instant } from '../../core/clock.ts';
import type { ExpectedRun } from '../cores/slot-tenant.ts';
import type { LatencyView } from '../latency/latency-curve.ts';
import { MAX_FORECAST_BATCHES, OVERDUE_MS } from '../tuning.ts';

export interface ForecastQuestion {
  readonly now: Instant;
  /** Batches that run on the slots that the request may use, and the number of those slots. */
  readonly uses: readonly ExpectedRun[];
  readonly slots: number;
  readonly latency: LatencyView;
  /** How long the request takes by itself. Default: as long as those that wait. */
  readonly own?: LatencyView;
  readonly maxBatchSize: number;
  /** Rows that go before the request in its lane. */
  readonly aheadRows: number;
  readonly rows: number;
  /** Rows that come per ms. */
  readonly arrivalRows: number;
  /** Worker time of other lanes and models that goes before the request; it is spread over the slots. */
  readonly othersMs: number;
  /** Share of the slots' time that goes to what has not come yet and will go before the request; below 1. */
  readonly passingShare: number;
  /** Time beside a run for a member of its batch, and the part of it during which the slot is taken. */
  readonly overheadMs: number;
  readonly aroundMs: number;
}

export class Forecast {
  #freeAt: number[] = [];
  /** When its batch should start, and by when it should be answered with a high probability. */
  start: Instant = 0;
  finish: Instant = 0;

  ask(question: ForecastQuestion): void {
    const { now, latency, own = latency, maxBatchSize, aheadRows, rows, arrivalRows, passingShare } = question;
    this.#reset(question);
    // A large request is in several batches: its last row decides.
    const position = aheadRows + rows;
    const before = Math.min(MAX_FORECAST_BATCHES, Math.ceil(position / maxBatchSize) - 1);
    const fullMs = latency.meanMs(maxBatchSize) + question.aroundMs;
    for (let i = 0; i < before; i++) this.#freeAt[this.#earliest()]! += fullMs;
    const free = this.#freeAt[this.#earliest()]!;
    const start = now + (free - now) / (1 - passingShare);
    const coming = Math.floor(arrivalRows * (start - now));
    const batchRows = Math.min(maxBatchSize, position - before * maxBatchSize + coming);
    this.start = start;
    const sharedMs = latency.highMs(Math.max(1, batchRows));
    // A request that is longer than those that wait makes their run as long.
    const runMs = own === latency ? sharedMs : Math.max(sharedMs, own.highMs(Math.min(rows, maxBatchSize)));
    this.finish = start + runMs + question.overheadMs;
  }

  #reset({ now, uses, slots, othersMs }: ForecastQuestion): void {
    const freeAt = this.#freeAt;
    freeAt.length = 0;
    const spread = othersMs / slots;
    for (const { expectedEnd, next, after } of uses) {
      if (after !== undefined || freeAt.length >= slots) continue;
      freeAt.push(now + Math.max(OVERDUE_MS, (next?.expectedEnd ?? expectedEnd) - now) + spread);
    }
    while (freeAt.length < slots) freeAt.push(now + spread);
  }

  #earliest(): number {
    const freeAt = this.#freeAt;
    let earliest = 0;
    for (let i = 1; i < freeAt.length; i++) if (freeAt[i]! < freeAt[earliest]!) earliest = i;
    return earliest;
  }
}
