/** The last spans leave, or are given up. */
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../log/log.ts';

/** How long a shutdown waits for the last spans to be taken. */
const SHUTDOWN_TIMEOUT_MS = 5000;

/** Resolves when `sent` has settled, or after 5 s; what was lost is told in the log. Never rejects. */
export async function waitForLastSpans(sent: Promise<void>, clock: Clock, logger: Logger): Promise<void> {
  // Our clock's timers hold no process open; the exporter's sockets do while it sends.
  const outcome = await new Promise<unknown>((resolve) => {
    const timer = clock.setTimer(clock.nowMs() + SHUTDOWN_TIMEOUT_MS, () =>
      resolve(new Error(`the collector did not take them within ${SHUTDOWN_TIMEOUT_MS} ms`)),
    );
    const settle = (error?: unknown): void => {
      timer.cancel();
      resolve(error);
    };
    sent.then(() => settle(), settle);
  });
  if (outcome !== undefined) logger.warn({ err: outcome }, 'the last spans were lost');
}
