/**
 * Prints metrics in the two text formats that Prometheus reads. It asks for the second by `Accept`.
 *
 *   Prometheus text 0.0.4    # HELP, # TYPE, samples
 *   OpenMetrics 1.0          the same, counters' families without _total, floats with their point, exemplars, # EOF
 *
 * In OpenMetrics a counter's name ends in _total. One whose name does not (TensorFlow Serving's) has the type `unknown`
 * there, which keeps its name.
 */
import type { Exemplar, Labels, MetricSnapshot } from './series.ts';

/** The path that TensorFlow Serving's users scrape. */
export const METRICS_PATH = '/monitoring/prometheus/metrics';

/** The answer to a scrape, the same on every port. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

export interface MetricsPageOptions {
  /** `Accept` of the request. */
  readonly accept?: string | undefined;
  /** Include the metrics under the names of TensorFlow Serving and Triton. Default false. */
  readonly withAliases?: boolean;
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const TOTAL = '_total';

/** True if the client accepts OpenMetrics. Weights are ignored: Prometheus names it first. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  return accept?.includes('application/openmetrics-text') ?? false;
}

/** Prometheus' text format. */
export function prometheusText(metrics: readonly MetricSnapshot[]): string {
  const lines: string[] = [];
  for (const { name, help, type, values } of metrics) {
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const sample of values)
      lines.push(`${sample.metricName ?? name}${labelText(sample.labels)} ${valueText(sample.value)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** OpenMetrics; `wallAtZero` is the wall time of monotonic 0 in ms, for the exemplars. */
export function openMetricsText(metrics: readonly MetricSnapshot[], wallAtZero: number): string {
  const lines: string[] = [];
  for (const { name, help, type, values } of metrics) {
    const hasTotal = type === 'counter' && name.endsWith(TOTAL);
    const family = hasTotal ? name.slice(0, -TOTAL.length) : name;
    const openType = type === 'counter' && !hasTotal ? 'unknown' : type;
    lines.push(`# TYPE ${family} ${openType}`, `# HELP ${family} ${escapeValue(help)}`);
    for (const sample of values) {
      const labels = labelText(withCanonicalBound(sample.labels));
      const exemplar = sample.exemplar ? exemplarText(sample.exemplar, wallAtZero) : '';
      lines.push(`${sample.metricName ?? name}${labels} ${valueText(sample.value)}${exemplar}`);
    }
  }
  lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function exemplarText({ traceId, value, at }: Exemplar, wallAtZero: number): string {
  return ` # {trace_id="${traceId}"} ${valueText(value)} ${((wallAtZero + at) / 1000).toFixed(3)}`;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(String(value))}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** OpenMetrics wants a decimal point in an integer bound, and the exponent of a small one as Go prints it. */
function withCanonicalBound(labels: Labels): Labels {
  const { le } = labels;
  if (le === undefined || le === '+Inf') return labels;
  const bound = Number(le);
  if (Number.isInteger(bound)) return { ...labels, le: `${bound}.0` };
  const canonical = bound < 1e-4 ? bound.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(bound);
  return { ...labels, le: canonical };
}

function valueText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return Number.isNaN(value) ? 'NaN' : String(value);
}

function escapeHelp(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

function escapeValue(text: string): string {
  return escapeHelp(text).replace(/"/g, '\\"');
}
