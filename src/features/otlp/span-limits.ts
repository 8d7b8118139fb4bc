/** Reads the limits of spans and of their queue from OpenTelemetry's standard variables. */
import { diag } from '@opentelemetry/api';
import { getNumberFromEnv } from '@opentelemetry/core';

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#span-limits */
export interface SpanLimits {
  readonly attributes: number;
  readonly attributesPerEvent: number;
  /** UTF-16 units of a text; Infinity = no limit. */
  readonly textLength: number;
  readonly events: number;
  readonly links: number;
}

/** The standard's default for each count. */
const DEFAULT_COUNT = 128;

/** Reads the process's environment. An invalid number is reported to the SDK's diagnostics and gives the default. */
export function spanLimitsFromEnv(): SpanLimits {
  const count = (...names: readonly string[]): number => firstOf(names, 0) ?? DEFAULT_COUNT;
  return {
    attributes: count('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'),
    attributesPerEvent: count('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', 'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT'),
    textLength: firstOf(['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'], 1) ?? Infinity,
    events: count('OTEL_SPAN_EVENT_COUNT_LIMIT'),
    links: count('OTEL_SPAN_LINK_COUNT_LIMIT'),
  };
}

/** The limits of a queue of spans or of log records. */
export interface SpanQueueLimits {
  /** Those that wait, without those that are being sent. */
  readonly maxQueued: number;
  /** Those in one export. */
  readonly maxExported: number;
  readonly delayMs: number;
  readonly exportTimeoutMs: number;
}

/** Our defaults for OTEL_BSP_*. The standard's are 2,048 and 512, but a request has about ten spans here. */
const SPAN_DEFAULTS = { maxQueued: 32_768, maxExported: 4096, delayMs: 5000, exportTimeoutMs: 30_000 };

export function spanQueueLimitsFromEnv(): SpanQueueLimits {
  return queueLimitsFromEnv('OTEL_BSP', SPAN_DEFAULTS);
}

/** Reads the process's environment. An export is never larger than the queue. `prefix`: of the variables' names. */
export function queueLimitsFromEnv(prefix: string, defaults: SpanQueueLimits): SpanQueueLimits {
  const maxQueued = firstOf([`${prefix}_MAX_QUEUE_SIZE`], 1) ?? defaults.maxQueued;
  return {
    maxQueued,
    maxExported: Math.min(maxQueued, firstOf([`${prefix}_MAX_EXPORT_BATCH_SIZE`], 1) ?? defaults.maxExported),
    delayMs: firstOf([`${prefix}_SCHEDULE_DELAY`], 0) ?? defaults.delayMs,
    exportTimeoutMs: firstOf([`${prefix}_EXPORT_TIMEOUT`], 1) ?? defaults.exportTimeoutMs,
  };
}

/** The first of the variables that has a number of at least `least`. */
function firstOf(names: readonly string[], least: number): number | undefined {
  for (const name of names) {
    const value = getNumberFromEnv(name);
    if (value === undefined) continue;
    if (value >= least) return value;
    diag.warn(`${name} is ${value}, but at least ${least} is wanted; it is left unread`);
  }
  return undefined;
}
