/**
 * A copy of a finished request's record, for whoever wants it after the record's owner has let go of it. Holds numbers
 * and short texts only: nothing of a payload, no error with its causes, no buffer that a text was cut from.
 *
 * Made once and filled again and again: `fill` is on the hot path of every request (flight-recorder.ts).
 */
import { Buffer } from 'node:buffer';
import type { Instant } from '../core/clock.ts';
import type { ErrorKind } from '../core/errors.ts';
import type { RequestEvent } from './request-event.ts';
import {
  type BatchRecord,
  type IsolationRecord,
  type RequestOutcome,
  type RequestRecord,
  requestId,
  type Surface,
} from './request-record.ts';
import { MAX_TEXT_CHARS } from './span-attributes.ts';
import { StageClock } from './stage-clock.ts';
import type { KeepReason } from './tail-keep.ts';
import type { TraceContext } from './trace-context.ts';

/** What a caller is told of a failure. */
export interface ErrorFacts {
  readonly kind: ErrorKind;
  readonly message: string;
}

export class RequestSnapshot {
  surface: Surface = 'grpc';
  method = '';
  peer = '';
  model = '';
  version = '';
  signatureName = '';
  rows = 0;
  requestBytes = 0;
  responseBytes = 0;
  deadline: Instant = Infinity;
  outcome: RequestOutcome = 'ok';
  error: ErrorFacts | undefined = undefined;
  trace: TraceContext | undefined = undefined;
  batch: BatchRecord | undefined = undefined;
  isolation: IsolationRecord | undefined = undefined;
  events: readonly RequestEvent[] | undefined = undefined;
  /** Unique in the process. */
  sequence = 0;
  /** Undefined: an ordinary one. */
  kept: KeepReason | undefined = undefined;
  readonly stages = new StageClock(0);
  #callerId: string | undefined = undefined;

  /** Takes over what `record` says now. */
  fill(record: RequestRecord, kept: KeepReason | undefined): void {
    this.surface = record.surface;
    this.method = record.method;
    this.peer = record.peer.length > MAX_TEXT_CHARS ? cut(record.peer) : record.peer;
    this.model = record.model;
    this.version = record.version;
    this.signatureName = record.signatureName;
    this.rows = record.rows;
    this.requestBytes = record.requestBytes;
    this.responseBytes = record.responseBytes;
    this.deadline = record.deadline;
    this.outcome = record.outcome;
    const { error, callerId } = record;
    this.error = error === undefined ? undefined : { kind: error.kind, message: cut(error.message) };
    this.trace = record.trace;
    this.batch = record.batch;
    this.isolation = record.isolation;
    this.events = record.events;
    this.sequence = record.sequence;
    this.kept = kept;
    this.stages.copyFrom(record.stages);
    this.#callerId = callerId !== undefined && callerId.length > MAX_TEXT_CHARS ? cut(callerId) : callerId;
  }

  get id(): string {
    return requestId(this.#callerId, this.sequence);
  }

  get durationMs(): number {
    return this.stages.finishedAt - this.stages.startedAt;
  }
}

/** At most MAX_TEXT_CHARS of a text, copied: a slice would hold on to the whole of what it was cut from. */
function cut(text: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  return Buffer.from(`${text.slice(0, MAX_TEXT_CHARS - 1)}…`).toString();
}
