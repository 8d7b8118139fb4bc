/**
 * What is written down of one request and of one batch, when they end. Metrics, spans and logs are made of these.
 */
import type { Instant } from '../core/clock.ts';
import type { ErrorKind, ServingError } from '../core/errors.ts';
import type { RequestEvent } from './request-event.ts';
import type { StageClock } from './stage-clock.ts';
import type { TraceContext } from './tracing/trace-context.ts';

/** Which side of the server a request came in on. */
export type Surface = 'grpc' | 'rest';

/** 'ok' or the kind of the error: a closed set, so a metric label. */
export type RequestOutcome = 'ok' | ErrorKind;

/** Why a batch left the queue when it did; `isolation`: it is a part of one that failed, run again. */
export type DispatchReason = 'full' | 'slot_free' | 'timeout' | 'isolation';

/** What became of the members of a batch that failed, where one of them may be at fault for it. */
export type IsolationResult = 'run_again' | 'no_budget';

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
  /** Trace contexts of the members that have spans: sampled or, from their end on, kept. */
  members: readonly TraceContext[];
  /** The batch's own span, in the trace of the first of `members`; undefined while there is none. */
  trace: TraceContext | undefined;
  /** Ids of its requests; gathered only from when one of them is kept (recorder/flight-recorder.ts). */
  memberIds: string[] | undefined;
  /** Absent = its run did not fail, or not for its inputs. */
  isolation?: IsolationResult | undefined;
}

/** A request was run again, apart from others, because the batch that it rode in failed. */
export interface IsolationRecord {
  /** When that batch failed, and how. */
  readonly at: Instant;
  readonly kind: ErrorKind;
  /** Requests, or parts of large ones, that were in it. */
  readonly tasks: number;
}

/** Why another model answers than the one that was asked: `fallback`, it cannot; `degraded`, it has too much to do. */
export type FallbackReason = 'fallback' | 'degraded';

/** A request that another model was given in the place of the one that was asked. */
export interface FallbackRecord {
  /** The configured model that was asked. */
  readonly asked: string;
  readonly reason: FallbackReason;
  /** When it was given to the other one. */
  readonly at: Instant;
}

/** Everything about a finished request. RequestContext (proxy/) is one. */
export interface RequestRecord {
  readonly surface: Surface;
  /** 'Predict', 'GetModelStatus', …: a closed set; 'unknown' for paths that are no method. */
  readonly method: string;
  /** `requestId` of the next two. */
  readonly id: string;
  /** Caller's `x-request-id`, if it sent one. */
  readonly callerId: string | undefined;
  /** Counts the requests of the process. */
  readonly sequence: number;
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
  /** What happened on the way that is no stage; absent = nothing. */
  readonly events?: readonly RequestEvent[] | undefined;
  /** `model` and `version` are those of the one that answered; absent = the one that was asked did. */
  readonly fallback?: FallbackRecord | undefined;
  /** Absent = it was not. Of several times, the first. */
  readonly isolation?: IsolationRecord | undefined;
}

/** A request's id: the caller's or, where it has none, one of ours, unique in the process. */
export function requestId(callerId: string | undefined, sequence: number): string {
  return callerId ?? sequence.toString(36);
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
  readonly baggage?: string | undefined;
}

/** For tests and tools that want no telemetry. */
export const noTelemetry: Telemetry = {
  startTrace: () => undefined,
  startBatchTrace: (owner) => owner,
  recordRequest: () => undefined,
  recordBatch: () => undefined,
};
