/**
 * V8's collector, set for what this process makes: objects that die with their request.
 *
 * - Pretenuring off. While the young generation is still small, a burst of requests outlives its collections; V8 takes
 *   that for a habit and makes such objects in the old generation from then on, where each keeps whatever it points to
 *   from the young one's collector.
 * - One collecting thread where cores are few. By default several collect the young generation at once, and the event
 *   loop stands still until the last of them has had a core: with two cores, of which one is busy with batches or with
 *   whoever sends the requests, that wait is longer than the work.
 * - Room for what travels. Batches of large tensors are moved to a worker's thread and back: V8 sees this thread's memory
 *   fall and rise by them, and takes the rise for growth. By default it collects the whole heap when that, with the
 *   heap, comes to about twice the heap of some 20 MB: with images of 600 KB up to 25 times a second. Two and a half times
 *   the heap leaves room for two batches of them.
 *
 * Measured, single rows of a 128-512-512-10 network over REST, 32 connections, two cores, runs in turn, requests a
 * second: one thread 1.3 to 1.5 x of V8's default, and without pretenuring 1.13 x of that. Images of 602 KB over gRPC, four
 * starts of each: 1.31 x of those without the room.
 */
import { setFlagsFromString } from 'node:v8';
import type { Machine } from './machine.ts';

/** With more cores than these an idle one is usually at hand. Not measured there, so left as V8 has it. */
const FEW_CORES = 2;

/** Before the whole heap is collected again. */
const HEAP_GROWTH_PERCENT = 150;

/** Call before anything is served. V8 looks at these flags as it goes. */
export function tuneCollector({ budgetCores }: Pick<Machine, 'budgetCores'>): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  if (budgetCores <= FEW_CORES) setFlagsFromString('--no-parallel-scavenge');
}
