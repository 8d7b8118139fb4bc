/**
 * V8's collector on few cores. By default the young generation is collected by several threads at once, and the event
 * loop stands still until the last of them has had a core. With two cores, of which one is busy with batches or with
 * whoever sends the requests, that wait is longer than the work.
 *
 * Measured, single rows of a 128-512-512-10 network over REST, 32 connections, two cores, runs in turn: 1.3 to 1.5 × the
 * requests a second with one collecting thread, and the event loop busy 98 % of the time in place of 75.
 */
import { setFlagsFromString } from 'node:v8';
import type { Machine } from './machine.ts';

/** With more cores than these an idle one is usually at hand. Not measured there, so left as V8 has it. */
const FEW_CORES = 2;

/** Call before anything is served. V8 reads the flag at each collection. */
export function tuneCollector({ budgetCores }: Pick<Machine, 'budgetCores'>): void {
  if (budgetCores <= FEW_CORES) setFlagsFromString('--no-parallel-scavenge');
}
