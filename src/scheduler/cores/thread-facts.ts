/** The facts by which threads are chosen, and what follows from them for a plan of sessions. */
import type { SessionPlan } from '../../core/executor.ts';
import type { ThreadCurves } from '../latency/thread-curves.ts';

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
  /** Requests were refused lately, for there is too much to do. */
  readonly isOverloaded: boolean;
  /** Rows that come, per ms. */
  readonly arrivalsPerMs: number;
}

/** The open sessions of so many threads. */
export function planOf(plans: readonly SessionPlan[], threads: number): SessionPlan {
  return plans.find((plan) => plan.threads === threads) ?? { threads, sessions: 0 };
}

/** The rate of a plan, in rows per ms. */
export function rateOf(plan: SessionPlan, facts: ThreadFacts): number {
  const { runs, batch, runMs } = nextRuns(plan, facts);
  return runMs > 0 ? (runs * batch) / runMs : Infinity;
}

/** The runs of what is there now: how many at once, the rows of each, and how long they take. */
export function nextRuns({ threads, sessions }: SessionPlan, { rows, mostRows, curves }: ThreadFacts) {
  // The sessions divide what is there: each takes what has come when it is free.
  const runs = Math.max(1, Math.min(sessions, rows));
  const batch = Math.max(1, Math.min(mostRows(threads), Math.ceil(rows / runs)));
  return { runs, batch, runMs: curves.meanMsOf(threads, batch, runs - 1) };
}
