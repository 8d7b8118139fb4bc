/** Strings that a runtime takes as text: UTF-8 without NUL. */
import { isUtf8 } from 'node:buffer';

/** The fault of a string, as a clause; undefined if it is text. */
export function textFault(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return 'holds a NUL byte';
  return isUtf8(bytes) ? undefined : 'is not valid UTF-8';
}

/** The index of the first string that is no text; -1 if all are. */
export function notTextAt(strings: readonly Uint8Array[]): number {
  for (let i = 0; i < strings.length; i++) if (textFault(strings[i]!) !== undefined) return i;
  return -1;
}
