/** How much a core runs, by the learned run times. Pure; times are ms. */

/** The run time of one size of batch. A curve has them in ascending order of rows. */
export interface CurvePoint {
  readonly rows: number;
  readonly meanMs: number;
  /** Most runs take no longer. */
  readonly highMs: number;
}

type Curve = readonly CurvePoint[];

/**
 * A request waits for the run that is under way, and then for its own: each may take this share of its time, so that it
 * is in time wherever in a run it came.
 */
const RUN_SHARE = 0.5;

/** The expected run time of `rows`; beyond the largest size by the slope of the last two. Undefined for no curve. */
export function runMs(curve: Curve, rows: number): number | undefined {
  const last = curve.at(-1);
  if (last === undefined) return undefined;
  const above = curve.findIndex((point) => point.rows >= rows);
  const upper = above === -1 ? curve.length - 1 : above;
  const right = curve[upper]!;
  const left = curve[upper - 1];
  if (left === undefined) return above === -1 ? (right.meanMs * rows) / right.rows : right.meanMs;
  return right.meanMs + ((rows - right.rows) * (right.meanMs - left.meanMs)) / (right.rows - left.rows);
}

/** Rows that one run at a time completes in a ms, in batches of `rows`. Undefined for no curve. */
export function rowsPerMs(curve: Curve, rows: number): number | undefined {
  const ms = runMs(curve, rows);
  return ms === undefined || !(ms > 0) ? undefined : rows / ms;
}

/** The largest size whose run fits into a time budget with the run before it; 0 if not even the smallest does. */
export function rowsWithin(curve: Curve, budgetMs: number): number {
  return curve.findLast(({ highMs }) => highMs <= RUN_SHARE * budgetMs)?.rows ?? 0;
}

/**
 * How many times as many rows batches of twice the largest size would run, where a row still gets cheaper from half of
 * it to all of it. Undefined for a curve of one size.
 */
export function largerBatchGain(curve: Curve): number | undefined {
  const last = curve.at(-1);
  if (last === undefined || curve.length < 2) return undefined;
  return rowsPerMs(curve, 2 * last.rows)! / rowsPerMs(curve, last.rows)!;
}
