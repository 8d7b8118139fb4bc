/**
 * Whether a load that failed may succeed when it is tried again with the same files. What the artifact itself is at fault
 * for stays wrong however often it is read.
 */
import type { ServingError } from '../../core/errors.ts';

/** Errors of the system that pass: a network file system that hiccups, a limit that others have used up. */
const PASSING_CODES = /\b(EIO|ESTALE|EAGAIN|EBUSY|EINTR|EMFILE|ENFILE|ENOMEM|ENOSPC|ETIMEDOUT|EREMOTEIO|ENOTCONN)\b/;
const OUT_OF_MEMORY = /out of memory|bad_alloc|failed to allocate|OUT_OF_MEMORY/i;

/** False: only other files, another configuration or a reload can help. */
export function isRetryable(error: ServingError): boolean {
  switch (error.kind) {
    case 'worker_lost':
    case 'backend_unavailable':
    case 'insufficient_memory':
    case 'overloaded':
      return true;
    case 'load_failed':
    case 'backend_failed':
    case 'internal': {
      // The worker died under the load, of whatever reason: the next may live.
      if (error.attributes?.['workerEnded'] === true) return true;
      const text = `${error.message}\n${causeText(error.cause)}`;
      return PASSING_CODES.test(text) || OUT_OF_MEMORY.test(text);
    }
    default:
      return false;
  }
}

/** What a thread sends of a cause is text already. */
function causeText(cause: unknown): string {
  if (cause instanceof Error) return `${(cause as NodeJS.ErrnoException).code ?? ''} ${cause.message}`;
  return typeof cause === 'string' ? cause : '';
}
