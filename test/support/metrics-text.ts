/** Metrics as text, in the form of Prometheus' samples. */
import type { Metrics } from '../../src/ledger/metrics/metrics.ts';
import type { Registry } from '../../src/ledger/metrics/registry.ts';
import { sampleText } from '../../src/ledger/metrics/sample-text.ts';
import type { Exemplar } from '../../src/ledger/metrics/series.ts';

/** `exemplars`: those of histograms' buckets follow on their samples, as in OpenMetrics. */
export async function textOf(of: Metrics | Registry, { exemplars = false } = {}): Promise<string> {
  const snapshots =
    'snapshots' in of ? await of.snapshots() : await Promise.all([...of.families()].map((f) => f.get()));
  const lines = snapshots.flatMap(({ name, help, type, values }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...values.map((sample) => sampleText(name, sample) + (exemplars ? exemplarOf(sample.exemplar) : '')),
  ]);
  return `${lines.join('\n')}\n`;
}

function exemplarOf(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return '';
  const { traceId, value, at } = exemplar;
  return ` # {trace_id="${traceId}"} ${value} ${(at / 1000).toFixed(3)}`;
}
