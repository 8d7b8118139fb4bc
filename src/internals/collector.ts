/**
 * V8's garbage collector, set for objects that die with their request (docs/adr/0009, 0025).
 *
 * - No pretenuring. While the young generation is still small, a burst of requests outlives its collections. V8 then
 *   allocates such objects in the old generation, where each keeps alive the young objects that it points to.
 * - One collecting thread where cores are few. With several threads the event loop stands still until the last of them
 *   has had a core; where one of two cores is busy, that wait is longer than the work.
 * - Room for moved buffers. Batches of large tensors are moved to a worker's thread and back. V8 takes their return for
 *   growth, and would collect the whole heap many times a second.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The most cores for which V8's default is changed: if there are more, one is usually idle. */
const FEW_CORES = 2;

/** Growth before the whole heap is collected again: room for two batches of large images. */
const HEAP_GROWTH_PERCENT = 150;

/** Call before anything is served. V8 reads these flags while it runs. */
export function tuneCollector({ budgetCores }: { readonly budgetCores: number }): void {
  for (const flag of collectorFlags(budgetCores)) setFlagsFromString(flag);
}

/** V8 ignores a flag that it does not know, with a line on standard error. */
export function collectorFlags(budgetCores: number): readonly string[] {
  const flags = ['--no-allocation-site-pretenuring', `--heap-growing-percent=${HEAP_GROWTH_PERCENT}`];
  return budgetCores <= FEW_CORES ? [...flags, '--no-parallel-scavenge'] : flags;
}

let collect: (() => void) | undefined;

/**
 * Collects the whole heap now, which stops the thread for some ten ms. V8 has no other way to be asked. It frees the
 * memory of Buffers that nobody refers to any more; what that gives back to the system is up to malloc (bin/pillion).
 */
export function collectGarbage(): void {
  collect ??= findCollect();
  collect();
}

/** Only a context that is made while the flag is set has the function. */
function findCollect(): () => void {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('globalThis.gc') as (() => void) | undefined;
  setFlagsFromString('--no-expose-gc');
  return found ?? (() => undefined);
}
