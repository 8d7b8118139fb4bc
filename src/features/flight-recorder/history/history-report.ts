/**
 * Traffic of the past, as GET /history and the file have it: counts and times of one version in a stretch of time. The
 * fields are those of the console's live numbers, so that its pages show both alike.
 */
import { ERROR_TABLE } from '../../../core/errors.ts';
import type { BucketCount } from '../../../ledger/latency-buckets.ts';

export interface HistoryTick {
  /** End of the stretch, ms since 1970. */
  readonly at_ms: number;
  /** Length of the stretch, as far as a server ran in it. */
  readonly span_ms: number;
  /** Cores that the process kept busy, on average. */
  readonly cpu_cores: number;
  /** Versions that had requests. */
  readonly versions: readonly HistoryVersion[];
}

export interface HistoryVersion {
  /** '' for requests that named no served model. */
  readonly model: string;
  /** '' for requests whose version was not loaded. */
  readonly version: string;
  readonly requests: number;
  readonly in_time: number;
  readonly rows: number;
  /** Failed requests by kind of error. */
  readonly failures: Readonly<Record<string, number>>;
  /** The `overloaded` ones of them by reason; absent if there were none. */
  readonly refusals?: Readonly<Record<string, number>>;
  /** Durations of successful requests, as counts; latency-buckets.ts has the bounds. */
  readonly latency: readonly BucketCount[];
  /** Mean of each of the eight stages over successful requests; empty if there were none. */
  readonly stages_ms: readonly number[];
}

/** A start after another run of the server that the file knows of. */
export interface Restart {
  /** Ms since 1970: the last sign of the run before, and the start. */
  readonly ended_at_ms: number;
  readonly started_at_ms: number;
  /** `drained`: it ended as it was told to. `unknown`: it was killed, has crashed, or its machine went away. */
  readonly reason: 'drained' | 'unknown';
  /** The version of the program that started. */
  readonly version: string;
}

export interface HistoryReport {
  readonly now_ms: number;
  /** The length of a tick where a server ran all the time. */
  readonly step_ms: number;
  readonly ticks: readonly HistoryTick[];
  readonly restarts: readonly Restart[];
}

/** Kinds of errors, in an order that columns of counts have. */
export const KINDS: readonly string[] = Object.keys(ERROR_TABLE);

/** Puts stretches together: each of the result ends at a multiple of `stepMs` after `from`, or at the newest stretch. */
export function mergeTicks(ticks: readonly HistoryTick[], from: number, stepMs: number): HistoryTick[] {
  const steps = new Map<number, HistoryTick[]>();
  for (const tick of ticks) {
    const step = Math.ceil((tick.at_ms - from) / stepMs);
    const found = steps.get(step);
    if (found === undefined) steps.set(step, [tick]);
    else found.push(tick);
  }
  return [...steps]
    .sort(([a], [b]) => a - b)
    .map(([, parts]) => {
      const spanMs = sum(parts, ({ span_ms }) => span_ms);
      return {
        at_ms: Math.max(...parts.map(({ at_ms }) => at_ms)),
        span_ms: spanMs,
        cpu_cores: rounded(sum(parts, ({ cpu_cores, span_ms }) => cpu_cores * span_ms) / Math.max(1, spanMs)),
        versions: mergeVersions(parts.flatMap(({ versions }) => versions)),
      };
    });
}

/** Adds up the parts of each version. */
function mergeVersions(parts: readonly HistoryVersion[]): readonly HistoryVersion[] {
  const versions = new Map<string, HistoryVersion[]>();
  for (const part of parts) {
    const key = JSON.stringify([part.model, part.version]);
    const found = versions.get(key);
    if (found === undefined) versions.set(key, [part]);
    else found.push(part);
  }
  return [...versions.values()].map((same) => (same.length === 1 ? same[0]! : merged(same)));
}

function merged(parts: readonly HistoryVersion[]): HistoryVersion {
  const { model, version } = parts[0]!;
  const latency = new Map<number, number>();
  const stages: number[] = [];
  let answered = 0;
  for (const part of parts) {
    const times = sum(part.latency, ([, count]) => count);
    answered += times;
    for (const [bucket, count] of part.latency) latency.set(bucket, (latency.get(bucket) ?? 0) + count);
    for (const [stage, ms] of part.stages_ms.entries()) stages[stage] = (stages[stage] ?? 0) + ms * times;
  }
  const refusals = added(parts.map((part) => part.refusals ?? {}));
  return {
    ...{ model, version },
    requests: sum(parts, (part) => part.requests),
    in_time: sum(parts, (part) => part.in_time),
    rows: sum(parts, (part) => part.rows),
    failures: added(parts.map((part) => part.failures)),
    ...(Object.keys(refusals).length > 0 && { refusals }),
    latency: [...latency].sort((a, b) => a[0] - b[0]),
    stages_ms: stages.map((ms) => rounded(ms / answered)),
  };
}

function added(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const part of parts) for (const [key, value] of Object.entries(part)) total[key] = (total[key] ?? 0) + value;
  return total;
}

function sum<T>(items: readonly T[], pick: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += pick(item);
  return total;
}

/** Rounds to thousandths. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
