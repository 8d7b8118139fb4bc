/**
 * Measures how many rows per second each plan computes (thread-plan.ts), on sessions that are opened for it:
 *
 *   open: 1 session × k threads, k−1 more × 1 thread (from 4 cores on also k/2 threads)   as far as memory allows
 *   rounds, interleaved:   plan a │ plan b │ plan c │ plan a │ …      each: all of its sessions at the same time
 *   rate of a plan = Σ over its sessions: rows ÷ median run time
 *
 * Rows of one queue are divided between sessions that run at the same time, so each gets its part of the batch.
 */
import type { Batch } from '../../../core/executor.ts';
import { candidateThreads, type PlanRate } from './thread-plan.ts';

/** A session to be measured. */
export interface TrialSession {
  /** Resolves with the run time, in ms of the runtime's own clock. */
  run(batch: Batch): Promise<number>;
  close(): Promise<void>;
}

export interface PlanProbe {
  readonly cores: number;
  /** The size of batch that is cheapest for each row (`efficientRows`), and its run time on one thread. */
  readonly rows: number;
  readonly runMs: number;
  /** The numbers of rows that a run may have: a run that wants another gets the next larger one. Empty = any. */
  readonly sizes: readonly number[];
  /** A batch of synthetic input. */
  readonly batchOf: (rows: number) => Batch;
  /** Called after each round, which took so many ms: leaves the cores to others. */
  readonly pause?: ((ms: number) => Promise<void>) | undefined;
}

export interface TrialSessions<S extends TrialSession> {
  /** The session of one thread that has been loaded. */
  readonly first: S;
  /** Opens one more. Rejects if it does not load, or does not fit into memory. */
  open(threads: number): Promise<S>;
}

interface Trial<S> {
  readonly threads: number;
  /** As many as the cores allow. */
  readonly wanted: number;
  readonly sessions: readonly S[];
  readonly rows: number;
  /** By session. */
  readonly runMs: number[][];
}

/** All rounds together should take no longer than this, in ms. */
const MEASURE_MS = 300;
const MOST_ROUNDS = 9;
/** A round of short runs has several in a row, so that those of two sessions overlap; in ms. */
const ROUND_MS = 8;
const MOST_RUNS = 8;
/** Sessions that are opened for one plan at most; the rate of more is in proportion. */
const MOST_SESSIONS = 4;
/** A longer run is measured once. */
const LONG_RUN_MS = 200;

/**
 * The rates of all plans, that of one thread first. Rejects with the error of a run. Fills `opened` with the sessions
 * that it opened, by their threads; the caller closes them.
 */
export async function measurePlans<S extends TrialSession>(
  probe: PlanProbe,
  sessions: TrialSessions<S>,
  opened: Map<number, S[]>,
): Promise<readonly PlanRate[]> {
  const trials: Trial<S>[] = [];
  for (const threads of candidateThreads(probe.cores)) {
    const trial = await openTrial(probe, sessions, threads, opened);
    if (trial.sessions.length > 0) trials.push(trial);
  }
  for (const trial of trials) await runRound(probe, trial, 1, false);
  const [runs, rounds] = effort(probe, trials.length);
  for (let round = 0; round < rounds; round++) {
    // Backwards every other time: what disturbs one plan for a while disturbs its neighbour as well.
    for (const trial of round % 2 === 0 ? trials : [...trials].reverse()) await runRound(probe, trial, runs, true);
  }
  return trials.map(rateOf);
}

async function openTrial<S extends TrialSession>(
  { cores, rows, sizes }: PlanProbe,
  { first, open }: TrialSessions<S>,
  threads: number,
  opened: Map<number, S[]>,
): Promise<Trial<S>> {
  const wanted = Math.max(1, Math.floor(cores / threads));
  const own: S[] = [];
  opened.set(threads, own);
  const found = threads === 1 ? [first] : [];
  while (found.length + own.length < Math.min(wanted, MOST_SESSIONS)) {
    const session = await open(threads).catch(() => undefined);
    if (session === undefined) break;
    own.push(session);
  }
  const part = Math.max(1, Math.ceil(rows / wanted));
  const all = [...found, ...own];
  return {
    threads,
    wanted,
    sessions: all,
    rows: sizes.find((size) => size >= part) ?? part,
    runMs: all.map(() => []),
  };
}

/** Runs of a session in each round, and rounds. */
function effort({ runMs, cores }: PlanProbe, trials: number): readonly [number, number] {
  if (runMs > LONG_RUN_MS) return [1, 1];
  // Each plan takes about a core's part of the time.
  const partMs = Math.max(0.01, runMs / cores);
  const runs = Math.min(MOST_RUNS, Math.max(1, Math.ceil(ROUND_MS / partMs)));
  const rounds = Math.floor(MEASURE_MS / (trials * runs * partMs));
  return [runs, Math.min(MOST_ROUNDS, Math.max(1, rounds))];
}

async function runRound<S extends TrialSession>(
  { batchOf, pause }: PlanProbe,
  { sessions, rows, runMs }: Trial<S>,
  runs: number,
  isCounted: boolean,
): Promise<void> {
  const times = await Promise.all(
    sessions.map(async (session) => {
      const own: number[] = [];
      while (own.length < runs) own.push(await session.run(batchOf(rows)));
      return own;
    }),
  );
  if (isCounted) for (const [i, own] of times.entries()) runMs[i]!.push(...own);
  await pause?.(Math.max(...times.map((own) => own.reduce((sum, ms) => sum + ms, 0))));
}

function rateOf<S>({ threads, wanted, sessions, rows, runMs }: Trial<S>): PlanRate {
  const rate = runMs.reduce((sum, own) => sum + (1000 * rows) / Math.max(1e-6, median(own)), 0);
  // Fewer because memory is short stay fewer.
  const isExtrapolated = wanted > MOST_SESSIONS && sessions.length === MOST_SESSIONS;
  if (!isExtrapolated) return { threads, sessions: sessions.length, rows, rowsPerSecond: rate };
  return { threads, sessions: wanted, rows, rowsPerSecond: (rate * wanted) / sessions.length, isExtrapolated };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
