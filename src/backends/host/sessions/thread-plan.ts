/**
 * Chooses how a model uses several cores: one session whose runs compute on all of them, or sessions of one thread that
 * run at the same time. Pure; measure-plan.ts measures the rates.
 *
 *   2 cores      1 session × 2 threads: half the time for a run, one copy of the weights, one large batch
 *                2 sessions × 1 thread: no waiting between threads inside a run; a busy neighbour slows one run only
 */

/** The rate of one way to use the cores. */
export interface PlanRate {
  /** Threads of one run. */
  readonly threads: number;
  /** Sessions that run at the same time. */
  readonly sessions: number;
  /** Rows of each run. */
  readonly rows: number;
  /** Of all sessions together. */
  readonly rowsPerSecond: number;
  /** Fewer sessions were measured; the rate is in proportion. Absent = false. */
  readonly isExtrapolated?: boolean;
}

/** The run time of one size of batch. */
export interface SizeTime {
  readonly rows: number;
  readonly ms: number;
}

/** A plan with fewer sessions is chosen down to this share of the best rate: its runs take a fraction of the time. */
export const WIDE_RATE_SHARE = 0.9;
/** Sizes whose cost for each row is within this share of the least count as the best. */
const COST_MARGIN = 0.1;

/** The widest plan whose rate is near the best one. `rates` has at least one. */
export function choosePlan(rates: readonly PlanRate[]): PlanRate {
  const best = Math.max(...rates.map(({ rowsPerSecond }) => rowsPerSecond));
  const good = rates.filter(({ rowsPerSecond }) => rowsPerSecond >= WIDE_RATE_SHARE * best);
  return good.reduce((widest, each) => (each.threads > widest.threads ? each : widest));
}

/** The smallest size whose cost for each row is near the least of all sizes. `times` has at least one. */
export function efficientRows(times: readonly SizeTime[]): number {
  const least = Math.min(...times.map(({ rows, ms }) => ms / rows));
  const good = times.filter(({ rows, ms }) => ms / rows <= (1 + COST_MARGIN) * least);
  return Math.min(...good.map(({ rows }) => rows));
}

/** The numbers of threads that are compared on so many cores, ascending: 1, from 4 cores on half of them, and all. */
export function candidateThreads(cores: number): readonly number[] {
  return cores >= 4 ? [1, Math.floor(cores / 2), cores] : [1, cores];
}

/** The run time at a size: a line between the sizes that were measured, in proportion to the rows beyond the last. */
export function timeAt(times: readonly SizeTime[], rows: number): number | undefined {
  let below: SizeTime | undefined;
  for (const each of times) {
    if (each.rows >= rows) {
      if (below === undefined) return each.ms;
      return below.ms + ((each.ms - below.ms) * (rows - below.rows)) / (each.rows - below.rows);
    }
    below = each;
  }
  return below && (below.ms * rows) / below.rows;
}

/** "1 session of 2 threads: 9200 rows/s of 8; 2 sessions of 1 thread: …". */
export function showRates(rates: readonly PlanRate[]): string {
  return rates
    .map(({ threads, sessions, rows, rowsPerSecond, isExtrapolated }) => {
      const rate = `${Number(rowsPerSecond.toPrecision(3))} rows/s in runs of ${rows}`;
      return `${showPlan(threads, sessions)}: ${rate}${isExtrapolated === true ? ' (extrapolated)' : ''}`;
    })
    .join('; ');
}

/** "1 session of 2 threads". */
export function showPlan(threads: number, sessions: number): string {
  return `${sessions} session${sessions === 1 ? '' : 's'} of ${threads} thread${threads === 1 ? '' : 's'}`;
}
