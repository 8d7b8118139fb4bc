import type { Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import {
  type BatchRecord,
  type CacheUse,
  type FallbackRecord,
  type IsolationRecord,
  type KeepReason,
  type RequestEvent,
  type RequestOutcome,
  type RequestRecord,
  requestId,
  type StepRecord,
  type Surface,
} from '../request-record.ts';
import { StageClock } from '../stage-clock.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import type { ErrorFacts, StepFacts } from './request-snapshot.ts';

/** The place where a request came, and the work that it was for. */
export type Origin = Pick<RequestRecord, 'surface' | 'method' | 'model' | 'version' | 'signatureName'>;

/** Facts that few requests have. */
export interface Notes extends Pick<RequestRecord, 'isolation' | 'events' | 'cache'> {
  readonly outcome: RequestOutcome;
  readonly error: ErrorFacts | undefined;
  readonly callerId: string | undefined;
  readonly kept: KeepReason | undefined;
  readonly steps?: readonly StepFacts[] | undefined;
}

/**
 * Facts that no ring has, as they must not outlive their reading: an error has its causes, a step what its run held.
 */
export interface UnreadFacts extends Pick<RequestRecord, 'error' | 'fallback' | 'steps'> {}

/**
 * A request as readers of the ledger see it. There is one for all requests, and it is filled anew for each: a reader
 * copies what it keeps. The texts of its caller are cut, and `userAgent` is not there.
 */
export class ReadRequest implements RequestRecord {
  surface: Surface = 'grpc';
  method = '';
  callerId: string | undefined = undefined;
  sequence = 0;
  peer = '';
  trace: TraceContext | undefined = undefined;
  readonly stages = new StageClock(0);
  deadline: Instant = 0;
  hasOwnDeadline = true;
  expectedEnd: Instant = 0;
  model = '';
  version = '';
  signatureName = '';
  rows = 0;
  requestBytes = 0;
  responseBytes = 0;
  outcome: RequestOutcome = 'ok';
  error: ServingError | undefined = undefined;
  batch: BatchRecord | undefined = undefined;
  events: readonly RequestEvent[] | undefined = undefined;
  fallback: FallbackRecord | undefined = undefined;
  isolation: IsolationRecord | undefined = undefined;
  cache: CacheUse | undefined = undefined;
  cacheMs = 0;
  steps: readonly StepRecord[] | undefined = undefined;
  /** Why it is kept; undefined = an ordinary request. */
  kept: KeepReason | undefined = undefined;

  get id(): string {
    return requestId(this.callerId, this.sequence);
  }

  /** Called by the ring. */
  take(origin: Origin, notes: Notes): void {
    this.surface = origin.surface;
    this.method = origin.method;
    this.model = origin.model;
    this.version = origin.version;
    this.signatureName = origin.signatureName;
    this.outcome = notes.outcome;
    this.callerId = notes.callerId;
    this.events = notes.events;
    this.isolation = notes.isolation;
    this.cache = notes.cache;
    this.kept = notes.kept;
  }

  /** Called by the ledger; undefined = an ordinary request. */
  takeUnread(facts: UnreadFacts | undefined): void {
    this.error = facts?.error;
    this.fallback = facts?.fallback;
    this.steps = facts?.steps;
  }
}
