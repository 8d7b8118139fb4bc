/**
 * Decides which finished requests and batches get spans. A batch's span is made a little after the batch's end, so that
 * it can link to each member that is kept, but for the one that is its parent.
 *
 *   batch ends ── record held ───────────── HOLD_MS ──▶ its span, linked to the other members known by then
 *     └ members end: sampled ▸ spans now
 *                    kept (slow, failed) ▸ spans now, and the batch's record is updated
 *                    neither ▸ no spans
 *
 * A kept request's spans have the ids that were made when it came, so that they belong to the same trace as its
 * caller's spans and those of the servers that it called. A member that ends more than HOLD_MS after its batch (its
 * client reads slowly) links to the batch's span, which has no link back. Held records become spans a few at a time, as
 * others come.
 */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import type { BatchRecord, KeepReason, RequestRecord } from '../../ledger/request-record.ts';
import { childContext } from '../../ledger/tracing/trace-context.ts';
import type { SpanMaker } from './span-maker.ts';

/** Time between a batch's end and its span. */
export const HOLD_MS = 100;

interface Held {
  readonly batch: BatchRecord;
  readonly until: Instant;
}

export class LinkedSpans {
  readonly #maker: SpanMaker;
  readonly #clock: Clock;
  /** Oldest first. */
  #held: Held[] = [];
  #timer: TimerHandle | undefined;

  constructor(maker: SpanMaker, clock: Clock) {
    this.#maker = maker;
    this.#clock = clock;
  }

  /** Makes none for a request that is neither sampled nor kept, or that has no trace. */
  makeRequestSpans(record: RequestRecord, kept: KeepReason | undefined): void {
    const { trace, batch } = record;
    if (trace === undefined) return;
    if (trace.isSampled) {
      this.#maker.makeRequestSpans(record, trace, kept);
      return;
    }
    if (kept === undefined) return;
    const context = { ...trace, isSampled: true };
    if (batch !== undefined) {
      const isFirst = batch.trace?.isSampled !== true;
      if (isFirst) batch.trace = childContext(context);
      batch.members = [...batch.members, context];
      if (isFirst) this.#hold(batch);
    }
    this.#maker.makeRequestSpans(record, context, kept);
  }

  /** Makes none (yet) for a batch without a sampled member. */
  makeBatchSpans(batch: BatchRecord): void {
    if (batch.trace?.isSampled === true) this.#hold(batch);
  }

  /** Makes the spans of all held batches. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#makeDue(Infinity);
  }

  #hold(batch: BatchRecord): void {
    const now = this.#clock.nowMs();
    this.#held.push({ batch, until: now + HOLD_MS });
    this.#makeDue(now);
    this.#timer ??= this.#clock.setTimer(this.#held[0]!.until, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#makeDue(this.#clock.nowMs());
    if (this.#held[0] !== undefined) this.#timer = this.#clock.setTimer(this.#held[0].until, () => this.#onTimer());
  }

  #makeDue(now: Instant): void {
    let due = 0;
    while (due < this.#held.length && this.#held[due]!.until <= now) due += 1;
    for (const { batch } of this.#held.splice(0, due)) this.#maker.makeBatchSpans(batch);
  }
}
