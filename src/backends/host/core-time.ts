import { coreUse } from '../../config/machine/thread-demand.ts';
import { type Clock, systemClock } from '../../core/clock.ts';

/**
 * Begins to measure what the calling thread needs; the function that it returns says how many ms that were until then:
 * the time, less that in which the thread could have run and other threads had the cores. So a start on a busy machine
 * does not make a model look slow. Where the kernel does not count waits (it is not Linux), it is the time alone.
 */
export function startCoreTimer(
  clock: Pick<Clock, 'nowMs'> = systemClock,
  waitedMs: () => number = waitedForCoreMs,
): () => number {
  const [startedAt, waitedBefore] = [clock.nowMs(), waitedMs()];
  return () => Math.max(0, clock.nowMs() - startedAt - (waitedMs() - waitedBefore));
}

/** The time that the calling thread has waited since its start. */
function waitedForCoreMs(): number {
  return (coreUse('thread-self')?.waitedNs ?? 0) / 1e6;
}
