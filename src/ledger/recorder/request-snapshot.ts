/**
 * A copy of a finished request's record that outlives it: numbers and short texts only, no payload, no error with its
 * causes, and no buffer that a text was cut from.
 */
import { Buffer } from 'node:buffer';
import type { Instant } from '../../core/clock.ts';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import { MAX_TEXT_CHARS } from '../caller-text.ts';
import { plainIPv4 } from '../plain-ipv4.ts';
import type { CacheUse, KeepReason, RequestOutcome, RequestRecord, StepRecord } from '../request-record.ts';

/** The kind and message of an error. */
export interface ErrorFacts {
  readonly kind: ErrorKind;
  readonly message: string;
}

/** One step of an ensemble's request, without what its run held. */
export interface StepFacts {
  readonly model: string;
  readonly version: string;
  readonly outcome: RequestOutcome;
  readonly cache: CacheUse | undefined;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  /** Rows of its batch. */
  readonly rows: number | undefined;
  /** The steps of its own, if its model is an ensemble, too. */
  readonly steps: readonly StepFacts[] | undefined;
}

export interface RequestSnapshot extends Omit<RequestRecord, 'error' | 'fallback' | 'callerId' | 'steps'> {
  readonly error: ErrorFacts | undefined;
  readonly steps?: readonly StepFacts[] | undefined;
  /** Undefined = an ordinary request. */
  readonly kept: KeepReason | undefined;
  readonly durationMs: number;
}

/** The requests to list; an absent field admits any. */
export interface FlightFilter {
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  /** 'failed': whatever is not 'ok'. */
  readonly outcome?: RequestOutcome | 'failed' | undefined;
  readonly kept?: KeepReason | undefined;
  /** The peer's address, with its port or without. */
  readonly caller?: string | undefined;
  readonly id?: string | undefined;
  readonly traceId?: string | undefined;
  /** A part of the error's message, in lower case. */
  readonly error?: string | undefined;
  /** Those that arrived from this instant on, and before that one. */
  readonly since?: Instant | undefined;
  readonly until?: Instant | undefined;
  /** Most requests in the list. */
  readonly limit: number;
}

/** True if the filter's `caller` is the peer, or its address without the port. */
export function isCaller(peer: string, caller: string): boolean {
  if (peer === caller) return true;
  const plain = plainIPv4(peer);
  return plain.startsWith(caller) && /^(:\d+)?$/.test(plain.slice(caller.length));
}

export function errorFacts({ kind, message }: ServingError): ErrorFacts {
  return { kind, message: cut(message) };
}

/** Steps of one ensemble that are remembered. */
const MOST_STEPS = 64;

/** Copies of the first MOST_STEPS, and of the first of theirs. */
export function stepFacts(steps: readonly StepRecord[]): readonly StepFacts[] {
  return steps.slice(0, MOST_STEPS).map(({ model, version, outcome, cache, stages, batch, steps: inner }) => ({
    ...{ model, version, outcome, cache, startedAt: stages.startedAt, finishedAt: stages.finishedAt },
    rows: batch?.rows,
    steps: inner && stepFacts(inner),
  }));
}

/** Copies at most MAX_TEXT_CHARS of a text: a slice would keep the whole text in memory. */
export function cut(text: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  return Buffer.from(`${text.slice(0, MAX_TEXT_CHARS - 1)}…`).toString();
}
