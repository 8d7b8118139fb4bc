import { coreUse } from '../../config/machine/thread-demand.ts';
import { type Clock, systemClock } from '../../core/clock.ts';

/**
 * Begins to measure what the calling thread needs; the function that it returns says how many ms that were until then:
 * the time, less that in which the thread could have run and other threads had the cores. So a busy machine does not
 * make a run look slow. Where the kernel does not count waits (it is not Linux), it is the time alone.
 */
export function startCoreTimer(
  clock: Pick<Clock, 'nowMs'> = systemClock,
  waitedMs: () => number = waitedForCoreMs,
): () => number {
  const [startedAt, waitedBefore] = [clock.nowMs(), waitedMs()];
  return () => Math.max(0, clock.nowMs() - startedAt - (waitedMs() - waitedBefore));
}

/**
 * Likewise, for how many ms the calling thread has computed, to a tick of the kernel (some ms). It also leaves out the time
 * in which the thread sleeps until another one, which may wait for a core, has read a file for it. Where the kernel does
 * not count, it is the time alone.
 */
export function startCpuTimer(
  clock: Pick<Clock, 'nowMs'> = systemClock,
  ranMs: () => number | undefined = computedMs,
): () => number {
  const [startedAt, ranBefore] = [clock.nowMs(), ranMs()];
  return () => (ranBefore === undefined ? clock.nowMs() - startedAt : (ranMs() ?? 0) - ranBefore);
}

/** The time that the calling thread has waited since its start. */
function waitedForCoreMs(): number {
  return (coreUse('thread-self')?.waitedNs ?? 0) / 1e6;
}

/** The time that the calling thread has had a core since its start. */
function computedMs(): number | undefined {
  const use = coreUse('thread-self');
  return use && use.ranNs / 1e6;
}
