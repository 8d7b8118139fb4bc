/**
 * How large the batches were that Pillion formed, from its own metrics: what the runtime's own loop is measured with.
 */
import { parseMetrics } from '../../src/cli/prometheus-text.ts';
import { DEFAULT_METRICS_PATH } from '../../src/core/metrics-path.ts';

/** Counts since the server's start. */
export interface BatchCounts {
  readonly rows: number;
  readonly batches: number;
}

/** `origin` of its REST surface. Counts all models: a contestant has one. */
export async function readBatchCounts(origin: string): Promise<BatchCounts> {
  const samples = parseMetrics(await (await fetch(origin + DEFAULT_METRICS_PATH)).text());
  const sumOf = (name: string): number => (samples.get(name) ?? []).reduce((sum, { value }) => sum + value, 0);
  return { rows: sumOf('pillion_batch_size_sum'), batches: sumOf('pillion_batch_size_count') };
}

/** Rows of a batch, in the mean, between two readings. Throws if there was none. */
export function meanBatch(before: BatchCounts, after: BatchCounts): number {
  const batches = after.batches - before.batches;
  if (batches === 0) throw new Error('no batch was run');
  return (after.rows - before.rows) / batches;
}
