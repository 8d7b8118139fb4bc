/**
 * What is remembered of a finished request after the record's owner has let go of it: numbers and short texts only, nothing
 * of a payload, no error with its causes, no buffer that a text was cut from.
 */
import { Buffer } from 'node:buffer';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import type { RequestRecord } from '../request-record.ts';
import { MAX_TEXT_CHARS } from '../tracing/span-attributes.ts';
import type { KeepReason } from './tail-keep.ts';

/** What a caller is told of a failure. */
export interface ErrorFacts {
  readonly kind: ErrorKind;
  readonly message: string;
}

export interface RequestSnapshot extends Omit<RequestRecord, 'error' | 'fallback' | 'callerId'> {
  readonly error: ErrorFacts | undefined;
  /** Undefined: an ordinary one. */
  readonly kept: KeepReason | undefined;
  readonly durationMs: number;
}

export function errorFacts({ kind, message }: ServingError): ErrorFacts {
  return { kind, message: cut(message) };
}

/** At most MAX_TEXT_CHARS of a text, copied: a slice would hold on to the whole of what it was cut from. */
export function cut(text: string): string {
  if (text.length <= MAX_TEXT_CHARS) return text;
  return Buffer.from(`${text.slice(0, MAX_TEXT_CHARS - 1)}…`).toString();
}
