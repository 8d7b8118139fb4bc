/** Answers of the Open Inference Protocol about models and settings, in Triton's JSON. */

import type { LogSettings } from '../log-settings.ts';
import type { OpenInferenceMetadata } from '../report-messages.ts';
import type { RunTotals, TimeTotal, VersionStatistics } from '../statistics/inference-statistics.ts';
import { nanosOf } from '../statistics.ts';
import type { TraceSettings } from '../trace-settings.ts';

export function metadataJson(metadata: OpenInferenceMetadata): string {
  return JSON.stringify(metadata);
}

export function statisticsJson(all: readonly VersionStatistics[]): string {
  return JSON.stringify({ model_stats: all.map(versionOf) });
}

function versionOf(totals: VersionStatistics): object {
  const { model, version, lastInferenceMs, inferenceCount, executionCount, success, fail, queue, runs } = totals;
  return {
    name: model,
    version,
    last_inference: lastInferenceMs,
    inference_count: inferenceCount,
    execution_count: executionCount,
    inference_stats: {
      success: durationOf(success),
      fail: durationOf(fail),
      queue: durationOf(queue),
      ...computeOf(totals),
      cache_hit: durationOf(totals.cacheHit),
      cache_miss: durationOf(totals.cacheMiss),
    },
    response_stats: {},
    batch_stats: [...runs].map(([rows, run]) => ({ batch_size: rows, ...computeOf(run) })),
    memory_usage: [],
  };
}

function computeOf({ computeInput, computeInfer, computeOutput }: RunTotals): object {
  return {
    compute_input: durationOf(computeInput),
    compute_infer: durationOf(computeInfer),
    compute_output: durationOf(computeOutput),
  };
}

function durationOf(total: TimeTotal): object {
  return { count: total.count, ns: Number(nanosOf(total)) };
}

/** The level is a list, as it may have several; every other setting is one text. */
export function traceJson(settings: TraceSettings): string {
  const entries = [...settings].map(([name, values]) => [name, name === 'trace_level' ? values : (values[0] ?? '')]);
  return JSON.stringify(Object.fromEntries(entries));
}

export function logJson(settings: LogSettings): string {
  return JSON.stringify(Object.fromEntries(settings));
}
