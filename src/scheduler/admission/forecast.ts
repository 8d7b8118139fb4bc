/**
 * When a request that comes now would be answered: slots free up one after the other and take what is ahead of it.
 *
 *   slot 1  ▓▓▓▓▓ running │ full batch │ full batch │
 *   slot 2  ▓▓ running │ full batch │ ░░ the batch that it rides in ░░│
 *                                   └ starts                          └ finishes
 *
 * The batch that it rides in fills while it waits: its time is that of what is ahead of it in that batch, its own rows
 * and as many as should come until then, not that of a run of its own.
 *
 * One object for each scheduler, used again: nothing is allocated. Pure but for that.
 */
import type { Instant } from '../../core/clock.ts';
import type { SlotUse } from '../cores/slot-tenant.ts';
import type { LatencyView } from '../latency/latency-curve.ts';

export interface ForecastQuestion {
  readonly now: Instant;
  /** Batches that run on the slots that it may use, and how many slots there are. */
  readonly uses: readonly SlotUse[];
  readonly slots: number;
  readonly latency: LatencyView;
  readonly maxBatchSize: number;
  /** Rows that go before it in its lane. */
  readonly aheadRows: number;
  readonly rows: number;
  /** Rows taken in per ms. */
  readonly arrivalRows: number;
  /** Worker time that goes before it besides, spread over the slots. */
  readonly othersMs: number;
  /** Beside a run, for who rides in it; and the part of it during which the slot is taken. */
  readonly overheadMs: number;
  readonly aroundMs: number;
}

/** A run that is over its time is expected to end any moment. */
const OVERDUE_MS = 0.5;
/** More batches than this ahead: the answer is "far too late", and nobody needs it exactly. */
const MAX_STEPS = 4096;

export class Forecast {
  #freeAt: number[] = [];
  /** When its batch should start, and when it should surely be answered. */
  start: Instant = 0;
  finish: Instant = 0;

  ask(question: ForecastQuestion): void {
    const { now, latency, maxBatchSize, aheadRows, rows, arrivalRows, overheadMs, aroundMs } = question;
    this.#reset(question);
    // Its last row decides: a large request rides in several batches.
    const position = aheadRows + rows;
    const before = Math.min(MAX_STEPS, Math.ceil(position / maxBatchSize) - 1);
    const fullMs = latency.meanMs(maxBatchSize) + aroundMs;
    for (let i = 0; i < before; i++) this.#freeAt[this.#earliest()]! += fullMs;
    const start = this.#freeAt[this.#earliest()]!;
    const company = Math.floor(arrivalRows * (start - now));
    const ride = Math.min(maxBatchSize, position - before * maxBatchSize + company);
    this.start = start;
    this.finish = start + latency.highMs(Math.max(1, ride)) + overheadMs;
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
