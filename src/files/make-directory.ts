/**
 * Makes a directory and those that it lies in, as `mkdir -p` does. Node's own `recursive` never returns where the system
 * says "no such file" of a directory whose parent is there, as in /proc: it would hold a core for ever.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Disk } from './disk.ts';

interface MakeOptions {
  readonly disk?: Pick<Disk, 'mkdir'>;
  /** Permissions of those that are made, less the umask. */
  readonly mode?: number;
}

/** Resolves with the outermost that was made; undefined = all were there. Rejects with the system's error. */
export async function makeDirectory(
  path: string,
  { disk = { mkdir }, mode = 0o777 }: MakeOptions = {},
): Promise<string | undefined> {
  /** Stands from the inmost to the outermost. */
  const missing: string[] = [];
  for (let each = resolve(path); ; each = dirname(each)) {
    const code = await codeOf(disk.mkdir(each, { mode }), ['ENOENT', 'EEXIST']);
    if (code === 'ENOENT' && dirname(each) !== each) {
      missing.push(each);
      continue;
    }
    // The system says so of a file, too; but with a dot behind it, it says that a file is no directory.
    if (code === 'EEXIST' && missing.length === 0) await codeOf(disk.mkdir(`${each}/.`, { mode }), ['EEXIST']);
    for (const inner of missing.toReversed()) await codeOf(disk.mkdir(inner, { mode }), ['EEXIST']);
    return code === undefined ? each : missing.at(-1);
  }
}

/** Resolves with the code of an error that is expected; undefined = there was none. Rejects with any other. */
async function codeOf(made: Promise<unknown>, expected: readonly string[]): Promise<string | undefined> {
  try {
    await made;
    return undefined;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!expected.includes(code)) throw error;
    return code;
  }
}
