import type { Instant } from '../core/clock.ts';
import type { ClientFacts } from './request-record.ts';
import type { TraceContext } from './tracing/trace-context.ts';

/** A request that has ended, and that this server did not answer itself, but passed on to another. */
export interface ForwardedRecord {
  readonly id: string;
  /** The context of the server's span; the caller's own where no spans are made. */
  readonly trace: TraceContext | undefined;
  readonly arrival: {
    /** 'host:port' or 'unix'. */
    readonly peer: string;
    readonly client?: ClientFacts | undefined;
    readonly method: string;
    /** The version of HTTP that the client speaks: '1.1'. */
    readonly protocol: string;
    readonly userAgent: string | undefined;
  };
  /** The kind of traffic: a closed set, such as 'http', 'sse', 'grpc'. */
  readonly route: string;
  /** The path without the query. */
  readonly path: string;
  /** The status that the client got; 0 = it got none. */
  readonly status: number;
  /** How a call of gRPC ended, as its client reads it: 0 to 16; undefined of other requests. */
  readonly grpcStatus: number | undefined;
  /** 'ok', or how it ended otherwise: a closed set. */
  readonly outcome: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly receivedAt: Instant;
  /** The head of the answer came; 0 = it did not. */
  readonly headAt: Instant;
  readonly endedAt: Instant;
}
