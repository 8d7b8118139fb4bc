/**
 * Logs one line for each request: at debug if it succeeded, at info if the caller was at fault, at warn if the server
 * was, at error for a defect (kind `internal`, whose cause appears nowhere else).
 *
 * Each kind of failure has at most LINES_PER_SECOND lines; one more has the number of the rest. Lines have ids, names
 * and numbers, never payloads.
 */
import type { Clock } from '../../core/clock.ts';
import { clip } from '../caller-text.ts';
import { isServerFault, type KeepReason, type RequestRecord } from '../request-record.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import { LineLimiter } from './line-limiter.ts';
import type { LogFields, Logger } from './log.ts';

/** Lines a second for each kind of failure. */
export const LINES_PER_SECOND = 10;

export interface RequestLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** The URL of the page that shows a request's trace; undefined if there is none. Absent = no line has a link. */
  readonly traceUrl?: (trace: TraceContext | undefined, kept: KeepReason | undefined) => string | undefined;
}

export class RequestLog {
  readonly #logger: Logger;
  readonly #traceUrl: NonNullable<RequestLogOptions['traceUrl']>;
  readonly #limiter: LineLimiter;

  constructor({ logger, clock, traceUrl = () => undefined }: RequestLogOptions) {
    this.#logger = logger;
    this.#traceUrl = traceUrl;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 1000,
      linesPerWindow: LINES_PER_SECOND,
      onSuppressed: (outcome, lines) =>
        logger.warn({ outcome, lines }, 'more requests failed alike in the last second; their lines are left out'),
    });
  }

  /** `kept`: why it is kept; undefined = an ordinary request. */
  write(record: RequestRecord, kept?: KeepReason): void {
    const { outcome } = record;
    if (outcome === 'ok') {
      if (this.#logger.isLevelEnabled('debug')) this.#logger.debug(this.#fieldsOf(record, kept), 'request served');
      return;
    }
    const level = outcome === 'internal' ? 'error' : isServerFault(outcome) ? 'warn' : 'info';
    if (!this.#logger.isLevelEnabled(level) || !this.#limiter.allow(outcome)) return;
    this.#logger[level](this.#fieldsOf(record, kept), clip(record.error?.message ?? 'request failed'));
  }

  /** Reports the lines suppressed so far. */
  close(): void {
    this.#limiter.close();
  }

  #fieldsOf(record: RequestRecord, kept: KeepReason | undefined): LogFields {
    const trace_url = this.#traceUrl(record.trace, kept);
    return trace_url === undefined ? fieldsOf(record) : { ...fieldsOf(record), trace_url };
  }
}

function fieldsOf(record: RequestRecord): LogFields {
  const { stages, trace, error } = record;
  return {
    request_id: clip(record.id),
    ...(trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }),
    surface: record.surface,
    method: record.method,
    ...(record.model !== '' && { model: record.model }),
    ...(record.version !== '' && { version: record.version }),
    ...(record.fallback === undefined ? {} : { asked: record.fallback.asked, fallback: record.fallback.reason }),
    outcome: record.outcome,
    stage: stages.reached,
    ms: Math.round((stages.finishedAt - stages.startedAt) * 1000) / 1000,
    ...(record.rows > 0 ? { rows: record.rows } : {}),
    ...(record.peer === '' ? {} : { peer: clip(record.peer) }),
    ...(record.client?.address === undefined ? {} : { client: record.client.address }),
    ...(error?.cause === undefined ? {} : { err: error.cause }),
  };
}
