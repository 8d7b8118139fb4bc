/**
 * The record of a request that goes to the application behind this server: who asked what, when it was sent on, when its
 * answer began, how it ended. Metrics, spans, the log and the access log are made from it at its end.
 *
 *   begin ──▶ sent ──▶ connected ──▶ onHead ──▶ over        sent again: `sent` once more
 *     └───────────┴──────────────┴───────────────────────▶ over        on every path, and the first counts
 */
import type { Instant } from '../../../core/clock.ts';
import { GrpcStatus, isGrpcServerFault, type ServingError } from '../../../core/errors.ts';
import type { CallerTrace, ClientFacts, RequestOutcome } from '../../../ledger/request-record.ts';
import type { TraceContext } from '../../../ledger/tracing/trace-context.ts';
import type { AppAddress } from '../app/app-address.ts';
import { type GrpcEnd, statusWithoutOne } from '../heads/grpc-answer.ts';

/**
 * The kind of traffic: a closed set. `upgrade`: it asks for another protocol; `sse`: its answer is a stream of
 * events, which ends when somebody has had enough.
 */
export type FrontedRoute = 'http' | 'sse' | 'grpc' | 'upgrade';

/**
 * How it ended: a closed set. `ok`: the whole answer went to the client, whatever its status of HTTP; `app_error`: it
 * has a status of gRPC that is a server's fault; `no_grpc_status`: it is of a call of gRPC and has no status that can be
 * read; `upgraded`: its tunnel has ended; `client_stalled`: it took too little of its answer, and was cut off; `app_cut`:
 * the application broke off within its answer; else the kind of the error that the client got.
 */
export type FrontedOutcome =
  | RequestOutcome
  | 'upgraded'
  | 'client_left'
  | 'client_stalled'
  | 'app_cut'
  | 'app_error'
  | 'no_grpc_status';

/** The facts of a request that its head gives. */
export interface FrontedArrival {
  readonly app: AppAddress;
  readonly route: FrontedRoute;
  readonly method: string;
  /** A path and query, or `*`. */
  readonly target: string;
  /** The version of HTTP that the client speaks: '1.1'. */
  readonly protocol: string;
  readonly isTls: boolean;
  /** 'host:port' or 'unix'. */
  readonly peer: string;
  /** Absent: the peer is no proxy that is trusted to say for whom it asks. */
  readonly client?: ClientFacts | undefined;
  /** Its `x-request-id`; undefined = one is made. */
  readonly callerId: string | undefined;
  readonly callerTrace: CallerTrace | undefined;
  readonly userAgent: string | undefined;
  /** The request's authority. */
  readonly host: string | undefined;
}

/** The owner of a record, which gives it the time and takes it when the request has ended: FrontedTelemetry. */
export interface RecordKeeper {
  now(): Instant;
  end(record: FrontedRecord): void;
}

export interface FrontedIds {
  readonly id: string;
  /** The context of the server's span; the caller's own context where no spans are made. */
  readonly trace: TraceContext | undefined;
  /** The context of the span of the request that is sent on; undefined where no spans are made. */
  readonly sentTrace: TraceContext | undefined;
}

/** Event streams are known by their answers alone. */
const EVENT_STREAM = 'text/event-stream';

export class FrontedRecord {
  readonly arrival: FrontedArrival;
  readonly id: string;
  readonly trace: TraceContext | undefined;
  readonly sentTrace: TraceContext | undefined;
  readonly receivedAt: Instant;
  route: FrontedRoute;
  /** These four are 0 until reached. */
  sentAt: Instant = 0;
  connectedAt: Instant = 0;
  headAt: Instant = 0;
  endedAt: Instant = 0;
  /** How often it was sent. */
  sends = 0;
  /** The version of HTTP that the application is spoken to in; '' until then. */
  sentProtocol = '';
  /** The status of the answer that the client got; 0 = none. */
  status = 0;
  /** The bytes of the bodies, or those that went through a tunnel. */
  requestBytes = 0;
  responseBytes = 0;
  outcome: FrontedOutcome = 'ok';
  /** A call's, as its client reads it: 0 to 16. Undefined of other requests, and until it is known. */
  grpcStatus: number | undefined;
  /** The application's `grpc-message`, percent-encoded. */
  grpcMessage: string | undefined;
  /** A call's method by the rules of GrpcMethods; undefined of other requests, and until it is over. */
  rpcMethod: string | undefined;
  error: ServingError | undefined;
  readonly #keeper: RecordKeeper;

  constructor(arrival: FrontedArrival, { id, trace, sentTrace }: FrontedIds, keeper: RecordKeeper) {
    this.arrival = arrival;
    this.route = arrival.route;
    this.id = id;
    this.trace = trace;
    this.sentTrace = sentTrace;
    this.#keeper = keeper;
    this.receivedAt = keeper.now();
  }

  get isOver(): boolean {
    return this.endedAt !== 0;
  }

  /** The path without the query, which may hold what is nobody else's business. */
  get path(): string {
    const { target } = this.arrival;
    const end = target.search(/[?#]/);
    return end === -1 ? target : target.slice(0, end);
  }

  /** It is sent to the application, for the first time or again, in this version of HTTP. */
  sent(httpVersion: string): void {
    this.sentProtocol = httpVersion;
    this.sends += 1;
    if (this.sentAt === 0) this.sentAt = this.#keeper.now();
  }

  /** It has a connection to the application, which is made. */
  connected(): void {
    this.connectedAt = this.#keeper.now();
  }

  /** The head of the application's answer has come. */
  onHead(status: number, contentType?: string): void {
    this.status = status;
    this.headAt = this.#keeper.now();
    if (this.route === 'http' && contentType?.toLowerCase().startsWith(EVENT_STREAM) === true) this.route = 'sse';
  }

  /** The end of the application's answer to a call of gRPC has come. */
  onGrpcEnd({ status, message }: GrpcEnd): void {
    this.grpcStatus = status;
    this.grpcMessage = message;
  }

  /** It has ended; `error`: what the client is told in place of an answer. Only the first call counts. */
  over(outcome: FrontedOutcome, error?: ServingError): void {
    if (this.isOver) return;
    this.endedAt = this.#keeper.now();
    this.outcome = this.route === 'grpc' ? this.#endCall(outcome, error) : outcome;
    this.error = error;
    if (this.status === 0 && error !== undefined) this.status = error.row.http;
    this.#keeper.end(this);
  }

  #endCall(outcome: FrontedOutcome, error: ServingError | undefined): FrontedOutcome {
    if (outcome !== 'ok') {
      this.grpcStatus = error?.row.grpc ?? GrpcStatus.CANCELLED;
      return outcome;
    }
    if (this.grpcStatus !== undefined) return isGrpcServerFault(this.grpcStatus) ? 'app_error' : 'ok';
    this.grpcStatus = statusWithoutOne(this.status);
    return 'no_grpc_status';
  }
}
