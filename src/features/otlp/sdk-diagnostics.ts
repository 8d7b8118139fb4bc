/**
 * Writes the diagnostics of OpenTelemetry's SDK and transports to the log. While a collector is away they repeat with
 * each export. OpenTelemetry makes them global: they go to the logger that was given last.
 */
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import type { Clock } from '../../core/clock.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { Logger } from '../../ledger/log/log.ts';

export interface DiagnosticsOptions {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Logs diagnostics from now on, at most five lines a minute. */
export function startDiagnostics(options: DiagnosticsOptions): { close(): void } {
  const diagnostics = new LimitedDiagnostics(options);
  diag.setLogger(diagnostics, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  return diagnostics;
}

class LimitedDiagnostics implements DiagLogger {
  readonly #logger: Logger;
  readonly #limiter: LineLimiter;

  constructor({ logger, clock }: DiagnosticsOptions) {
    this.#logger = logger.child({ component: 'opentelemetry' });
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 60_000,
      linesPerWindow: 5,
      onSuppressed: (_key, lines) => this.#logger.warn({ lines }, 'more of the same in the last minute'),
    });
  }

  error(message: string): void {
    if (this.#limiter.allow('diagnostics')) this.#logger.warn({}, message);
  }

  warn(message: string): void {
    this.error(message);
  }

  info(message: string): void {
    this.#logger.debug({}, message);
  }

  debug(message: string): void {
    this.#logger.debug({}, message);
  }

  verbose(message: string): void {
    this.#logger.debug({}, message);
  }

  close(): void {
    this.#limiter.close();
  }
}
