/**
 * Decides which plan a model's runs follow: `narrow` (sessions of one thread, as many at once as there are cores) or `wide`
 * (one session whose runs compute on all cores). Pure: it is told of runs and of the time.
 *
 *   narrow   full batches follow each other: no run waits for its own threads
 *   wide     batches are as large as there are callers, half the time for each, one copy of the weights
 *
 * Which one answers more depends on the model, on how many callers wait for how many rows, and on who else wants the cores.
 * So it is tried: while the sessions are busy, the other plan gets TRIAL_SPANS spans of the real traffic, and stays if it
 * answered more rows. A trial that brings nothing doubles the time until the next one.
 *
 *   ──narrow──▶ busy, batches not full ──▶ wide for three spans ──▶ ≥ 1.05 of the rows? stays : back, next time later
 */
import type { Instant } from '../../../core/clock.ts';

/** Rows are counted over spans of at least so long, in ms, … */
export const SPAN_MS = 200;
/** … and at least so many runs. */
const SPAN_RUNS = 4;
/** Sessions that are idle for so long, in ms, begin a new span. */
const IDLE_MS = 500;
/** Share of a span in which all sessions run: from it on they are busy, and the rate is the plan's. */
const BUSY_SHARE = 0.6;
/** Share of the largest batch that the mean run has: from it on batches are full. */
const FULL_SHARE = 0.95;
/**
 * Busy time with the same number of sessions before the first trial, in ms: longer than a model that needs more sessions
 * takes to get one. Each trial that brings nothing doubles the time before the next.
 */
export const FIRST_WAIT_MS = 2000;
export const LAST_WAIT_MS = 300_000;
/** The same where batches are full on the narrow plan, or not full on the wide one: seldom wrong. */
export const UNLIKELY_WAIT_MS = 20_000;
/** Spans of a trial that count, after one that does not. */
export const TRIAL_SPANS = 3;
/** A plan takes the other's place with so many times its rows. */
export const GAIN = 1.05;
/** A trial ends at its first span with fewer than this share of the rows. */
const HOPELESS = 0.85;
/** A rate that differs by so much from that at the last decision, for CHANGED_SPANS, asks for a new one. */
const CHANGE_SHARE = 0.25;
const CHANGED_SPANS = 4;

/** `try`: open the other plan's sessions, then `begin`. `keep`, `back`: the trial has ended. Undefined: go on. */
export type Verdict = 'try' | 'keep' | 'back' | undefined;

/** A run that ended now. */
export interface EndedRun {
  readonly rows: number;
  /** Rows of the largest batch. */
  readonly maxRows: number;
  readonly runMs: number;
  /** Sessions that the plan in use has. */
  readonly sessions: number;
}

export class PlanTrial {
  #isWide = false;
  #state: 'steady' | 'asked' | 'trial' = 'steady';
  readonly #span = new Span();
  /** Rates of the last busy spans, newest last. */
  #rates: number[] = [];
  #busyMs = 0;
  #waitMs = FIRST_WAIT_MS;
  #changedSpans = 0;
  #sessions = 0;
  /** Rows per ms at the last decision; 0 = none yet. */
  #decidedRate = 0;
  #before = 0;

  get isWide(): boolean {
    return this.#isWide;
  }

  ran(run: EndedRun, now: Instant): Verdict {
    if (this.#state === 'asked') return undefined;
    if (this.#state === 'steady' && run.sessions !== this.#sessions) this.#countAnew(run.sessions, now);
    if (!this.#span.add(run, now)) return undefined;
    const { rate, busyShare, fullShare, lengthMs } = this.#span;
    this.#span.restart(now);
    if (this.#state === 'trial') return this.#judge(rate);
    if (busyShare < BUSY_SHARE) {
      this.#rates = [];
      this.#changedSpans = 0;
      return undefined;
    }
    this.#busyMs += lengthMs;
    const isSteady = !differs(rate, this.#rates.at(-1) ?? rate);
    this.#rates = isSteady ? [...this.#rates.slice(1 - TRIAL_SPANS), rate] : [rate];
    const isChanged = this.#decidedRate > 0 && differs(rate, this.#decidedRate);
    this.#changedSpans = isChanged ? this.#changedSpans + 1 : 0;
    if (this.#rates.length < 2 || !this.#isDue(fullShare >= FULL_SHARE)) return undefined;
    this.#state = 'asked';
    this.#before = meanOf(this.#rates);
    return 'try';
  }

  /** The other plan is in use from now on. */
  begin(now: Instant): void {
    this.#isWide = !this.#isWide;
    this.#state = 'trial';
    this.#rates = [];
    this.#span.restart(now);
  }

  /** The other plan could not be opened, or the plan was changed from outside. */
  giveUp(isWide: boolean, now: Instant): void {
    this.#isWide = isWide;
    this.#decide(this.#before, false, now);
  }

  #countAnew(sessions: number, now: Instant): void {
    this.#sessions = sessions;
    this.#rates = [];
    this.#busyMs = 0;
    this.#span.restart(now);
  }

  #isDue(isFull: boolean): boolean {
    if (this.#changedSpans >= CHANGED_SPANS) return true;
    const isLikely = this.#isWide === isFull;
    return this.#busyMs >= (isLikely ? this.#waitMs : Math.max(UNLIKELY_WAIT_MS, this.#waitMs));
  }

  /** The first span of a trial has runs of before in it. */
  #judge(rate: number): Verdict {
    this.#rates.push(rate);
    const counted = this.#rates.slice(1);
    if (counted.length === 0) return undefined;
    const ratio = meanOf(counted) / this.#before;
    if (ratio >= HOPELESS && counted.length < TRIAL_SPANS) return undefined;
    const isBetter = ratio >= GAIN;
    if (!isBetter) this.#isWide = !this.#isWide;
    this.#decide(isBetter ? meanOf(counted) : this.#before, isBetter);
    return isBetter ? 'keep' : 'back';
  }

  #decide(rate: number, isBetter: boolean, now?: Instant): void {
    this.#state = 'steady';
    this.#decidedRate = rate;
    this.#changedSpans = 0;
    this.#rates = [];
    this.#busyMs = 0;
    this.#waitMs = isBetter ? FIRST_WAIT_MS : Math.min(LAST_WAIT_MS, 2 * this.#waitMs);
    if (now !== undefined) this.#span.restart(now);
  }
}

/** What was run in a stretch of time. */
class Span {
  #startedAt: Instant | undefined;
  #endedAt: Instant = 0;
  #rows = 0;
  #runs = 0;
  #runMs = 0;
  #full = 0;
  #sessions = 1;

  /** Returns true when the span is complete. */
  add({ rows, maxRows, runMs, sessions }: EndedRun, now: Instant): boolean {
    if (this.#startedAt === undefined || now - runMs - this.#endedAt > IDLE_MS) this.restart(now - runMs);
    this.#endedAt = now;
    this.#rows += rows;
    this.#runs += 1;
    this.#runMs += runMs;
    this.#full += rows / maxRows;
    this.#sessions = sessions;
    return this.#runs >= SPAN_RUNS && this.lengthMs >= SPAN_MS;
  }

  restart(now: Instant): void {
    this.#startedAt = now;
    this.#endedAt = now;
    this.#rows = 0;
    this.#runs = 0;
    this.#runMs = 0;
    this.#full = 0;
  }

  get lengthMs(): number {
    return this.#endedAt - this.#startedAt!;
  }

  /** Rows per ms. */
  get rate(): number {
    return this.#rows / this.lengthMs;
  }

  get busyShare(): number {
    return this.#runMs / (this.lengthMs * this.#sessions);
  }

  get fullShare(): number {
    return this.#full / this.#runs;
  }
}

function differs(rate: number, from: number): boolean {
  return Math.abs(rate / from - 1) > CHANGE_SHARE;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
