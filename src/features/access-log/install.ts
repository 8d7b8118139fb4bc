/** The access log that `--access_log` asks for. */

import type { Clock } from '../../core/clock.ts';
import type { Installation } from '../../kernel/installation.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { Logger } from '../../ledger/log/log.ts';
import { AccessLog } from './access-log.ts';

/** While a disk is full, every turn of the event loop tries again. */
const ERROR_WINDOW_MS = 60_000;
/** The most time for the last lines, which may have no reader. */
const LAST_LINES_MS = 300;

/** `to`: a file, or stdout. Throws if the file cannot be opened. */
export function installAccessLog(server: Installation, to: string): void {
  const { clock, logger, telemetry } = server;
  const log = openAccessLog(to, clock, logger);
  telemetry.listen(log);
  const help = 'Lines of the access log that were dropped since the start because nobody took them.';
  telemetry.metrics.gauges.observeCount('pillion_access_log_lost_lines_total', help, () => log.lostLines);
  server.service({ reread: () => log.reopen(), close: () => log.close(LAST_LINES_MS) });
}

function openAccessLog(to: string, clock: Clock, logger: Logger): AccessLog {
  const fields = { event: 'access_log' };
  const errors = new LineLimiter({
    clock,
    windowMs: ERROR_WINDOW_MS,
    linesPerWindow: 1,
    onSuppressed: (_, lines) => logger.error({ ...fields, lines }, 'the access log could still not be written'),
  });
  try {
    return new AccessLog({
      to,
      clock,
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
