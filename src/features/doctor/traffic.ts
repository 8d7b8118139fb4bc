/**
 * A server's work between two looks at its metrics, added up by model version. If nothing happened between them, it is
 * the work since the start.
 */

import type { MetricSample, MetricSamples } from '../../cli/prometheus-text.ts';
import { INFERENCE_METHODS } from '../../ledger/request-record.ts';
import { STAGES, type Stage } from '../../ledger/stage-clock.ts';

/** Durations are seconds, as in the metrics that they come from. */
export interface ModelTraffic {
  readonly model: string;
  readonly version: string;
  /** Inferences; requests for a model's status or metadata are left out. */
  readonly requests: number;
  /** Sum of their durations. */
  readonly requestSeconds: number;
  /** Requests by outcome: 'ok' or a kind of error. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly stageSeconds: Readonly<Record<Stage, number>>;
  readonly batches: number;
  readonly rows: number;
  readonly paddingRows: number;
  /** Batches by the reason why they left the queue. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Requests that the scheduler refused, by its reason. */
  readonly refusals: Readonly<Record<string, number>>;
}

export interface Traffic {
  /** Length of the time that the numbers cover. */
  readonly seconds: number;
  readonly isSinceStart: boolean;
  readonly cpuSeconds: number;
  /** Time in which the garbage collector stopped the event loop. */
  readonly gcSeconds: number;
  /** Lateness of the event loop, 99th percentile; as of the last look. */
  readonly loopDelayP99Seconds: number;
  /** Inferences that named no model or version that is served. */
  readonly unservedRequests: number;
  readonly models: readonly ModelTraffic[];
  /** Requests for the application behind the server; `unbelieved`: those that tell of a client, and are not believed. */
  readonly app: { readonly requests: number; readonly unbelieved: number };
}

export interface MetricsLook {
  readonly samples: MetricSamples;
  /** Seconds since 1970. */
  readonly at: number;
}

const BATCHES = 'pillion_batch_size';
const REQUESTS = 'pillion_request_duration_seconds_count';

/** `before` is undefined if there was only one look. If the server was started again since, it does not count. */
export function trafficBetween(before: MetricsLook | undefined, after: MetricsLook): Traffic {
  const isSame = before !== undefined && startOf(before) === startOf(after);
  const isIdle = !isSame || total(after, `${BATCHES}_count`) === total(before, `${BATCHES}_count`);
  const earlier = isIdle ? undefined : before;
  const { at } = after;
  const startedAt = earlier?.at ?? (startOf(after) || at);
  const grown = (name: string): number => total(after, name) - (earlier === undefined ? 0 : total(earlier, name));
  return {
    seconds: at - startedAt,
    isSinceStart: earlier === undefined,
    cpuSeconds: grown('process_cpu_seconds_total'),
    gcSeconds: grown('nodejs_gc_duration_seconds_sum'),
    loopDelayP99Seconds: total(after, 'nodejs_eventloop_lag_p99_seconds'),
    unservedRequests: growth(
      earlier,
      after,
    )(REQUESTS)
      .filter((sample) => isInference(sample) && sample.labels['model'] === '')
      .reduce((sum, { value }) => sum + value, 0),
    app: { requests: grown('pillion_app_requests_total'), unbelieved: grown('pillion_app_unbelieved_requests_total') },
    models: modelsIn(after).map(([model, version]) => modelTraffic(model, version, growth(earlier, after))),
  };
}

/** The growth of each of a metric's series. */
type Growth = (name: string) => readonly MetricSample[];

function growth(before: MetricsLook | undefined, after: MetricsLook): Growth {
  return (name) => {
    const old = new Map(seriesOf(before, name).map(({ labels, value }) => [JSON.stringify(labels), value]));
    return seriesOf(after, name).map(({ labels, value }) => {
      const earlier = old.get(JSON.stringify(labels)) ?? 0;
      // A version that was loaded again counts from 0.
      return { labels, value: value < earlier ? value : value - earlier };
    });
  };
}

function modelTraffic(model: string, version: string, grown: Growth): ModelTraffic {
  const of = (name: string): MetricSample[] =>
    grown(name).filter(
      (sample) => isInference(sample) && sample.labels['model'] === model && sample.labels['version'] === version,
    );
  const sum = (name: string): number => of(name).reduce((all, { value }) => all + value, 0);
  const by = (name: string, label: string): Record<string, number> => sumsBy(of(name), label);
  const stages = by('pillion_stage_duration_seconds_sum', 'stage');
  return {
    model,
    version,
    requests: sum(REQUESTS),
    requestSeconds: sum('pillion_request_duration_seconds_sum'),
    outcomes: by(REQUESTS, 'outcome'),
    stageSeconds: Object.fromEntries(STAGES.map((stage) => [stage, stages[stage] ?? 0])) as Record<Stage, number>,
    batches: sum(`${BATCHES}_count`),
    rows: sum(`${BATCHES}_sum`),
    paddingRows: sum('pillion_batch_padding_rows_total'),
    reasons: by('pillion_batches_total', 'reason'),
    refusals: by('pillion_scheduler_refusals_total', 'reason'),
  };
}

function sumsBy(samples: readonly MetricSample[], label: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { labels, value } of samples) sums[labels[label]!] = (sums[labels[label]!] ?? 0) + value;
  return sums;
}

/** Series without a method are about inferences alone, but for those without a signature. */
function isInference({ labels: { method, signature } }: MetricSample): boolean {
  return method === undefined ? signature !== '' : INFERENCE_METHODS.has(method);
}

/** Versions that have had inferences. Requests whose model was not found belong to none. */
function modelsIn(look: MetricsLook): readonly (readonly [model: string, version: string])[] {
  const found = new Map<string, readonly [string, string]>();
  for (const sample of seriesOf(look, REQUESTS)) {
    const { model = '', version = '' } = sample.labels;
    if (model !== '' && version !== '' && isInference(sample)) found.set(`${model}\n${version}`, [model, version]);
  }
  return [...found.values()];
}

function seriesOf(look: MetricsLook | undefined, name: string): readonly MetricSample[] {
  return look?.samples.get(name) ?? [];
}

/** The start of the server's process, in seconds since 1970. */
function startOf(look: MetricsLook): number {
  return total(look, 'process_start_time_seconds');
}

function total(look: MetricsLook, name: string): number {
  return seriesOf(look, name).reduce((sum, { value }) => sum + value, 0);
}
