/**
 * Prints metrics in the two text formats that Prometheus reads. It asks for the second by `Accept`.
 *
 *   Prometheus text 0.0.4    # HELP, # TYPE, samples
 *   OpenMetrics 1.0          the same, counters' families without _total, floats with their point, exemplars, # EOF
 *
 * In OpenMetrics a counter's name ends in _total. One whose name does not (TensorFlow Serving's) has the type `unknown`
 * there, which keeps its name.
 */
import { escapeHelp, escapeValue, labelText, sampleText, valueText } from '../../ledger/metrics/sample-text.ts';
import type { Exemplar, Labels, MetricSnapshot } from '../../ledger/metrics/series.ts';

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
    for (const sample of values) lines.push(sampleText(name, sample));
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

/** OpenMetrics wants a decimal point in an integer bound, and the exponent of a small one as Go prints it. */
function withCanonicalBound(labels: Labels): Labels {
  const { le } = labels;
  if (le === undefined || le === '+Inf') return labels;
  const bound = Number(le);
  if (Number.isInteger(bound)) return { ...labels, le: `${bound}.0` };
  const canonical = bound < 1e-4 ? bound.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(bound);
  return { ...labels, le: canonical };
}
