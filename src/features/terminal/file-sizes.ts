import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A version with more files is not one whose size a person waits for. */
const MOST_FILES = 1000;

/** The bytes of the files below a folder. Undefined if it cannot be read, or has more than MOST_FILES. */
export async function bytesBelow(directory: string): Promise<number | undefined> {
  let entries: readonly Dirent[];
  try {
    entries = await readdir(directory, { recursive: true, withFileTypes: true });
    if (entries.length > MOST_FILES) return undefined;
    const files = entries.filter((entry) => !entry.isDirectory());
    const sizes = await Promise.all(files.map(({ parentPath, name }) => stat(join(parentPath, name))));
    return sizes.reduce((sum, { size }) => sum + size, 0);
  } catch {
    return undefined;
  }
}
