/** Decides which requests go before all that wait, because of their callers. */
import type { Instant } from '../../core/clock.ts';
import type { CallerTable } from './caller-table.ts';
import type { Holding, Holdings } from './holdings.ts';

interface CallersFacts {
  readonly queue: { readonly holdings: Holdings };
  readonly slots: { readonly callers: CallerTable; readonly total: number };
}

/** `rows` more of a caller that is sparse beside a crowd, or light beside one that takes most of the cores. */
export function goesFirst(
  { queue, slots }: CallersFacts,
  holding: Holding,
  rows: number,
  maxBatchSize: number,
  now: Instant,
): boolean {
  if (queue.holdings.isSparse(holding, rows, maxBatchSize)) return true;
  return holding.rows + rows <= maxBatchSize && slots.callers.isLight(holding.use, slots.total, now);
}
