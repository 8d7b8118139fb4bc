/** The ticks of GET /events: numbers of the last window, by model version. The types are those of the wire. */

import type { Explanation } from '../../admin/explanation.ts';
import { omitUndefined } from '../../admin/omit-undefined.ts';
import { type BucketCount, percentileMs } from '../../ledger/latency-buckets.ts';
import type { LiveCounts } from './live-stats.ts';

export interface LiveTick {
  /** End of the window, ms since 1970. */
  readonly at_ms: number;
  /** Length of the window. */
  readonly span_ms: number;
  readonly in_flight: number;
  /** Cores that the process kept busy. */
  readonly cpu_cores: number;
  /** Changes when the state of a version does: then GET /models has changed. */
  readonly models_revision: number;
  /** Versions that are loaded, or had requests or batches in the window. */
  readonly versions: readonly LiveVersion[];
}

/** One version in a tick. Its explanation is of the last seconds, however long the window is. */
export interface LiveVersion extends Explanation {
  /** '' for requests that named no served model. */
  readonly model: string;
  /** '' for requests whose version was not loaded. */
  readonly version: string;
  readonly requests: number;
  readonly in_time: number;
  readonly rows: number;
  readonly failures: Readonly<Record<string, number>>;
  /** The `overloaded` ones of them by reason; absent if there were none. */
  readonly refusals?: Readonly<Record<string, number>>;
  /** Durations of successful requests; absent if there were none. */
  readonly p50_ms?: number;
  readonly p99_ms?: number;
  /** The same durations as counts; latency-buckets.ts has the bounds. */
  readonly latency: readonly BucketCount[];
  /** Mean of each of the eight stages over successful requests; empty if there were none. */
  readonly stages_ms: readonly number[];
  readonly batches?: LiveBatchReport;
  readonly queue?: QueueReport;
}

export interface QueueReport {
  readonly rows: number;
  readonly tasks: number;
  readonly running_batches: number;
  /** Set if the longest run goes on for much longer than it should. */
  readonly stalled?: { readonly ms: number; readonly expected_ms?: number };
}

export interface LiveBatchReport {
  readonly count: number;
  readonly rows: number;
  readonly padding: number;
  /** Element i counts batches of more than 2^(i−1) and at most 2^i rows. */
  readonly sizes: readonly number[];
  readonly reasons: Readonly<Record<string, number>>;
  readonly mean_run_ms: number;
  /** Runs with a forecast, and those of them that took at most 1.5 times the forecast. */
  readonly forecast: number;
  readonly as_forecast: number;
  /** Size and run time in ms of some batches. */
  readonly points: readonly (readonly [number, number])[];
}

/** Rounds to microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

export function liveVersion(counts: LiveCounts, queue: QueueReport | undefined): LiveVersion {
  const { latency, stagesMs } = counts;
  const answered = latency.reduce((sum, [, count]) => sum + count, 0);
  const percentile = (share: number): number | undefined => {
    const ms = percentileMs([latency], share);
    return ms === undefined ? undefined : rounded(ms);
  };
  return omitUndefined({
    model: counts.model,
    version: counts.version,
    requests: counts.requests,
    in_time: counts.inTime,
    rows: counts.rows,
    failures: counts.failures,
    refusals: Object.keys(counts.refusals).length > 0 ? counts.refusals : undefined,
    p50_ms: percentile(0.5),
    p99_ms: percentile(0.99),
    latency,
    stages_ms: answered === 0 ? [] : stagesMs.map((sum) => rounded(sum / answered)),
    batches: counts.batches.count > 0 ? batchReport(counts.batches) : undefined,
    queue,
  });
}

/** A version without requests or batches in the window. */
export function quietVersion(model: string, version: string, queue: QueueReport): LiveVersion {
  return { model, version, requests: 0, in_time: 0, rows: 0, failures: {}, latency: [], stages_ms: [], queue };
}

function batchReport(batches: LiveCounts['batches']): LiveBatchReport {
  const { count, rows, padding, sizes, reasons, runMs, forecast, asForecast, points } = batches;
  return {
    count,
    rows,
    padding,
    sizes: sizes.slice(0, sizes.findLastIndex((n) => n > 0) + 1),
    reasons,
    mean_run_ms: rounded(runMs / count),
    forecast,
    as_forecast: asForecast,
    points: points.map(([size, ms]) => [size, rounded(ms)]),
  };
}
