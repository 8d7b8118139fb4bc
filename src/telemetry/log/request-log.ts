/**
 * A line for each request: at debug where it went well, at info where the caller is to blame, at warn where the server
 * is, at error where it was a defect of ours (kind `internal`: the cause is told here and nowhere else).
 *
 * Failures of one kind are held to LINES_PER_SECOND; the rest of a second's are one line with their number. Never
 * payloads: ids, names and numbers only.
 */
import type { Clock } from '../../core/clock.ts';
import type { RequestRecord } from '../request-record.ts';
import { clip, isServerFault } from '../tracing/span-attributes.ts';
import { LineLimiter } from './line-limiter.ts';
import type { LogFields, Logger } from './log.ts';

/** Of each kind of failure. */
export const LINES_PER_SECOND = 10;

type RequestLevel = 'debug' | 'info' | 'warn' | 'error';

export interface RequestLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
}

export class RequestLog {
  readonly #logger: Logger;
  readonly #limiter: LineLimiter;

  constructor({ logger, clock }: RequestLogOptions) {
    this.#logger = logger;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 1000,
      linesPerWindow: LINES_PER_SECOND,
      onSuppressed: (outcome, lines) =>
        logger.warn({ outcome, lines }, 'more requests failed alike in the last second; their lines are left out'),
    });
  }

  write(record: RequestRecord): void {
    const level = levelOf(record);
    if (!this.#logger.isLevelEnabled(level)) return;
    if (record.outcome === 'ok') this.#logger.debug(fieldsOf(record), 'request served');
    else if (this.#limiter.allow(record.outcome)) {
      this.#logger[level](fieldsOf(record), clip(record.error?.message ?? 'request failed'));
    }
  }

  /** Tells what was held back so far. */
  close(): void {
    this.#limiter.close();
  }
}

function levelOf({ outcome }: RequestRecord): RequestLevel {
  if (outcome === 'ok') return 'debug';
  if (outcome === 'internal') return 'error';
  return isServerFault(outcome) ? 'warn' : 'info';
}

function fieldsOf(record: RequestRecord): LogFields {
  const { stages, trace, error } = record;
  return {
    request_id: clip(record.id),
    ...(trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }),
    surface: record.surface,
    method: record.method,
    ...(record.model === '' ? {} : { model: record.model, version: record.version }),
    ...(record.fallback === undefined ? {} : { asked: record.fallback.asked, fallback: record.fallback.reason }),
    outcome: record.outcome,
    stage: stages.reached,
    ms: Math.round((stages.finishedAt - stages.startedAt) * 1000) / 1000,
    ...(record.rows > 0 ? { rows: record.rows } : {}),
    ...(record.peer === '' ? {} : { peer: clip(record.peer) }),
    ...(error?.cause === undefined ? {} : { err: error.cause }),
  };
}
