/**
 * Leaves out of what is there the rows that the plan in use has itself let wait. Runs on single threads are longer, so more
 * rows are there at the same time, which look like a crowd, for which single threads are better. While runs on all cores
 * keep up with what comes, none are.
 */
import type { Instant } from '../../core/clock.ts';
import { FAILURE_KEPT_MS, OVERLOAD_MS, SUSTAINED_SHARE } from '../tuning.ts';
import type { ThreadFacts } from './thread-facts.ts';

export class OwnCrowd {
  /** Rows that came per ms when requests were refused with all cores in use, and when that was. */
  #failedPerMs = Infinity;
  #failedAt: Instant = -Infinity;
  /** None were refused at a look since they are in use: what is refused now is not of the time before. */
  #hadNoneRefused = true;

  /** The facts as they would be without them. */
  without(facts: ThreadFacts, now: Instant): ThreadFacts {
    return this.#mayKeepUp(facts, now) ? withoutOwnCrowd(facts) : facts;
  }

  /** The other plan has the batches from now on. */
  onChange({ isOverloaded }: ThreadFacts): void {
    this.#hadNoneRefused = !isOverloaded;
  }

  /** Runs on all cores may keep up with what comes: nothing is refused, and they did not lately fail to at such a rate. */
  #mayKeepUp({ threads, wide, arrivalsPerMs, isOverloaded }: ThreadFacts, now: Instant): boolean {
    this.#hadNoneRefused ||= !isOverloaded;
    if (isOverloaded && threads === wide && this.#hadNoneRefused) {
      // The rate is a mean of some time: it has still to rise when refusals begin, and falls before they end.
      const isSame = now - this.#failedAt <= OVERLOAD_MS;
      this.#failedPerMs = isSame ? Math.max(this.#failedPerMs, arrivalsPerMs) : arrivalsPerMs;
      this.#failedAt = now;
    }
    const isForgotten = now - this.#failedAt >= FAILURE_KEPT_MS;
    return !isOverloaded && (isForgotten || arrivalsPerMs <= SUSTAINED_SHARE * this.#failedPerMs);
  }
}

/**
 * Counts no more rows than one run takes while runs on all cores keep up with those that come. And where single threads have the
 * runs, no more than would be there without them: as many as come in one run on all cores are in it, and as many wait. Longer
 * runs leave more rows, which would keep them on single threads.
 */
function withoutOwnCrowd(facts: ThreadFacts): ThreadFacts {
  const { rows, threads, wide, mostRows, curves, arrivalsPerMs } = facts;
  const most = mostRows(wide);
  for (let batch = 1; ; batch = Math.min(most, 2 * batch)) {
    const keepsUp = arrivalsPerMs * curves.meanMsOf(wide, batch) <= SUSTAINED_SHARE * batch;
    if (keepsUp) return { ...facts, rows: Math.min(rows, most, threads === wide ? most : 2 * batch) };
    if (batch >= most) return facts;
  }
}
