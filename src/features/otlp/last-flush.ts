/** The end of the server waits for its collectors, but not for long: whoever ends it kills it soon. */
import type { Clock } from '../../core/clock.ts';

/** The most time for the last spans and metrics, which are sent at one time. The log's last lines come after it. */
export const LAST_FLUSH_MS = 700;

/** Resolves when `work` ends, at the latest after LAST_FLUSH_MS: with undefined, or with the reason why it failed. */
export function lastFlush(clock: Clock, work: () => Promise<unknown>): Promise<unknown> {
  // Our clock's timers hold no process open; the exporter's sockets do while it sends.
  return new Promise<unknown>((resolve) => {
    const late = (): void => resolve(new Error(`the collector did not take them within ${LAST_FLUSH_MS} ms`));
    const timer = clock.setTimer(clock.nowMs() + LAST_FLUSH_MS, late);
    const settle = (reason?: unknown): void => {
      timer.cancel();
      resolve(reason);
    };
    work().then(() => settle(), settle);
  });
}
