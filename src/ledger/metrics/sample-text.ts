/** Samples as lines of text, as Prometheus writes them: `name{label="value"} 1`. */
import type { Labels, Sample } from './series.ts';

/** `name`: the family's. */
export function sampleText(name: string, { metricName = name, labels, value }: Sample): string {
  return `${metricName}${labelText(labels)} ${valueText(value)}`;
}

/** Labels in braces; empty without any. */
export function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(String(value))}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** A number as Prometheus' formats have it. */
export function valueText(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return Number.isNaN(value) ? 'NaN' : String(value);
}

/** A help text in the text format. */
export function escapeHelp(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

/** The value of a label, and a help text in OpenMetrics. */
export function escapeValue(text: string): string {
  return escapeHelp(text).replace(/"/g, '\\"');
}
