/**
 * Chooses the sessions for a model's next batches, of one thread or of all cores: the plan with which what is there now is
 * done sooner, by the learned run times of both.
 *
 *   n rows wait and run       1 thread, s sessions    s · b / T₁(b)    b = n / s,  at most a full batch
 *                             t threads, 1 session        b / Tₜ(b)    b = n,      likewise
 *
 * T₁ is that of runs with s − 1 others beside them. So few rows go to one run on all cores, in the shortest time; while full
 * batches follow each other each core computes one by itself, and no thread waits for another. A neighbour that takes a core
 * makes the runs on all cores longer, and their curve learns it. More rows than one run takes, a crowd, go to single threads
 * at once, if it is known that they are faster beside each other: a burst is over soon.
 *
 * A curve that is not used grows old. So now and then the other plan gets the batches for PROBE_RUN_MS, more and more seldom
 * while it is no better.
 *
 * What one thread did when the model began, while code was compiled and memory taken, is no measure for later: so it is
 * tried once more while its session is still open.
 *
 * Sessions that are not open are asked for where their plan would be better, by what is known or guessed of it. One of all
 * cores is soon tried. Sessions of one thread beside it are more copies of the weights, and would have to be better at every
 * look for a while: not only in a slow moment of the machine, in which one that is not used always looks better.
 */
import type { Instant } from '../../core/clock.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { ThreadCurves } from '../latency/thread-curves.ts';
import {
  CROWDED_GAIN,
  FIRST_PROOF_MS,
  LATER_PROOF_MS,
  MAX_PROBE_PAUSE_MS,
  MIN_CROWDED_LOOKS,
  PLAN_GAIN,
  PLAN_KEPT_MS,
  PLAN_KEPT_RUNS,
  PROBE_PAUSE_FACTOR,
  PROBE_PAUSE_MS,
  PROBE_RUN_MS,
  PROBE_RUNS,
} from '../tuning.ts';

export interface ThreadFacts {
  /** The open sessions. */
  readonly plans: readonly SessionPlan[];
  /** Threads of the plan in use. */
  readonly threads: number;
  /** Threads of a run in the sessions that a model begins with, and in one of all cores. */
  readonly narrow: number;
  readonly wide: number;
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
  /** The other plan, with all its sessions, would have been better at every look since then, or at every look at a crowd. */
  #betterSince: Instant | undefined;
  /** How many of these looks were at a crowd. */
  #crowdedLooks = 0;
  /** The other plan should have all its sessions. */
  isLacking = false;
  /**
   * The plan that was chosen last is only looked at, once, with the sessions that are open: what is known of it, which says
   * that more of them would be no better, is of the seconds in which the model began, and counts as one run.
   */
  isSecondLook = false;
  #hasLookedAgain = false;

  /** The threads of the next run: those of an open plan. */
  choose(facts: ThreadFacts, now: Instant): number {
    const { plans, threads, narrow, wide, isContended } = facts;
    const isNarrow = threads === narrow;
    const inUse = planOf(plans, threads);
    const other = planOf(plans, isNarrow ? wide : narrow);
    this.isLacking = isContended && !isNarrow && other.sessions === 0;
    // Runs that wait for all cores would wait for other models' runs, and they for them.
    if (isContended) {
      this.#isProbing = false;
      return isNarrow || this.isLacking ? threads : this.#take(narrow, now);
    }
    if (now < this.#probeUntil) return threads;
    const isCrowded =
      !isNarrow && facts.rows > facts.mostRows(threads) && facts.curves.knowsBeside(narrow, other.sessions - 1);
    if (now - this.#since < this.#keptMs(inUse, facts) && !isCrowded) return threads;
    const rate = rateOf(inUse, facts);
    // A probe ends where it began, unless it has shown that it is better here.
    const wanted = this.#isProbing ? 1 / PLAN_GAIN : isCrowded ? CROWDED_GAIN : PLAN_GAIN;
    const isOtherBetter = other.sessions > 0 && rateOf(other, facts) >= wanted * rate;
    if (this.#isProbing && !this.isSecondLook) {
      this.#pauseMs = isOtherBetter ? Math.min(MAX_PROBE_PAUSE_MS, PROBE_PAUSE_FACTOR * this.#pauseMs) : PROBE_PAUSE_MS;
    }
    const isDue = now - this.#otherAt >= this.#pauseMs;
    const whole = { threads: other.threads, sessions: Math.floor(wide / other.threads) };
    const isWhole = other.sessions === whole.sessions;
    const wouldBeBetter = !isWhole && rateOf(whole, facts) >= PLAN_GAIN * rate;
    const mayLookAgain = other.sessions > 0 && !wouldBeBetter && !this.#hasLookedAgain;
    this.#isProbing = isDue && (isOtherBetter ? !isNarrow && !isCrowded : isWhole || mayLookAgain);
    this.isSecondLook = this.#isProbing && !isWhole;
    this.#hasLookedAgain ||= this.isSecondLook;
    if (isOtherBetter || this.#isProbing) return this.#take(other.threads, now);
    this.#noteBetter(wouldBeBetter, !isNarrow && facts.rows > facts.mostRows(threads), now);
    this.isLacking = isNarrow ? !isWhole && (isDue || wouldBeBetter) : isDue && this.#isProven(now);
    return threads;
  }

  /** How long the plan in use keeps the batches at least, in ms. */
  #keptMs(inUse: SessionPlan, facts: ThreadFacts): number {
    const runs = this.#isProbing ? PROBE_RUNS : PLAN_KEPT_RUNS;
    return Math.max(PLAN_KEPT_MS, runs * nextRuns(inUse, facts).runMs);
  }

  /** Crowds that come and go prove it, too: what lies between them says nothing of them. */
  #noteBetter(isBetter: boolean, isCrowd: boolean, now: Instant): void {
    if (isBetter) {
      this.#betterSince ??= now;
      if (isCrowd) this.#crowdedLooks += 1;
    } else if (isCrowd || this.#crowdedLooks < MIN_CROWDED_LOOKS) {
      this.#betterSince = undefined;
      this.#crowdedLooks = 0;
    }
  }

  /** The other plan would have been better for long enough. */
  #isProven(now: Instant): boolean {
    if (this.#betterSince === undefined) return false;
    // Soon after a change, the times of both are of the same moments.
    const isSoon = this.#betterSince - this.#since < FIRST_PROOF_MS;
    return now - this.#betterSince >= (isSoon ? FIRST_PROOF_MS : LATER_PROOF_MS);
  }

  #take(threads: number, now: Instant): number {
    this.onUse(now);
    return threads;
  }

  /** Batches go to the plan that was chosen last from now on: what ran before has ended. */
  onUse(now: Instant): void {
    this.#since = now;
    this.#otherAt = now;
    this.#betterSince = undefined;
    this.#crowdedLooks = 0;
    this.#probeUntil = this.#isProbing ? now + PROBE_RUN_MS : -Infinity;
  }
}

function planOf(plans: readonly SessionPlan[], threads: number): SessionPlan {
  return plans.find((plan) => plan.threads === threads) ?? { threads, sessions: 0 };
}

/** The rate of a plan, in rows per ms. */
function rateOf(plan: SessionPlan, facts: ThreadFacts): number {
  const { runs, batch, runMs } = nextRuns(plan, facts);
  return runMs > 0 ? (runs * batch) / runMs : Infinity;
}

/** The runs of what is there now: how many at once, the rows of each, and how long they take. */
function nextRuns({ threads, sessions }: SessionPlan, { rows, mostRows, curves }: ThreadFacts) {
  // The sessions divide what is there: each takes what has come when it is free.
  const runs = Math.max(1, Math.min(sessions, rows));
  const batch = Math.max(1, Math.min(mostRows(threads), Math.ceil(rows / runs)));
  return { runs, batch, runMs: curves.meanMsOf(threads, batch, runs - 1) };
}
