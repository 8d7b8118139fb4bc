/**
 * A copy of a finished request's record that outlives it: numbers and short texts only, no payload, no error with its
 * causes, and no buffer that a text was cut from.
 */
import { Buffer } from 'node:buffer';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import type { RequestOutcome, RequestRecord } from '../request-record.ts';
import { MAX_TEXT_CHARS } from '../tracing/span-attributes.ts';
import type { KeepReason } from './tail-keep.ts';

/** The kind and message of an error. */
export interface ErrorFacts {
  readonly kind: ErrorKind;
  readonly message: string;
}

export interface RequestSnapshot extends Omit<RequestRecord, 'error' | 'fallback' | 'callerId'> {
  readonly error: ErrorFacts | undefined;
  /** Undefined = an ordinary request. */
  readonly kept: KeepReason | undefined;
  readonly durationMs: number;
}

/** Which requests to list; absent = any. */
export interface FlightFilter {
  readonly model?: string | undefined;
  readonly outcome?: RequestOutcome | undefined;
  readonly kept?: KeepReason | undefined;
  /** Most requests in the list. */
  readonly limit: number;
}

export function errorFacts({ kind, message }: ServingError): ErrorFacts {
  return { kind, message: cut(message) };
}

/** At most MAX_TEXT_CHARS of a text, as a copy: a slice would keep the whole text in memory. */
export function cut(text: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  return Buffer.from(`${text.slice(0, MAX_TEXT_CHARS - 1)}…`).toString();
}
