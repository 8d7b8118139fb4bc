/**
 * The time that the first thread of a process, its event loop, had on the cores and waited for them: from Linux's
 * /proc/PID/schedstat.
 */
import { readFileSync } from 'node:fs';

/** Microseconds. */
export interface CoreUse {
  readonly ran: number;
  /** Time in which the thread was ready to run while others had the cores. */
  readonly waited: number;
}

export function coreUseOf(pid: number): CoreUse {
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number) as [number, number];
  return { ran: ran / 1000, waited: waited / 1000 };
}

/** The use for each of `count` requests. */
export function usedSince(before: CoreUse, now: CoreUse, count: number): CoreUse {
  return { ran: (now.ran - before.ran) / count, waited: (now.waited - before.waited) / count };
}
