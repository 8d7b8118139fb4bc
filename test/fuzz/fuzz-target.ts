/** What `npm test -- fuzz` runs on bytes that it makes up: one reader, and what must hold of it for any bytes. */
import type { Buffer } from 'node:buffer';
import { ServingError } from '../../src/core/errors.ts';

export interface FuzzTarget {
  /** For the list of targets. */
  readonly says: string;
  /** Longest input. */
  readonly maxBytes: number;
  /** Words of the format, which chance would not find; text is UTF-8. */
  readonly words: readonly (string | Uint8Array)[];
  /** Inputs to begin with. */
  readonly seeds: readonly (string | Uint8Array)[];
  /** Throws, or rejects, on a fault. It may keep the bytes and write to them. */
  run(bytes: Buffer): void | Promise<void>;
}

/** What `read` returns, or its ServingError. Anything else that it throws is a fault, and so is an `internal` error. */
export function orRefusal<T>(read: () => T): T | ServingError {
  try {
    return read();
  } catch (error) {
    if (error instanceof ServingError && error.kind !== 'internal') return error;
    throw error;
  }
}
