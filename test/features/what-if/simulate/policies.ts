/**
 * The simulator's contestants. The names are those of bench/overload/contestants.ts, so that a simulated table stands
 * beside a measured one.
 */
import type { SchedulerOptions } from '../../../../src/scheduler/scheduler-options.ts';

export interface Policy {
  readonly name: string;
  /** The differences from the server's defaults. */
  readonly options: Partial<SchedulerOptions>;
}

const GREEDY = { kind: 'greedy' } as const;

export const POLICIES: readonly Policy[] = [
  { name: 'pillion', options: {} },
  { name: 'greedy', options: { ...GREEDY, maxEnqueuedBatches: 100 } },
  { name: 'no-batching', options: { ...GREEDY, maxBatchSize: 1 } },
  { name: 'queue-10', options: { ...GREEDY, maxEnqueuedBatches: 10 } },
  { name: 'queue-2', options: { ...GREEDY, maxEnqueuedBatches: 2 } },
  { name: 'queue-1', options: { ...GREEDY, maxEnqueuedBatches: 1 } },
  { name: 'queue-3', options: { ...GREEDY, maxEnqueuedBatches: 3 } },
  { name: 'queue-4', options: { ...GREEDY, maxEnqueuedBatches: 4 } },
  { name: 'queue-timeout', options: { ...GREEDY, maxEnqueuedBatches: 1_000_000 } },
  { name: 'edf', options: { kind: 'edf', maxEnqueuedBatches: 1_000_000 } },
];
