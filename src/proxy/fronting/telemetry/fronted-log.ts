/**
 * Logs one line for each request for the application that did not end well: at warn if the application or this server
 * is at fault, at info if the client is, by the rules of RequestLog. What ended well, and whose client left, has a line at
 * debug. A status of the application's own says nothing of how its request ended: 500 is an answer, and so is INTERNAL.
 */
import type { Clock } from '../../../core/clock.ts';
import { clip } from '../../../ledger/caller-text.ts';
import { LineLimiter } from '../../../ledger/log/line-limiter.ts';
import type { LogFields, Logger } from '../../../ledger/log/log.ts';
import { LINES_PER_SECOND } from '../../../ledger/log/request-log.ts';
import { isServerFault, type RequestOutcome } from '../../../ledger/request-record.ts';
import type { TraceContext } from '../../../ledger/tracing/trace-context.ts';
import type { FrontedOutcome, FrontedRecord } from './fronted-record.ts';

export interface FrontedLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** The URL of the page that shows a request's trace; undefined if there is none. */
  readonly traceUrl: (trace: TraceContext | undefined, kept: undefined) => string | undefined;
}

export class FrontedLog {
  readonly #logger: Logger;
  readonly #traceUrl: FrontedLogOptions['traceUrl'];
  readonly #limiter: LineLimiter;

  constructor({ logger, clock, traceUrl }: FrontedLogOptions) {
    this.#logger = logger;
    this.#traceUrl = traceUrl;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 1000,
      linesPerWindow: LINES_PER_SECOND,
      onSuppressed: (outcome, lines) =>
        logger.warn(
          { outcome, lines },
          'more requests for the application failed alike in the last second; their lines are left out',
        ),
    });
  }

  write(record: FrontedRecord): void {
    const { outcome, error } = record;
    const level = levelOf(outcome);
    if (!this.#logger.isLevelEnabled(level)) return;
    if (level === 'debug') this.#logger.debug(this.#fieldsOf(record), 'request for the application');
    else if (this.#limiter.allow(outcome)) {
      this.#logger[level](this.#fieldsOf(record), clip(error?.message ?? textOf(outcome)));
    }
  }

  /** Reports the lines suppressed so far. */
  close(): void {
    this.#limiter.close();
  }

  #fieldsOf(record: FrontedRecord): LogFields {
    const trace_url = this.#traceUrl(record.trace, undefined);
    return trace_url === undefined ? fieldsOf(record) : { ...fieldsOf(record), trace_url };
  }
}

/** The outcomes that are told at debug: an answer is one, whatever its status. */
const ENDED: ReadonlySet<FrontedOutcome> = new Set(['ok', 'upgraded', 'client_left', 'app_error']);

function levelOf(outcome: FrontedOutcome): 'debug' | 'info' | 'warn' {
  if (outcome === 'app_cut' || outcome === 'no_grpc_status') return 'warn';
  if (outcome === 'client_stalled') return 'info';
  return ENDED.has(outcome) ? 'debug' : isServerFault(outcome as RequestOutcome) ? 'warn' : 'info';
}

/** The text of an outcome that has no error of this server's. */
function textOf(outcome: FrontedOutcome): string {
  if (outcome !== 'no_grpc_status') return 'the application broke off within its answer';
  return 'the application answered a call of gRPC without one grpc-status that is a number: does a proxy or a server of HTTP stand at its address?';
}

function fieldsOf(record: FrontedRecord): LogFields {
  const { arrival, trace, status, grpcStatus, outcome, receivedAt, endedAt } = record;
  return {
    request_id: clip(record.id),
    ...(trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }),
    surface: 'app',
    method: clip(arrival.method),
    path: clip(record.path),
    outcome,
    ...(status === 0 ? {} : { status }),
    ...(grpcStatus === undefined ? {} : { grpc_status: grpcStatus }),
    ms: Math.round((endedAt - receivedAt) * 1000) / 1000,
    peer: clip(arrival.peer),
    ...(arrival.client?.address === undefined ? {} : { client: arrival.client.address }),
  };
}
