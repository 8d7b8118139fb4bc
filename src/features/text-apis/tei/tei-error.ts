/** Errors as text-embeddings-inference has them: {"error", "error_type"}. The status is the kernel's. */
import { Buffer } from 'node:buffer';
import type { ServingError } from '../../../core/errors.ts';

export function teiError(error: ServingError): Buffer {
  return Buffer.from(JSON.stringify({ error: error.message, error_type: typeOf(error) }));
}

/** One of that server's words, so that clients that know them need no other. */
function typeOf({ kind, row }: ServingError): string {
  if (kind === 'overloaded' || kind === 'insufficient_memory') return 'overloaded';
  if (kind === 'model_not_ready' || kind === 'draining') return 'unhealthy';
  return row.http < 500 ? 'validation' : 'backend';
}
