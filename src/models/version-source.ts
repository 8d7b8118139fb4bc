/**
 * Finds a model's versions on disk: `<base_path>/<number>/`, as TensorFlow Serving lays them out. Leading zeros are
 * fine (00017 is 17); other names are not versions, so a version may be prepared as `.tmp-17` and renamed when it is
 * whole. Of two spellings of a number the last in string order counts.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../core/errors.ts';
import { type ArtifactFingerprint, fingerprintOf } from './artifact-fingerprint.ts';

const MAX_INT64 = 2n ** 63n - 1n;

/** What is asked of the file system: the real one, or one that a test moves. */
export interface VersionFiles {
  /** Version → its directory. Rejects with `load_failed` when the base path cannot be read. */
  find(basePath: string): Promise<ReadonlyMap<bigint, string>>;
  /** Never rejects. */
  fingerprint(directory: string): Promise<ArtifactFingerprint>;
}

/** Version → its directory. Rejects with `load_failed` when the base path cannot be read. */
export async function findVersions(basePath: string): Promise<ReadonlyMap<bigint, string>> {
  const entries = await readEntries(basePath);
  const numbered = entries.filter(({ name }) => /^\d+$/.test(name) && BigInt(name) <= MAX_INT64);
  const areDirectories = await Promise.all(numbered.map((entry) => isDirectory(basePath, entry)));
  const names = numbered.filter((_, i) => areDirectories[i]).map(({ name }) => name);
  return new Map(names.sort().map((name) => [BigInt(name), join(basePath, name)]));
}

export const diskFiles: VersionFiles = { find: findVersions, fingerprint: fingerprintOf };

async function readEntries(basePath: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(basePath, { withFileTypes: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is not a directory' : `cannot be read (${code})`;
    throw new ServingError(
      'load_failed',
      `base path ${basePath} ${why}; it must hold one numbered directory a version, such as ${basePath}/1`,
      { cause },
    );
  }
}

/** Itself or through a link. One whose link leads nowhere is none. */
async function isDirectory(basePath: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const found = await stat(join(basePath, entry.name)).catch(() => undefined);
  return found?.isDirectory() === true;
}
