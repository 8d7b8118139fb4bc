/** What the server itself says of a run, from its metrics page: rows and sizes of its batches, and its predictions. */
import { METRICS_PATH } from '../../src/telemetry/metrics-page.ts';

export interface BatchMetrics {
  /** By model. */
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
  return parseMetrics(await (await fetch(origin + METRICS_PATH)).text());
}

export function parseMetrics(text: string): BatchMetrics {
  const rows = new Map<string, number>();
  const batches = new Map<string, number>();
  const cumulative = new Map<string, number>();
  const reasons = new Map<string, number>();
  let predictionError: { sum: number; count: number } | undefined;
  for (const [, name, labels = '', value] of text.matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm)) {
    const model = /(?:^|,)model="([^"]*)"/.exec(labels)?.[1] ?? '';
    if (name === 'pillion_batch_size_sum') add(rows, model, Number(value));
    else if (name === 'pillion_batch_size_count') add(batches, model, Number(value));
    else if (name === 'pillion_batch_size_bucket') add(cumulative, /le="([^"]*)"/.exec(labels)![1]!, Number(value));
    else if (name === 'pillion_scheduler_refusals_total') {
      add(reasons, /reason="([^"]*)"/.exec(labels)![1]!, Number(value));
    } else if (/prediction_error\w*_(sum|count)$/.test(name!)) {
      predictionError ??= { sum: 0, count: 0 };
      if (name!.endsWith('_sum')) predictionError.sum += Number(value);
      else predictionError.count += Number(value);
    }
  }
  return { rows, batches, sizes: singleBuckets(cumulative), reasons, predictionError };
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
  /** By the order of `models`. */
  readonly rowsRun: readonly number[];
  readonly batches: number;
  readonly meanBatch: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  /** Mean |predicted − actual|, in ms. */
  readonly predictionErrorMs: number | undefined;
}

/**
 * Between two readings. A server that was not asked for a model has no series of it: 0. `aside` says how many batches of
 * one row of each model to leave out.
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
