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
 * at once, if it is known that they are faster beside each other: a burst is over soon. While runs on all cores keep up with
 * what comes, there is none.
 *
 * A curve that is not used grows old. So now and then the other plan gets the batches for PROBE_RUN_MS, more and more seldom
 * while it is no better; and soon after it was left: one is left when it is slowest, and looks so until it runs.
 *
 * What one thread did when the model began, while code was compiled and memory taken, is no measure for later: so it is
 * tried once more while its session is still open.
 *
 * Sessions that are not open are asked for where their plan would be better, by what is known or guessed of it. One of all
 * cores is soon tried. Sessions of one thread beside it are more copies of the weights, and would have to be better at every
 * look for a while: not only in a slow moment of the machine, in which one that is not used always looks better. While requests
 * are refused, a shorter while proves it at a crowd: each moment refuses what they would answer.
 */
import type { Instant } from '../../core/clock.ts';
import type { SessionPlan } from '../../core/executor.ts';
import {
  CROWDED_GAIN,
  MAX_PROBE_PAUSE_MS,
  PLAN_GAIN,
  PLAN_KEPT_MS,
  PLAN_KEPT_RUNS,
  PROBE_PAUSE_FACTOR,
  PROBE_PAUSE_MS,
  PROBE_RUN_MS,
  PROBE_RUNS,
} from '../tuning.ts';
import { OwnCrowd } from './own-crowd.ts';
import { PlanProof } from './plan-proof.ts';
import { nextRuns, planOf, rateOf, type ThreadFacts } from './thread-facts.ts';

/** The plans as one look finds them. */
interface Look {
  readonly inUse: SessionPlan;
  readonly other: SessionPlan;
  /** More rows are there than one run takes. */
  readonly isCrowd: boolean;
  /** Likewise, and the sessions of one thread, which are not in use, are known to take it. */
  readonly isCrowded: boolean;
}

export class ThreadChoice {
  #since: Instant = -Infinity;
  /** The plan that was chosen last is only probed: what is known of it is of another moment. */
  isProbing = false;
  /** When that ends, and when the other plan was in use last. */
  #probeUntil: Instant = -Infinity;
  #otherAt: Instant = -Infinity;
  /** How long after that it is probed: what a crowd has shown says nothing of a quiet time. */
  readonly #pauseMs = { crowd: PROBE_PAUSE_MS, quiet: PROBE_PAUSE_MS };
  readonly #proof = new PlanProof();
  readonly #ownCrowd = new OwnCrowd();
  /** The other plan should have all its sessions. */
  isLacking = false;
  /** It is probed with the sessions that are open, once, though by what is known more of them would be no better. */
  #isSecondLook = false;
  #hasLookedAgain = false;

  /** The threads of the next run: those of an open plan. */
  choose(known: ThreadFacts, now: Instant): number {
    const { plans, threads, narrow, wide, isContended } = known;
    const isNarrow = threads === narrow;
    const inUse = planOf(plans, threads);
    const other = planOf(plans, isNarrow ? wide : narrow);
    this.isLacking = isContended && !isNarrow && other.sessions === 0;
    // Runs that wait for all cores would wait for other models' runs, and they for them.
    if (isContended) {
      this.isProbing = false;
      return isNarrow || this.isLacking ? threads : this.#take(narrow, now);
    }
    if (now < this.#probeUntil) return threads;
    const facts = this.#ownCrowd.without(known, now);
    const isCrowd = facts.rows > facts.mostRows(threads);
    const isCrowded = !isNarrow && isCrowd && facts.curves.knowsBeside(narrow, other.sessions - 1);
    if (now - this.#since < this.#keptMs(inUse, facts) && !isCrowded) return threads;
    const isOthers = this.#isOthersTurn(facts, { inUse, other, isCrowd, isCrowded }, now);
    if (!isOthers) return threads;
    this.#ownCrowd.onChange(facts);
    return this.#take(other.threads, now);
  }

  /** The other plan gets the next batches: it is better, or is probed. Or else says whether it should have all its sessions. */
  #isOthersTurn(facts: ThreadFacts, { inUse, other, isCrowd, isCrowded }: Look, now: Instant): boolean {
    const { narrow, wide, isOverloaded } = facts;
    const isNarrow = inUse.threads === narrow;
    const rate = rateOf(inUse, facts);
    // A probe ends where it began, unless it has shown that it is better here.
    const wanted = this.isProbing ? 1 / PLAN_GAIN : isCrowded ? CROWDED_GAIN : PLAN_GAIN;
    const whole = { threads: other.threads, sessions: Math.floor(wide / other.threads) };
    const isWhole = other.sessions === whole.sessions;
    // A crowd that a single session would take would wait for the others, which open only while all cores have the runs.
    const mayTake = isWhole || (other.sessions > 0 && !isCrowd);
    const isBetter = mayTake && rateOf(other, facts) >= wanted * rate;
    const load = isCrowd ? 'crowd' : 'quiet';
    this.#notePause(load, isBetter);
    const isDue = now - this.#otherAt >= this.#pauseMs[load];
    const wouldBeBetter = !isWhole && rateOf(whole, facts) >= PLAN_GAIN * rate;
    const mayLookAgain = other.sessions > 0 && !wouldBeBetter && !this.#hasLookedAgain;
    this.isProbing = isDue && (isBetter ? !isNarrow && !isCrowded : isWhole || mayLookAgain);
    this.#isSecondLook = this.isProbing && !isWhole;
    this.#hasLookedAgain ||= this.#isSecondLook;
    if (isBetter || this.isProbing) return true;
    this.#proof.note(wouldBeBetter, !isNarrow && isCrowd, now);
    this.isLacking = isNarrow ? !isWhole && (isDue || wouldBeBetter) : isDue && this.#proof.isGiven(isOverloaded, now);
    return false;
  }

  /** How long the plan in use keeps the batches at least, in ms. */
  #keptMs(inUse: SessionPlan, facts: ThreadFacts): number {
    const runs = this.isProbing ? PROBE_RUNS : PLAN_KEPT_RUNS;
    return Math.max(PLAN_KEPT_MS, runs * nextRuns(inUse, facts).runMs);
  }

  /** A probe in vain makes the pause longer, a change of plans the shortest: what is left may be slow for a moment only. */
  #notePause(load: 'crowd' | 'quiet', isOtherBetter: boolean): void {
    if (this.#isSecondLook) return;
    const longer = Math.min(MAX_PROBE_PAUSE_MS, PROBE_PAUSE_FACTOR * this.#pauseMs[load]);
    if (this.isProbing && isOtherBetter) this.#pauseMs[load] = longer;
    else if (this.isProbing || isOtherBetter) this.#pauseMs[load] = PROBE_PAUSE_MS;
  }

  #take(threads: number, now: Instant): number {
    this.onUse(now);
    return threads;
  }

  /** Batches go to the plan that was chosen last from now on: what ran before has ended. */
  onUse(now: Instant): void {
    this.#since = now;
    this.#otherAt = now;
    this.#proof.begin(now);
    this.#probeUntil = this.isProbing ? now + PROBE_RUN_MS : -Infinity;
  }
}
