/**
 * What is written down of one request and of one batch, when they end. Metrics, spans and logs are made of these.
 */
import type { Instant } from '../core/clock.ts';
import type { ErrorKind, ServingError } from '../core/errors.ts';
import type { StageClock } from './stage-clock.ts';
import type { TraceContext } from './trace-context.ts';

/** Which side of the server a request came in on. */
export type Surface = 'grpc' | 'rest';

/** 'ok' or the kind of the error: a closed set, so a metric label. */
export type RequestOutcome = 'ok' | ErrorKind;

/** Why a batch left the queue when it did. */
export type DispatchReason = 'full' | 'slot_free' | 'timeout';

/** One run of a model: a span of its own, linked to each of its members. Instants are monotonic ms. */
export interface BatchRecord {
  readonly model: string;
  readonly version: string;
  readonly signatureName: string;
  /** Requests (or parts of large requests) that ride in it. */
  readonly tasks: number;
  /** Their rows. */
  readonly rows: number;
  /** Rows that the runtime sees: `rows` and padding. */
  readonly size: number;
  readonly reason: DispatchReason;
  /** Start of the copying together; then execute, split, end. The last three are 0 until reached. */
  readonly batchStart: Instant;
  executeStart: Instant;
  splitStart: Instant;
  end: Instant;
  /** The runtime's own start and end inside execute, where the host tells. */
  runStart: Instant | undefined;
  runEnd: Instant | undefined;
  /** How long the run was expected to take when it started, in ms; absent where nothing was known. */
  readonly expectedMs?: number | undefined;
  /** 'ok', or why the run failed. */
  outcome: RequestOutcome;
  /** Trace contexts of the sampled members; the first one's trace holds the batch's span. */
  readonly members: readonly TraceContext[];
  /** The batch's own span in the first sampled member's trace; undefined when no member is sampled. */
  readonly trace: TraceContext | undefined;
}

/** Why another model answers than the one that was asked: `fallback`, it cannot; `degraded`, it has too much to do. */
export type AlternateReason = 'fallback' | 'degraded';

/** A request that another model was given in the place of the one that was asked. */
export interface AlternateRecord {
  /** The configured model that was asked. */
  readonly asked: string;
  readonly reason: AlternateReason;
  /** When it was given to the other one. */
  readonly at: Instant;
}

/** Everything about a finished request. RequestContext (proxy/) is one. */
export interface RequestRecord {
  readonly surface: Surface;
  /** 'Predict', 'GetModelStatus', …: a closed set; 'unknown' for paths that are no method. */
  readonly method: string;
  /** Caller's `x-request-id`, or one of ours. */
  readonly id: string;
  readonly peer: string;
  readonly trace: TraceContext | undefined;
  readonly stages: StageClock;
  readonly deadline: Instant;
  /** Empty until the model was found: a caller cannot create label values. */
  readonly model: string;
  readonly version: string;
  readonly signatureName: string;
  readonly rows: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly outcome: RequestOutcome;
  readonly error: ServingError | undefined;
  /** The batch that the request rode in (the last one, if it was large enough for several). */
  readonly batch: BatchRecord | undefined;
  /** `model` and `version` are those of the one that answered; absent = the one that was asked did. */
  readonly alternate?: AlternateRecord | undefined;
}

/** Where records go. One instance per app: nothing global, so two servers live in one test. */
export interface Telemetry {
  /**
   * The trace context of a new request, given the caller's (from `parseTraceparent` and its kin). Undefined where no
   * exporter is configured and the caller sent none: then no ids are made.
   */
  startTrace(caller: CallerTrace | undefined): TraceContext | undefined;
  /** The context of a batch's span, child of `owner`. */
  startBatchTrace(owner: TraceContext): TraceContext;
  recordRequest(record: RequestRecord): void;
  recordBatch(record: BatchRecord): void;
}

/** What a caller says of its own span. */
export interface CallerTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
  readonly traceState: string | undefined;
}

/** For tests and tools that want no telemetry. */
export const noTelemetry: Telemetry = {
  startTrace: () => undefined,
  startBatchTrace: (owner) => owner,
  recordRequest: () => undefined,
  recordBatch: () => undefined,
};
