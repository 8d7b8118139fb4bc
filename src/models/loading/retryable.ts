/** Decides whether a failed load may succeed when it is tried again with the same files. */
import type { ServingError } from '../../core/errors.ts';

/** Temporary errors of the system: of a network file system, or a limit that other processes have used up. */
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
      // The worker died during the load: the next one may not.
      if (error.attributes?.['workerEnded'] === true) return true;
      const text = `${error.message}\n${causeText(error.cause)}`;
      return PASSING_CODES.test(text) || OUT_OF_MEMORY.test(text);
    }
    default:
      return false;
  }
}

/** A cause that came from a worker is a text. */
function causeText(cause: unknown): string {
  if (cause instanceof Error) return `${(cause as NodeJS.ErrnoException).code ?? ''} ${cause.message}`;
  return typeof cause === 'string' ? cause : '';
}
