/** The server's own figures of a run, from its metrics page: rows and sizes of its batches, and its predictions. */
import { type MetricSamples, parseMetrics } from '../../src/cli/prometheus-text.ts';
import { DEFAULT_METRICS_PATH } from '../../src/core/metrics-path.ts';

export interface BatchMetrics {
  /** Rows and batches by model. */
  readonly rows: ReadonlyMap<string, number>;
  readonly batches: ReadonlyMap<string, number>;
  /** Batches of at most so many rows and more than the bound before; the last bound is +Inf. All models. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Requests by why they were refused or given up; all models. */
  readonly reasons: ReadonlyMap<string, number>;
  /**
   * Sum and count of |predicted − actual| in ms, from a histogram whose name has prediction_error in it (seconds);
   * undefined where the server makes no predictions.
   */
  readonly predictionError: { readonly sum: number; readonly count: number } | undefined;
}

/** `origin` of REST, such as http://127.0.0.1:8501. */
export async function readMetrics(origin: string): Promise<BatchMetrics> {
  return batchMetrics(await (await fetch(origin + DEFAULT_METRICS_PATH)).text());
}

/** A page of metrics, as text. */
export function batchMetrics(text: string): BatchMetrics {
  const samples = parseMetrics(text);
  const sumBy = (name: string, label: string): Map<string, number> => {
    const sums = new Map<string, number>();
    for (const { labels, value } of samples.get(name) ?? []) add(sums, labels[label] ?? '', value);
    return sums;
  };
  return {
    rows: sumBy('pillion_batch_size_sum', 'model'),
    batches: sumBy('pillion_batch_size_count', 'model'),
    sizes: singleBuckets(sumBy('pillion_batch_size_bucket', 'le')),
    reasons: sumBy('pillion_scheduler_refusals_total', 'reason'),
    predictionError: predictionErrorOf(samples),
  };
}

function predictionErrorOf(samples: MetricSamples): BatchMetrics['predictionError'] {
  let found: { sum: number; count: number } | undefined;
  for (const [name, series] of samples) {
    const part = /prediction_error\w*_(sum|count)$/.exec(name)?.[1] as 'sum' | 'count' | undefined;
    if (part === undefined) continue;
    found ??= { sum: 0, count: 0 };
    for (const { value } of series) found[part] += value;
  }
  return found;
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function singleBuckets(cumulative: ReadonlyMap<string, number>): Map<string, number> {
  const bound = (text: string): number => (text === '+Inf' ? Infinity : Number(text));
  const sizes = new Map<string, number>();
  let before = 0;
  for (const [le, count] of [...cumulative].sort(([a], [b]) => bound(a) - bound(b))) {
    sizes.set(le, count - before);
    before = count;
  }
  return sizes;
}

export interface BatchFigures {
  /** Rows by the order of `models`. */
  readonly rowsRun: readonly number[];
  readonly batches: number;
  readonly meanBatch: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  /** Mean |predicted − actual|, in ms. */
  readonly predictionErrorMs: number | undefined;
}

/**
 * The batches between two readings. A server that was not asked for a model has no series of it: 0. `aside` says how
 * many batches of one row of each model to leave out.
 */
export function batchesBetween(
  models: readonly string[],
  before: BatchMetrics,
  after: BatchMetrics,
  aside: readonly number[] = [],
): BatchFigures {
  const delta = (pick: (metrics: BatchMetrics) => ReadonlyMap<string, number>, key: string): number =>
    (pick(after).get(key) ?? 0) - (pick(before).get(key) ?? 0);
  const rowsRun = models.map((model, i) => delta(({ rows }) => rows, model) - (aside[i] ?? 0));
  const leftOut = aside.reduce((sum, count) => sum + count, 0);
  const batches = models.reduce((sum, model) => sum + delta((metrics) => metrics.batches, model), -leftOut);
  const sizes: Record<string, number> = {};
  for (const le of after.sizes.keys()) {
    const count = delta((metrics) => metrics.sizes, le) - (le === '1' ? leftOut : 0);
    if (count > 0) sizes[le] = count;
  }
  const reasons: Record<string, number> = {};
  for (const reason of after.reasons.keys()) {
    const count = delta((metrics) => metrics.reasons, reason);
    if (count > 0) reasons[reason] = count;
  }
  const meanBatch = rowsRun.reduce((sum, rows) => sum + rows, 0) / batches;
  return { rowsRun, batches, meanBatch, sizes, reasons, predictionErrorMs: predictionErrorMs(before, after) };
}

function predictionErrorMs(
  { predictionError: before }: BatchMetrics,
  { predictionError: after }: BatchMetrics,
): number | undefined {
  if (after === undefined) return undefined;
  const count = after.count - (before?.count ?? 0);
  return count === 0 ? undefined : ((after.sum - (before?.sum ?? 0)) / count) * 1000;
}
