/**
 * The context of one request, made when it arrives and passed on explicitly: its caller, its deadline, its cancel
 * signal and the times of its stages. When the request is finished it is the record that telemetry keeps.
 */
import { CancelSignal } from '../core/cancel.ts';
import type { Clock, Instant } from '../core/clock.ts';
import type { DenseSetMember } from '../core/collections/dense-set.ts';
import type { DeadlineEntry } from '../core/deadline-timer.ts';
import { ServingError } from '../core/errors.ts';
import type { RunEvent, RunEventFacts } from '../core/executor.ts';
import type { SequenceStep } from '../core/model-spec.ts';
import type { PriorityClass } from '../core/priority.ts';
import {
  type BatchRecord,
  type CacheUse,
  type CallerTrace,
  type ClientFacts,
  type EventAttributes,
  type FallbackRecord,
  type IsolationRecord,
  type RequestEvent,
  type RequestLine,
  type RequestOutcome,
  type RequestRecord,
  requestId,
  type StepRecord,
  type Surface,
} from '../ledger/request-record.ts';
import { StageClock } from '../ledger/stage-clock.ts';
import type { TraceContext } from '../ledger/tracing/trace-context.ts';
import type { Identity, Principal } from './access-control.ts';
import type { MemoryHolder } from './memory-budget.ts';

/** A request as a surface knows it after its first header. */
export interface RequestArrival {
  readonly surface: Surface;
  /** 'Predict', 'GetModelStatus', …; 'unknown' for any other. */
  readonly method: string;
  /** When its first header was read. */
  readonly receivedAt: Instant;
  /** The client's timeout, in ms from receivedAt; undefined if it set none; an error if it cannot be read. */
  readonly timeoutMs: number | undefined | ServingError;
  /** The caller's `x-request-id`; undefined if it sent none: then one is made. */
  readonly requestId: string | undefined;
  readonly peer: string;
  /** Absent: no trusted proxy has told it. */
  readonly client?: ClientFacts | undefined;
  /** `user-agent`; absent = the caller sent none. */
  readonly userAgent?: string | undefined;
  /** Absent: it is none of HTTP, or not known. */
  readonly line?: RequestLine | undefined;
  /** The caller's name, as proxy/caller.ts describes it. */
  readonly caller: string;
  /** The sender; undefined without access control. A promise never rejects. */
  readonly identity?: Identity | Promise<Identity> | undefined;
  /** Absent: the default; an error if it cannot be read. */
  readonly priority?: PriorityClass | undefined | ServingError;
  /** Absent: it is no step of a sequence; an error if it cannot be read. */
  readonly step?: SequenceStep | undefined | ServingError;
  readonly callerTrace: CallerTrace | undefined;
}

export interface RequestContextInit {
  readonly clock: Clock;
  readonly arrival: RequestArrival;
  /** When it arrived, if that was before its first header was read. Default: then. */
  readonly startedAt?: Instant;
  /** The earlier of the client's deadline and the server's limit; Infinity without either. */
  readonly deadline: Instant;
  /** Did the client set a deadline? Default true. */
  readonly hasOwnDeadline?: boolean;
  /** It is that of the fronted request that this one is for. Default false. */
  readonly isDeadlineCarried?: boolean;
  /** Counts the requests of the process; ids are made of it. */
  readonly sequence: number;
  readonly trace: TraceContext | undefined;
}

/** A thing that is given back when its request ends, however it ends. */
export interface Loan {
  /** `isAnswered`: nobody reads the request's inputs any more. A request that has failed may still run. */
  release(isAnswered: boolean): void;
}

export class RequestContext implements RequestRecord, DenseSetMember, MemoryHolder {
  readonly arrival: RequestArrival;
  /** The caller's name, as proxy/caller.ts describes it: a principal's, once it is known. */
  caller: string;
  /** The sender; undefined without access control, and until it is known. */
  principal: Principal | undefined;
  /** These four may change until the request is submitted: some protocols have them in the message. */
  deadline: Instant;
  hasOwnDeadline: boolean;
  isDeadlineCarried: boolean;
  priority: PriorityClass | undefined;
  readonly step: SequenceStep | undefined;
  readonly trace: TraceContext | undefined;
  readonly sequence: number;
  readonly cancel = new CancelSignal();
  readonly stages: StageClock;
  // These fields are filled in on the way.
  model = '';
  version = '';
  signatureName = '';
  rows = 0;
  requestBytes = 0;
  responseBytes = 0;
  expectedEnd: Instant = 0;
  batch: BatchRecord | undefined;
  fallback: FallbackRecord | undefined;
  isolation: IsolationRecord | undefined;
  cache: CacheUse | undefined;
  cacheMs: number | undefined;
  steps: readonly StepRecord[] | undefined;
  attributes: EventAttributes | undefined;
  error: ServingError | undefined;
  outcome: RequestOutcome = 'ok';
  events: readonly RequestEvent[] | undefined;
  // The lifecycle owns these: the place among the open requests, and the armed deadline.
  setIndex = -1;
  deadlineEntry: DeadlineEntry | undefined;
  // The limits of callers own these: the quota that it counts in, and the rows that it counts.
  quota: object | undefined;
  quotaRows = 0;
  /** The memory budget owns this; the lifecycle releases it. */
  heldBytes = 0;
  /** `RequestLifecycle.lend` owns this. */
  lent: Loan | undefined;
  readonly #clock: Clock;

  constructor(init: RequestContextInit) {
    const { arrival } = init;
    const { priority, step } = arrival;
    this.#clock = init.clock;
    this.arrival = arrival;
    this.sequence = init.sequence;
    this.caller = arrival.caller;
    this.deadline = init.deadline;
    this.hasOwnDeadline = init.hasOwnDeadline ?? true;
    this.isDeadlineCarried = init.isDeadlineCarried ?? false;
    this.priority = priority instanceof ServingError ? undefined : priority;
    this.step = step instanceof ServingError ? undefined : step;
    this.trace = init.trace;
    this.stages = new StageClock(init.startedAt ?? arrival.receivedAt);
  }

  get surface(): Surface {
    return this.arrival.surface;
  }

  get method(): string {
    return this.arrival.method;
  }

  get callerId(): string | undefined {
    return this.arrival.requestId;
  }

  get peer(): string {
    return this.arrival.peer;
  }

  get client(): ClientFacts | undefined {
    return this.arrival.client;
  }

  get userAgent(): string | undefined {
    return this.arrival.userAgent;
  }

  get line(): RequestLine | undefined {
    return this.arrival.line;
  }

  /** It is made when it is read, because most requests' ids never are. */
  get id(): string {
    return requestId(this.callerId, this.sequence);
  }

  /** Lets the sender in, on a server with access control. Throws `unauthenticated`. */
  admit(identity: Identity | undefined): void {
    if (identity instanceof ServingError) throw identity;
    if (identity === undefined) throw new ServingError('unauthenticated', 'this server does not know who sends this');
    this.principal = identity;
    this.caller = identity.caller;
  }

  now(): Instant {
    return this.#clock.nowMs();
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    const noted: RequestEvent = { name: `inference.${event}`, at: this.now(), attributes: facts };
    this.events = this.events === undefined ? [noted] : [...this.events, noted];
  }

  shed(error: ServingError): void {
    this.cancel.cancel(error);
  }

  /** The lifecycle calls this once, with the error if the request failed. */
  finish(at: Instant, error: ServingError | undefined): void {
    if (error !== undefined) {
      this.error = error;
      this.outcome = error.kind;
    }
    this.stages.finish(at);
  }
}
