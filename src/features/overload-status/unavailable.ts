/**
 * Refusals for overload as UNAVAILABLE, and 503 over REST. Their text, their delays and the marks for Envoy stay, and so
 * does their kind, by which records and metrics count them. A caller that is over limits of its own is told so as before.
 */
import { ERROR_TABLE, type ErrorRow, type ServingError, SharedError } from '../../core/errors.ts';
import { envoyMark } from '../../proxy/refusal-headers.ts';
import type { ToldAs } from '../../proxy/request-lifecycle.ts';

class Unavailable extends SharedError {
  override get row(): ErrorRow {
    return ERROR_TABLE.backend_unavailable;
  }
}

/** An error that many requests share stays shared, so that it is encoded once. */
export function unavailableForOverload(): ToldAs {
  const made = new WeakMap<SharedError, Unavailable>();
  return (error: ServingError) => {
    if (envoyMark(error) !== 'x-envoy-overloaded') return error;
    if (!(error instanceof SharedError)) return new Unavailable(error);
    const known = made.get(error) ?? new Unavailable(error);
    made.set(error, known);
    return known;
  };
}
