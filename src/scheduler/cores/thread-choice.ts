/**
 * Chooses the sessions for a model's next batches, where it has some of one thread and one of all cores: the plan with
 * which what is there now is done sooner, by the learned run times of both.
 *
 *   n rows wait and run       1 thread, s sessions    s · b / T₁(b)    as many sessions as there are full batches
 *                             t threads, 1 session        b / Tₜ(b)    b = n,     at most a full batch
 *
 * So few rows go to one run on all cores, in the shortest time; while full batches follow each other each core computes one
 * by itself, and no thread waits for another. A neighbour that takes a core makes the runs on all cores longer, and their
 * curve learns it. More rows than one run takes, a crowd, go to single threads unless all cores are known as faster: a burst
 * comes after a quiet time, whose run times are those of few rows.
 *
 * A curve that is not used grows old. So now and then the other plan gets the batches for PROBE_RUN_MS, more and more seldom
 * while it is no better.
 */
import type { Instant } from '../../core/clock.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { ThreadCurves } from '../latency/thread-curves.ts';
import { CROWDED_GAIN, MAX_PROBE_PAUSE_MS, PLAN_GAIN, PLAN_KEPT_MS, PROBE_PAUSE_MS, PROBE_RUN_MS } from '../tuning.ts';

export interface ThreadFacts {
  readonly plans: readonly SessionPlan[];
  /** The plan in use. */
  readonly threads: number;
  /** Rows that wait and run. */
  readonly rows: number;
  /** Most rows that a run of so many threads should have. */
  readonly mostRows: (threads: number) => number;
  readonly curves: ThreadCurves;
  /** Other models use the cores. */
  readonly isContended: boolean;
}

export class ThreadChoice {
  #since: Instant = -Infinity;
  /** The plan in use is only probed, and until when; and when the other one was in use last. */
  #isProbing = false;
  #probeUntil: Instant = -Infinity;
  #otherAt: Instant = -Infinity;
  /** How long after that it is probed. */
  #pauseMs = PROBE_PAUSE_MS;

  /** The threads of the next run: those of one of the plans. */
  choose(facts: ThreadFacts, now: Instant): number {
    const { plans, threads, isContended } = facts;
    const narrow = plans[0]!.threads;
    const other = plans.find((plan) => plan.threads !== threads);
    const current = plans.find((plan) => plan.threads === threads);
    if (other === undefined || current === undefined) return threads;
    // Runs that wait for all cores would wait for other models' runs, and they for them.
    if (isContended) return threads === narrow ? threads : this.#take(narrow, now);
    if (now < this.#probeUntil) return threads;
    const isCrowded = other.threads === narrow && facts.rows > facts.mostRows(threads);
    if (now - this.#since < PLAN_KEPT_MS && !isCrowded) return threads;
    const gain = rateOf(other, facts) / rateOf(current, facts);
    // A probe ends where it began, unless it has shown that it is better here.
    const wanted = this.#isProbing ? 1 / PLAN_GAIN : isCrowded ? CROWDED_GAIN : PLAN_GAIN;
    const isOtherBetter = gain >= wanted;
    if (this.#isProbing)
      this.#pauseMs = isOtherBetter ? Math.min(MAX_PROBE_PAUSE_MS, 2 * this.#pauseMs) : PROBE_PAUSE_MS;
    this.#isProbing = false;
    if (isOtherBetter) return this.#take(other.threads, now);
    if (now - this.#otherAt < this.#pauseMs) return threads;
    this.#isProbing = true;
    this.#probeUntil = now + PROBE_RUN_MS;
    return this.#take(other.threads, now);
  }

  #take(threads: number, now: Instant): number {
    this.#since = now;
    this.#otherAt = now;
    return threads;
  }
}

/** The rate of a plan, in rows per ms. */
function rateOf({ threads, sessions }: SessionPlan, { rows, mostRows, curves }: ThreadFacts): number {
  const most = mostRows(threads);
  // A batch takes all that waits, up to a full one: a further session has something to do only beyond that.
  const used = Math.max(1, Math.min(sessions, Math.ceil(rows / most)));
  const batch = Math.max(1, Math.min(most, Math.ceil(rows / used)));
  const runMs = curves.meanMsOf(threads, batch);
  return runMs > 0 ? (used * batch) / runMs : Infinity;
}
