/** Small files beside a model: read whole, and only from its own directory. */
import type { Buffer } from 'node:buffer';
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, normalize, sep } from 'node:path';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

export function isNameInside(name: string): boolean {
  return !isAbsolute(name) && !normalize(name).split(sep).includes('..');
}

/** Follows symbolic links, because people are shown what such a file holds. A missing file is where its name says. */
export async function isReallyInside(directory: string, path: string): Promise<boolean> {
  const [root, real] = await Promise.all([realpath(directory), realpath(path).catch(() => undefined)]);
  return real === undefined || real.startsWith(root + sep);
}

/** The lines without their ends. A newline at the end begins no further line. */
export function linesOf(bytes: Buffer): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const next = newline === -1 ? bytes.length : newline;
    const end = newline > start && bytes[newline - 1] === RETURN ? newline - 1 : next;
    lines.push(bytes.subarray(start, end));
    start = next + 1;
  }
  return lines;
}

/** A file's bytes; undefined if it does not exist; a text that says why it cannot be read. */
export async function readSmall(path: string, maxBytes: number): Promise<Buffer | string | undefined> {
  try {
    const stats = await stat(path);
    // Opening a pipe would wait for its writer.
    if (!stats.isFile()) return 'it is no file';
    if (stats.size > maxBytes) return `it has ${stats.size} bytes, and ${maxBytes} are the most`;
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : message;
  }
}
