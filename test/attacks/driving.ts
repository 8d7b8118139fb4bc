/** What the drivers of attacks have in common: counting, and coming to an end. */
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** What happened, by name. */
export type Counts = Record<string, number>;

export function count(counts: Counts, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

/** Aborts after `seconds`, or with `signal`. */
export function until(seconds: number, signal: AbortSignal): AbortSignal {
  const end = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  // One for each connection that waits for it.
  setMaxListeners(0, end, signal);
  return end;
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
