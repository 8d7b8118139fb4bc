/** Sums and means over the ticks of a window, for all models or for one. Pure. */

import type { Explanation } from '../../../admin/explanation.ts';
import { percentileMs } from '../../../ledger/latency-buckets.ts';
import type { LiveTick, LiveVersion, QueueReport } from '../live-report.ts';

export interface ModelChoice {
  readonly model: string;
  readonly version?: string;
}

/** Numbers of requests by outcome. */
export interface Endings {
  /** Answered before the deadline. */
  readonly inTime: number;
  /** Answered after the deadline, or failed at it. */
  readonly late: number;
  /** Refused at once, with a time to retry after. */
  readonly refused: number;
  /** The caller's mistake, such as an unknown model or a wrong shape; or the caller cancelled. */
  readonly wrong: number;
  readonly failed: number;
}

/** Numbers of refused requests by what they found. */
export interface Refusals {
  /** Their caller had taken what it may. */
  readonly callers: number;
  /** The memory for requests in flight was full. */
  readonly memory: number;
  /** The server was about to end. */
  readonly draining: number;
  /** Their model was not ready. */
  readonly notReady: number;
  /** There was no time or no room left in the queue. */
  readonly overload: number;
}

export interface WindowSummary extends Endings {
  readonly refusals: Refusals;
  readonly seconds: number;
  readonly requests: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly batches: number;
  readonly batchRows: number;
  readonly padding: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** Runs with a forecast of their length. `asForecast`: those that took at most 1.5 times the forecast. */
  readonly forecast: number;
  readonly asForecast: number;
  /** Mean time of each stage. */
  readonly stagesMs: readonly number[];
  readonly cpuCores: number;
  /** These three are as of the window's end. */
  readonly queuedRows: number;
  readonly runningBatches: number;
  /** Versions with a run that goes on for much longer than it should. */
  readonly stalled: readonly (Pick<LiveVersion, 'model' | 'version'> & NonNullable<QueueReport['stalled']>)[];
  /** The versions that had traffic lately, explained as of the window's end. */
  readonly explained: readonly (Explanation & Required<ModelChoice>)[];
  /** Requests of the whole server; undefined in a summary of one model. */
  readonly inFlight: number | undefined;
}

const ENDING_OF: Readonly<Record<string, keyof Endings>> = {
  deadline_exceeded: 'late',
  body_timeout: 'late',
  overloaded: 'refused',
  draining: 'refused',
  model_not_ready: 'refused',
  invalid_request: 'wrong',
  model_not_found: 'wrong',
  label_not_found: 'wrong',
  signature_not_found: 'wrong',
  too_large: 'wrong',
  unsupported: 'wrong',
  unauthenticated: 'wrong',
  permission_denied: 'wrong',
  cancelled: 'wrong',
};

const REFUSAL_OF: Readonly<Record<string, keyof Refusals>> = {
  caller_core_share: 'callers',
  caller_budget: 'callers',
  caller_limit: 'callers',
  queue_memory: 'memory',
  memory: 'memory',
};

/** The ticks of the last `seconds` before the newest. */
export function lastTicks(ticks: readonly LiveTick[], seconds: number): readonly LiveTick[] {
  const newest = ticks.at(-1);
  return newest === undefined ? [] : ticks.filter(({ at_ms }) => at_ms > newest.at_ms - seconds * 1000);
}

/** A part of a plot's time axis. `at` is the index of the tick that counted it; absent: nobody counted. */
interface Stretch {
  /** Instants in ms since 1970. */
  readonly from: number;
  readonly to: number;
  readonly at?: number;
}

/** Timers and the wall clock are not exact: a tick whose time begins this much after the one before follows it. */
const SLACK_MS = 500;

/** The times that the ticks cover, in order and without overlap, with the gaps between them. */
export function stretches(ticks: readonly LiveTick[]): readonly Stretch[] {
  const found: Stretch[] = [];
  let end: number | undefined;
  for (const [at, { at_ms, span_ms }] of ticks.entries()) {
    const begin = at_ms - span_ms;
    const hasGap = end !== undefined && begin - end > SLACK_MS;
    if (end !== undefined && hasGap) found.push({ from: end, to: begin });
    found.push({ from: end === undefined || hasGap ? begin : end, to: at_ms, at });
    end = at_ms;
  }
  return found;
}

export function versionsOf(tick: LiveTick, choice?: ModelChoice): readonly LiveVersion[] {
  if (choice === undefined) return tick.versions;
  const { model, version } = choice;
  return tick.versions.filter((v) => v.model === model && (version === undefined || v.version === version));
}

export function endings(versions: readonly LiveVersion[]): Endings {
  const counts = { inTime: 0, late: 0, refused: 0, wrong: 0, failed: 0 };
  const loaded = new Set(versions.filter(({ queue }) => queue !== undefined).map(({ model }) => model));
  for (const version of versions) {
    // It is no mistake to ask for a served model of which nothing is loaded.
    const isMissing = version.model !== '' && !loaded.has(version.model);
    let unanswered = 0;
    for (const [kind, times] of Object.entries(version.failures)) {
      unanswered += times;
      counts[isMissing && kind === 'model_not_found' ? 'failed' : (ENDING_OF[kind] ?? 'failed')] += times;
    }
    counts.inTime += version.in_time;
    counts.late += version.requests - unanswered - version.in_time;
  }
  return counts;
}

function refusalsOf(versions: readonly LiveVersion[]): Refusals {
  const counts = { callers: 0, memory: 0, draining: 0, notReady: 0, overload: 0 };
  for (const { failures, refusals = {} } of versions) {
    counts.draining += failures['draining'] ?? 0;
    counts.notReady += failures['model_not_ready'] ?? 0;
    counts.overload += failures['overloaded'] ?? 0;
    for (const [reason, times] of Object.entries(refusals)) {
      counts.overload -= times;
      counts[REFUSAL_OF[reason] ?? 'overload'] += times;
    }
  }
  return counts;
}

/** Share of the requests without a caller's mistake that were answered in time; undefined if there were none. */
export function goodput({ requests, wrong, inTime }: WindowSummary): number | undefined {
  return requests === wrong ? undefined : inTime / (requests - wrong);
}

export function summarize(ticks: readonly LiveTick[], choice?: ModelChoice): WindowSummary {
  const all = ticks.flatMap((tick) => versionsOf(tick, choice));
  const newest = ticks.at(-1);
  const last = newest === undefined ? [] : versionsOf(newest, choice);
  const seconds = sum(ticks, (tick) => tick.span_ms) / 1000;
  const latency = all.map((version) => version.latency);
  const batches = all.flatMap((version) => version.batches ?? []);
  const batchCount = sum(batches, (batch) => batch.count);
  return {
    ...endings(all),
    refusals: refusalsOf(all),
    seconds,
    requests: sum(all, (version) => version.requests),
    p50Ms: percentileMs(latency, 0.5),
    p99Ms: percentileMs(latency, 0.99),
    batches: batchCount,
    batchRows: sum(batches, (batch) => batch.rows),
    padding: sum(batches, (batch) => batch.padding),
    reasons: added(batches.map((batch) => batch.reasons)),
    forecast: sum(batches, (batch) => batch.forecast),
    asForecast: sum(batches, (batch) => batch.as_forecast),
    stagesMs: meanStages(all),
    cpuCores: seconds === 0 ? 0 : sum(ticks, (tick) => (tick.cpu_cores * tick.span_ms) / 1000) / seconds,
    queuedRows: sum(last, (version) => version.queue?.rows ?? 0),
    runningBatches: sum(last, (version) => version.queue?.running_batches ?? 0),
    stalled: last.flatMap(({ model, version, queue }) =>
      queue?.stalled ? [{ model, version, ...queue.stalled }] : [],
    ),
    explained: last.flatMap(({ model, version, bound, forecast }) =>
      bound === undefined && forecast === undefined
        ? []
        : [{ model, version, ...(bound && { bound }), ...(forecast && { forecast }) }],
    ),
    inFlight: choice === undefined ? (newest?.in_flight ?? 0) : undefined,
  };
}

/** Mean time of each of the eight stages, over the requests with an answer. */
export function meanStages(versions: readonly LiveVersion[]): readonly number[] {
  const sums: number[] = [];
  let answered = 0;
  for (const { stages_ms, latency } of versions) {
    const requests = sum(latency, ([, times]) => times);
    answered += requests;
    for (const [stage, ms] of stages_ms.entries()) sums[stage] = (sums[stage] ?? 0) + ms * requests;
  }
  return sums.map((total) => total / answered);
}

function sum<T>(items: readonly T[], pick: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += pick(item);
  return total;
}

function added(parts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const part of parts) for (const [key, value] of Object.entries(part)) total[key] = (total[key] ?? 0) + value;
  return total;
}
