/** Tells contents of files apart. */
import { createHash } from 'node:crypto';

/** One hash of each file, in hex, with spaces between them. */
export function hashOf(contents: readonly Uint8Array[]): string {
  return contents.map((bytes) => createHash('sha256').update(bytes).digest('hex')).join(' ');
}
