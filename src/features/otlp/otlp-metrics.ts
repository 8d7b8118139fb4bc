/**
 * Pushes the metrics over OTLP, for collectors that do not scrape. Imported only if the standard variables ask for it
 * (metrics-export.ts). The SDK's reader and exporters send the families of /metrics, cumulative and under the same
 * names.
 */
import type { HrTime } from '@opentelemetry/api';
import { resources, metrics as sdk } from '@opentelemetry/sdk-node';
import type { MetricSnapshot, Sample } from '../../ledger/metrics/series.ts';
import { SCHEMA_URL } from '../../ledger/tracing/schema-url.ts';
import { SCOPE_NAME } from './resource.ts';

type MetricData = sdk.ResourceMetrics['scopeMetrics'][number]['metrics'][number];

export interface OtlpMetricsOptions {
  readonly read: () => Promise<readonly MetricSnapshot[]>;
  readonly exporter: sdk.PushMetricExporter;
  readonly intervalMs: number;
  readonly version: string;
  /** Wall time in ms since 1970. */
  readonly startedAtMs: number;
  readonly nowMs: () => number;
}

/** Sends every `intervalMs`. `shutdown` sends once more. */
export function startOtlpMetrics(options: OtlpMetricsOptions): { shutdown(): Promise<void> } {
  const { version } = options;
  const scope = { name: SCOPE_NAME, version, schemaUrl: SCHEMA_URL };
  const own = resources.resourceFromAttributes(
    { 'service.name': SCOPE_NAME, 'service.version': version },
    { schemaUrl: SCHEMA_URL },
  );
  const detected = resources.detectResources({ detectors: [resources.envDetector] });
  const resource = resources.defaultResource().merge(own).merge(detected);
  const producer: sdk.MetricProducer = {
    collect: async () => ({
      resourceMetrics: { resource, scopeMetrics: [{ scope, metrics: await collect(options) }] },
      errors: [],
    }),
  };
  const reader = new sdk.PeriodicExportingMetricReader({
    exporter: options.exporter,
    exportIntervalMillis: options.intervalMs,
    exportTimeoutMillis: Math.min(options.intervalMs, 30_000),
    metricProducers: [producer],
  });
  const provider = new sdk.MeterProvider({ resource, readers: [reader] });
  return { shutdown: () => provider.shutdown() };
}

async function collect({ read, startedAtMs, nowMs }: OtlpMetricsOptions): Promise<MetricData[]> {
  const times = { startTime: hrTime(startedAtMs), endTime: hrTime(nowMs()) };
  return (await read()).map((snapshot) => toMetricData(snapshot, times));
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** Converts one family. A histogram's cumulative buckets become counts of each bucket. */
function toMetricData({ name, help, type, values }: MetricSnapshot, times: Times): MetricData {
  const common = {
    descriptor: { name, description: help, unit: unitOf(name), valueType: 1 },
    aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE,
  };
  if (type === 'histogram') {
    return { ...common, dataPointType: sdk.DataPointType.HISTOGRAM, dataPoints: histogramPoints(values, times) };
  }
  const dataPoints = values.map(({ labels, value }) => ({ ...times, attributes: { ...labels }, value }));
  if (type === 'counter') return { ...common, dataPointType: sdk.DataPointType.SUM, isMonotonic: true, dataPoints };
  return { ...common, dataPointType: sdk.DataPointType.GAUGE, dataPoints };
}

interface HistogramPoint {
  readonly bounds: number[];
  readonly cumulative: number[];
  readonly attributes: Record<string, string>;
  sum: number;
  count: number;
}

function histogramPoints(values: readonly Sample[], times: Times) {
  const points = new Map<string, HistogramPoint>();
  for (const { metricName = '', labels, value } of values) {
    const { le, ...attributes } = labels;
    const key = JSON.stringify(attributes);
    const point = points.get(key) ?? { bounds: [], cumulative: [], attributes, sum: 0, count: 0 };
    points.set(key, point);
    if (metricName.endsWith('_sum')) point.sum = value;
    else if (metricName.endsWith('_count')) point.count = value;
    else {
      point.cumulative.push(value);
      if (le !== '+Inf') point.bounds.push(Number(le));
    }
  }
  return [...points.values()].map(({ bounds, cumulative, attributes, sum, count }) => {
    const counts = cumulative.map((each, i) => each - (cumulative[i - 1] ?? 0));
    return { ...times, attributes, value: { buckets: { boundaries: bounds, counts }, sum, count } };
  });
}

function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return 's';
  return /_bytes(_total)?$/.test(name) ? 'By' : '';
}

function hrTime(wallMs: number): HrTime {
  const seconds = Math.floor(wallMs / 1000);
  return [seconds, Math.floor((wallMs - seconds * 1000) * 1e6)];
}
