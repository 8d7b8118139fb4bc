/**
 * What the edge knows of one request, made once there and passed explicitly from then on: who asks, until when the
 * answer is wanted, whether it still is, where its time went. At its end it is the record that telemetry keeps.
 */
import { CancelSignal } from '../core/cancel.ts';
import type { Clock, Instant } from '../core/clock.ts';
import type { DeadlineEntry } from '../core/deadline-timer.ts';
import type { DenseSetMember } from '../core/dense-set.ts';
import type { ServingError } from '../core/errors.ts';
import type { RunEvent, RunEventFacts } from '../core/executor.ts';
import type { PriorityClass } from '../core/priority.ts';
import type { RequestEvent } from '../telemetry/request-event.ts';
import {
  type BatchRecord,
  type FallbackRecord,
  type IsolationRecord,
  type RequestOutcome,
  type RequestRecord,
  requestId,
  type Surface,
} from '../telemetry/request-record.ts';
import { StageClock } from '../telemetry/stage-clock.ts';
import type { TraceContext } from '../telemetry/tracing/trace-context.ts';

export interface RequestContextInit {
  readonly clock: Clock;
  readonly surface: Surface;
  /** 'Predict', 'GetModelStatus', …; 'unknown' for what is no method of ours. */
  readonly method: string;
  readonly receivedAt: Instant;
  /** min(client's, server's cap). Infinity = none. */
  readonly deadline: Instant;
  /** False: the deadline is only our cap. Default true. */
  readonly hasOwnDeadline?: boolean;
  readonly priority?: PriorityClass | undefined;
  /** The caller's own; undefined = it has none, and gets one of ours. */
  readonly id: string | undefined;
  /** Of all requests of the process: what ours is made of. */
  readonly sequence: number;
  readonly peer: string;
  readonly trace: TraceContext | undefined;
}

export class RequestContext implements RequestRecord, DenseSetMember {
  readonly surface: Surface;
  readonly method: string;
  readonly peer: string;
  readonly deadline: Instant;
  readonly hasOwnDeadline: boolean;
  readonly priority: PriorityClass | undefined;
  readonly trace: TraceContext | undefined;
  readonly callerId: string | undefined;
  readonly sequence: number;
  readonly cancel = new CancelSignal();
  readonly stages: StageClock;
  /** Filled in as the request goes on. */
  model = '';
  version = '';
  signatureName = '';
  rows = 0;
  requestBytes = 0;
  responseBytes = 0;
  batch: BatchRecord | undefined;
  fallback: FallbackRecord | undefined;
  isolation: IsolationRecord | undefined;
  error: ServingError | undefined;
  outcome: RequestOutcome = 'ok';
  events: readonly RequestEvent[] | undefined;
  /** The lifecycle's own: among the open requests, and until when. */
  setIndex = -1;
  deadlineEntry: DeadlineEntry | undefined;
  readonly #clock: Clock;

  constructor(init: RequestContextInit) {
    this.#clock = init.clock;
    this.surface = init.surface;
    this.method = init.method;
    this.callerId = init.id;
    this.sequence = init.sequence;
    this.peer = init.peer;
    this.deadline = init.deadline;
    this.hasOwnDeadline = init.hasOwnDeadline ?? true;
    this.priority = init.priority;
    this.trace = init.trace;
    this.stages = new StageClock(init.receivedAt);
  }

  /** Made when it is asked for: of most requests nobody asks. */
  get id(): string {
    return requestId(this.callerId, this.sequence);
  }

  /** The instant to stamp a stage with. */
  now(): Instant {
    return this.#clock.nowMs();
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    const noted: RequestEvent = { name: `inference.${event}`, at: this.now(), attributes: facts };
    this.events = this.events === undefined ? [noted] : [...this.events, noted];
  }

  /** Once, by the lifecycle: it has its answer, or this error. */
  finish(at: Instant, error: ServingError | undefined): void {
    if (error !== undefined) {
      this.error = error;
      this.outcome = error.kind;
    }
    this.stages.finish(at);
  }
}
