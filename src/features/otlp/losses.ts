import type { Registry } from '../../ledger/metrics/registry.ts';
import type { LostSpansListener } from './tracing-options.ts';

/** Counts lost spans in pillion_lost_spans_total, by why they were lost. */
export function lostSpansCounter(registry: Registry): LostSpansListener {
  const family = registry.counter(
    'pillion_lost_spans_total',
    'Spans that were lost on their way to the collector: too many waited, or it did not take them.',
  );
  const series = {
    queue_full: family.open({ reason: 'queue_full' }),
    export_failed: family.open({ reason: 'export_failed' }),
  };
  return (count, why) => series[why].add(count);
}
