/** A ServingError as it crosses to another thread or process: a structured clone would keep only its message. */
import { type ErrorKind, ServingError, toServingError } from '../../core/errors.ts';

export interface ErrorMessage {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
  /** The cause with its stack, as text for the log. */
  readonly cause: string | undefined;
}

/** Anything thrown, ready to be sent. */
export function toErrorMessage(thrown: unknown): ErrorMessage {
  const { kind, message, retryAfterMs, cause } = toServingError(thrown);
  return { kind, message, retryAfterMs, cause: cause === undefined ? undefined : causeText(cause) };
}

/** The error as it was thrown on the other side. */
export function fromErrorMessage({ kind, message, retryAfterMs, cause }: ErrorMessage): ServingError {
  return new ServingError(kind, message, { cause, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
