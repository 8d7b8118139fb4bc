/** A ServingError as it crosses to another thread or process: a structured clone would keep its message alone. */
import { type ErrorKind, ServingError, toServingError } from '../../core/errors.ts';

export interface ErrorMessage {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
  /** The cause with its stack, for the log. */
  readonly cause: string | undefined;
}

/** Converts anything thrown into a message. */
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
