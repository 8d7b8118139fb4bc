/** The records of requests and batches that have ended. Metrics, spans and logs are made from them. */
import type { Instant } from '../core/clock.ts';
import { ERROR_TABLE, type ErrorKind, type ServingError } from '../core/errors.ts';
import type { TraceHeaders } from '../core/executor.ts';
import type { StageClock } from './stage-clock.ts';
import type { TraceContext } from './tracing/trace-context.ts';

/** The API by which a request came. */
export type Surface = 'grpc' | 'rest';

/** The methods that run a model; others tell about one. */
export const INFERENCE_METHODS: ReadonlySet<string> = new Set([
  'Predict',
  'Classify',
  'Regress',
  'MultiInference',
  'ModelInfer',
  'ModelStreamInfer',
]);

/** 'ok' or the kind of the error: a closed set, so that it can be a metric label. */
export type RequestOutcome = 'ok' | ErrorKind;

/**
 * Why a batch left the queue when it did. `full`: no larger one may be; `enough`: no larger one is worth it;
 * `isolation`: it is a part of a failed batch, or finds out whether the runtime works.
 */
export type DispatchReason = 'full' | 'enough' | 'slot_free' | 'timeout' | 'isolation';

/** A failed batch's members ran again, as one of them may be at fault; or its one request's values were at fault. */
export type IsolationResult = 'run_again' | 'values';

export type EventAttributes = Readonly<Record<string, string | number | boolean>>;

/** All event names; docs/reference/semantic-conventions.md explains each. */
export type EventName =
  | 'inference.refuse'
  | 'inference.early_drop'
  | 'inference.expire'
  | 'inference.cancel'
  | 'inference.retry'
  | 'inference.breaker'
  | 'inference.alternate'
  | 'inference.isolate';

/** Something that happened to a request and is no stage. It becomes an event of the request's server span. */
export interface RequestEvent {
  readonly name: EventName;
  readonly at: Instant;
  readonly attributes?: EventAttributes | undefined;
}

/** One run of a model: a span below one of its members, linked to the others. Instants are monotonic ms. */
export interface BatchRecord {
  readonly model: string;
  readonly version: string;
  readonly signatureName: string;
  /** Number of members: requests, or parts of large requests. */
  readonly tasks: number;
  /** The members' rows. */
  readonly rows: number;
  /** Rows that the runtime sees: `rows` and padding. */
  readonly size: number;
  /** Rows × length of the members, and what was added for the run's rows and length; absent = rows have no lengths. */
  readonly elements?: number | undefined;
  readonly paddingElements?: number | undefined;
  /** Threads that its run computes on. */
  readonly threads: number;
  /** How many of its model's runs go at once, if they take none of the cores that models share; else absent. */
  readonly ownSlots?: number | undefined;
  readonly reason: DispatchReason;
  /** Starts of the stages batch, execute and split, and the end. The last three are 0 until reached. */
  readonly batchStart: Instant;
  executeStart: Instant;
  splitStart: Instant;
  end: Instant;
  /** Start and end of the runtime's own work within execute; undefined where the host does not report them. */
  runStart: Instant | undefined;
  runEnd: Instant | undefined;
  /** Expected length of the run in ms when it started; absent where it was unknown. */
  readonly expectedMs?: number | undefined;
  /** Share of its time that its rows would take in a full batch, by the learned run times; absent if unknown. */
  readonly fullShare?: number | undefined;
  /** 'ok', or the kind of the run's error. */
  outcome: RequestOutcome;
  /** Trace contexts of the members that have spans: those that are sampled, and those that were kept at their end. */
  members: readonly TraceContext[];
  /** The batch's own span, in the trace of the first of `members`; undefined while `members` is empty. */
  trace: TraceContext | undefined;
  /** Ids of its requests; collected once one of them is kept (features/flight-recorder). */
  memberIds: string[] | undefined;
  /** Absent = the run succeeded, or failed for another reason than its inputs. */
  isolation?: IsolationResult | undefined;
}

/** A request was run again in a part of its batch, because the batch failed. */
export interface IsolationRecord {
  /** When the batch failed, and the kind of its error. */
  readonly at: Instant;
  readonly kind: ErrorKind;
  /** Number of the batch's members. */
  readonly tasks: number;
}

/** Why another model answered: the requested one could not (`fallback`), or was overloaded (`degraded`). */
export type FallbackReason = 'fallback' | 'degraded';

/** A request that was given to another model. */
export interface FallbackRecord {
  /** The configured model that was requested. */
  readonly asked: string;
  readonly reason: FallbackReason;
  /** When the request was given to the other model. */
  readonly at: Instant;
}

/** A kept answer, the answer of a run that was under way for the same request, or that of a run of its own. */
export type CacheUse = 'hit' | 'coalesced' | 'miss';

/** One step of an ensemble's request. It has a span of its own, below the request's. */
export interface StepRecord {
  readonly model: string;
  readonly version: string;
  readonly signatureName: string;
  /** Begins with the step: `receive` lasts until it was queued. */
  readonly stages: StageClock;
  /** The context of its span. */
  readonly trace: TraceContext | undefined;
  readonly outcome: RequestOutcome;
  readonly batch: BatchRecord | undefined;
  readonly cache?: CacheUse | undefined;
  readonly cacheMs?: number | undefined;
  /** Set where its model is an ensemble, too. */
  readonly steps?: readonly StepRecord[] | undefined;
}

/** The line of a request of HTTP, in node's names: what it asks for, and in which version of HTTP ('1.1'). */
export interface RequestLine {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
}

/** The client of a request as proxies in front have told it. */
export interface ClientFacts {
  /** An IP address; undefined = they do not say. */
  readonly address: string | undefined;
  /** 'http' or 'https', in which the client asks them; undefined = they do not say. */
  readonly scheme: string | undefined;
}

/** Everything about a finished request. RequestContext (proxy/) is one. */
export interface RequestRecord {
  readonly surface: Surface;
  /** 'Predict', 'GetModelStatus', …: a closed set; 'unknown' for paths that are no method. */
  readonly method: string;
  /** `requestId(callerId, sequence)`. */
  readonly id: string;
  /** The caller's `x-request-id`, if it sent one. */
  readonly callerId: string | undefined;
  /** The request's number within the process. */
  readonly sequence: number;
  readonly peer: string;
  /** Absent: the peer is no proxy that is trusted to say for whom it asks. */
  readonly client?: ClientFacts | undefined;
  /** The header as the caller sent it; absent = it sent none. */
  readonly userAgent?: string | undefined;
  /** Absent of gRPC, and of calls within the process. */
  readonly line?: RequestLine | undefined;
  readonly trace: TraceContext | undefined;
  readonly stages: StageClock;
  readonly deadline: Instant;
  /** False: the deadline is only the server's own cap, not one that the client set. Absent = true. */
  readonly hasOwnDeadline?: boolean | undefined;
  /** The deadline is that of the request that the application works for (proxy/fronting/README.md). Absent = false. */
  readonly isDeadlineCarried?: boolean | undefined;
  /** When the scheduler expected its end, as it admitted it; 0 or absent = there was no forecast. */
  readonly expectedEnd?: Instant | undefined;
  /** Empty unless it is a served model, so that a caller cannot create label values. */
  readonly model: string;
  /** Empty if the model has no such version, or it is not loaded. */
  readonly version: string;
  readonly signatureName: string;
  readonly rows: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly outcome: RequestOutcome;
  readonly error: ServingError | undefined;
  /** The request's batch; the last one, if it was split over several. */
  readonly batch: BatchRecord | undefined;
  /** Absent = none. */
  readonly events?: readonly RequestEvent[] | undefined;
  /** Set if another model answered: `model` and `version` are then that model's. */
  readonly fallback?: FallbackRecord | undefined;
  /** Set if the request was run again; the first time counts. */
  readonly isolation?: IsolationRecord | undefined;
  /** Set if the model has a response cache that was asked, and how long that took. */
  readonly cache?: CacheUse | undefined;
  readonly cacheMs?: number | undefined;
  /** Set if the model is an ensemble. */
  readonly steps?: readonly StepRecord[] | undefined;
  /** Attributes of its server span that its model's layers bring, by OpenTelemetry's names. Absent = none. */
  readonly attributes?: EventAttributes | undefined;
}

/** A request's id: the caller's, or else one that is unique in the process. */
export function requestId(callerId: string | undefined, sequence: number): string {
  return callerId ?? sequence.toString(36);
}

/** Why a request is kept, independent of the sampling. */
export type KeepReason = 'slow' | 'failed';

/** Receives records. One instance for each app, nothing global, so that two servers can live in one test. */
export interface Telemetry {
  /**
   * The trace context of a new request, given the caller's (from `callerTrace`). Undefined where no exporter is
   * configured and the caller sent no context: then no ids are made.
   */
  startTrace(caller: CallerTrace | undefined): TraceContext | undefined;
  /** The context of a batch's span, child of `owner`. */
  startBatchTrace(owner: TraceContext): TraceContext;
  /** Headers for a server that is called on behalf of the request with this context. */
  traceHeaders(context: TraceContext): TraceHeaders;
  recordRequest(record: RequestRecord): void;
  recordBatch(record: BatchRecord): void;
}

/** The caller's span, as its headers describe it. Absent fields are those of TraceContext. */
export interface CallerTrace {
  /** Both ids are undefined if the caller has no span, but has decided whether its request is sampled. */
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly isSampled: boolean;
  readonly traceState: string | undefined;
  readonly baggage?: string | undefined;
  readonly isRandom?: boolean | undefined;
  /** The caller leaves the decision to this server: `isSampled` is false, and says nothing. */
  readonly isDeferred?: boolean | undefined;
  readonly extra?: object | undefined;
}

/** A caller's span with its ids. */
export interface CallerSpan extends CallerTrace {
  readonly traceId: string;
  readonly spanId: string;
}

/** Ignores all records, for tests and tools. */
export const noTelemetry: Telemetry = {
  startTrace: () => undefined,
  startBatchTrace: (owner) => owner,
  traceHeaders: () => ({}),
  recordRequest: () => undefined,
  recordBatch: () => undefined,
};

/** The lowest HTTP status that is the server's fault, as in OpenTelemetry's rule for a server span's status. */
const FIRST_SERVER_FAULT = 500;

/**
 * True if the server is at fault. gRPC goes by the HTTP status too, so that a request looks the same on both surfaces.
 */
export function isServerFault(outcome: RequestOutcome): boolean {
  return outcome !== 'ok' && ERROR_TABLE[outcome].http >= FIRST_SERVER_FAULT;
}
