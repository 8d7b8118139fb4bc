/** The messages between the event loop and the codec thread. */
import type { ErrorMessage } from '../backends/host/error-message.ts';
import type { JobName } from './codec-jobs.ts';

/** The request of one job. The thread has one at a time. */
export interface JobMessage {
  readonly name: JobName;
  readonly args: unknown[];
}

export type JobAnswer = { readonly result: unknown } | { readonly error: ErrorMessage };

/** Smaller memory is copied: it may be shared with others, as Node's pool is. */
const TRANSFERRED_FROM_BYTES = 64 * 1024;

/** The large memory below `value`, each piece once: what a message transfers. */
export function buffersIn(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    if (buffer.byteLength > TRANSFERRED_FROM_BYTES) found.add(buffer as ArrayBuffer);
  } else if (value instanceof Map) for (const each of value.values()) buffersIn(each, found);
  else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) buffersIn(each, found);
  return found;
}
