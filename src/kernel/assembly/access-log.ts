/** The access log that `--access_log` asks for. */
import { systemClock } from '../../core/clock.ts';
import { AccessLog } from '../../telemetry/log/access-log.ts';
import { LineLimiter } from '../../telemetry/log/line-limiter.ts';
import type { Logger } from '../../telemetry/log/log.ts';
import type { AppTelemetry } from '../../telemetry/telemetry.ts';

/** While a disk is full, every turn of the event loop tries again. */
const ERROR_WINDOW_MS = 60_000;

/** Undefined if `to` is empty. Throws if its file cannot be opened. */
export function createAccessLog(to: string, telemetry: AppTelemetry, logger: Logger): AccessLog | undefined {
  if (to === '') return undefined;
  const log = openAccessLog(to, logger);
  telemetry.listen(log);
  const help = 'Lines of the access log that were dropped since the start because nobody took them.';
  telemetry.metrics.gauges.observeCount('pillion_access_log_lost_lines_total', help, () => log.lostLines);
  return log;
}

function openAccessLog(to: string, logger: Logger): AccessLog {
  const fields = { event: 'access_log' };
  const errors = new LineLimiter({
    clock: systemClock,
    windowMs: ERROR_WINDOW_MS,
    linesPerWindow: 1,
    onSuppressed: (_, lines) => logger.error({ ...fields, lines }, 'the access log could still not be written'),
  });
  try {
    return new AccessLog({
      to,
      clock: systemClock,
      onError: (error) => {
        if (errors.allow('error')) logger.error({ ...fields, err: error }, 'the access log cannot be written');
      },
      onLost: (lines) =>
        logger.warn({ event: 'access_log_lines_lost', lines }, 'lines of the access log were lost: nobody took them'),
    });
  } catch (error) {
    const text = `--access_log=${to}: ${(error as Error).message}; name a file, not a link, that can be written, or stdout`;
    throw new Error(text, { cause: error });
  }
}
