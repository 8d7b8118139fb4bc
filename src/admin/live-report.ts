/** What GET /events sends once a second: numbers of the last window, by model version. Types are the wire's. */
import { type BucketCount, percentileMs } from '../telemetry/metrics/latency-buckets.ts';
import type { LiveCounts } from '../telemetry/metrics/live-stats.ts';

export interface LiveTick {
  /** End of the window, ms since 1970. */
  readonly at_ms: number;
  /** Its length. */
  readonly span_ms: number;
  readonly in_flight: number;
  /** Cores that the process kept busy. */
  readonly cpu_cores: number;
  /** Changes when a version's state does: then GET /models tells something new. */
  readonly models_revision: number;
  /** Of versions that are loaded, and of those for which something happened. */
  readonly versions: readonly LiveVersion[];
}

export interface LiveVersion {
  /** '' = requests that named no served model. */
  readonly model: string;
  readonly version: string;
  readonly requests: number;
  readonly in_time: number;
  readonly rows: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Durations of requests answered well; absent where there were none. */
  readonly p50_ms?: number;
  readonly p99_ms?: number;
  /** The same as counts, latency-buckets.ts has their bounds. */
  readonly latency: readonly BucketCount[];
  /** Mean of each of the eight stages, over requests answered well; empty where there were none. */
  readonly stages_ms: readonly number[];
  readonly batches?: LiveBatchReport;
  readonly queue?: QueueReport;
}

export interface QueueReport {
  readonly rows: number;
  readonly tasks: number;
  readonly running_batches: number;
}

export interface LiveBatchReport {
  readonly count: number;
  readonly rows: number;
  readonly padding: number;
  /** Element i: batches of more than 2^(i−1) rows and at most 2^i. */
  readonly sizes: readonly number[];
  readonly reasons: Readonly<Record<string, number>>;
  readonly mean_run_ms: number;
  /** Runs whose length was forecast, and those of them that took at most half as long again. */
  readonly forecast: number;
  readonly as_forecast: number;
  /** Size and run in ms of some of them. */
  readonly points: readonly (readonly [number, number])[];
}

/** Three digits behind the point are microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

export function liveVersion(counts: LiveCounts, queue: QueueReport | undefined): LiveVersion {
  const { latency, stagesMs } = counts;
  const answered = latency.reduce((sum, [, count]) => sum + count, 0);
  const p50 = percentileMs([latency], 0.5);
  const p99 = percentileMs([latency], 0.99);
  return {
    model: counts.model,
    version: counts.version,
    requests: counts.requests,
    in_time: counts.inTime,
    rows: counts.rows,
    failures: counts.failures,
    ...(p50 !== undefined && p99 !== undefined && { p50_ms: rounded(p50), p99_ms: rounded(p99) }),
    latency,
    stages_ms: answered === 0 ? [] : stagesMs.map((sum) => rounded(sum / answered)),
    ...(counts.batches.count > 0 && { batches: batchReport(counts.batches) }),
    ...(queue !== undefined && { queue }),
  };
}

/** A version for which nothing happened. */
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
