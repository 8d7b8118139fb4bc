/**
 * Tells a queue that stands from a burst. A burst drains: sooner or later a batch takes all that waits. A queue that has
 * not drained for longer than a request has time stands, and what waits longer in it than full batches need is waited
 * for nothing: it makes answers late and no batch larger (CoDel's "bad queue", ACM Queue 2012).
 *
 *   rows waiting  ╱╲___╱╲_____╱▔▔▔▔▔▔▔▔▔▔│▔ cut to what the next runs need ▁▁▁▁
 *   one batch   ┈╱┈┈╲┈╱┈┈╲┈┈┈╱┈┈┈┈┈┈┈┈┈┈┈│┈┈┈
 *                 bursts      │◀a budget▶│  it stands
 *
 * So up to a deadline there is room for bursts, and in overload answers come after about two runs.
 */
import type { Instant } from '../../core/clock.ts';
import { BURST_MS, SPARE_BATCHES, STANDING_AFTER_MS } from '../tuning.ts';

export class Backlog {
  /** The instant since which it has not drained; Infinity = it has. Only `look` writes it. */
  since: Instant = Infinity;
  #cutAt: Instant = -Infinity;

  /**
   * A batch is about to be taken from so many rows; needless where it has drained and they fit. A queue that is kept
   * short is often taken whole: it has drained when nobody had to be refused for it for some time.
   */
  look(waitingRows: number, maxBatchSize: number, now: Instant): void {
    if (waitingRows > maxBatchSize) this.since = Math.min(this.since, now);
    else if (now - this.#cutAt > STANDING_AFTER_MS) this.since = Infinity;
  }

  /** So many rows are one caller's fair share of what may wait, which is its own whatever others have waiting. */
  isWithinShare(rows: number, mostRows: number, callers: number): boolean {
    return rows <= mostRows / callers;
  }

  /** It has stood for longer than the `budgetMs` that a request has, and a burst. */
  isStanding(budgetMs: number, now: Instant): boolean {
    return now - this.since > budgetMs + BURST_MS;
  }

  /**
   * More than `mostRows` (mostWaitingRows) would go before a request and its first run, in a queue that has stood for
   * longer than the `budgetMs` that the request has. Of a large request the first run counts: what it holds beyond that it
   * waits for itself.
   */
  isOver(rows: number, mostRows: number, budgetMs: number, now: Instant): boolean {
    if (rows <= mostRows || !this.isStanding(budgetMs, now)) return false;
    this.#cutAt = now;
    return true;
  }
}

/** The rows that the next runs need: a full batch for each of the `slots`, which may come free together, and a few. */
export function mostWaitingRows(slots: number, maxBatchSize: number): number {
  return (Math.max(1, slots) + SPARE_BATCHES) * maxBatchSize;
}
