/**
 * Finds a model's versions on disk: `<base_path>/<number>/`, as in TensorFlow Serving. Leading zeros are allowed (00017
 * is 17; if a number has two spellings, the last in string order counts). Other names are not versions, so a version
 * may be prepared as `.tmp-17` and renamed when it is complete.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../core/errors.ts';
import { type ArtifactFingerprint, fingerprintOf } from './artifact-fingerprint.ts';
import { descending } from './version-policy.ts';

const MAX_INT64 = 2n ** 63n - 1n;

/** Access to the file system; tests have their own. */
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

/**
 * The directory of one version. Rejects with `model_not_found` if there is none, and with `load_failed` if it holds no
 * file or the base path cannot be read.
 */
export async function findVersion(files: VersionFiles, basePath: string, version: bigint): Promise<string> {
  const found = await files.find(basePath);
  const directory = found.get(version);
  if (directory === undefined) {
    const there = found.size === 0 ? 'it holds none' : `it holds ${showSome(descending(found.keys()))}`;
    throw new ServingError('model_not_found', `base path ${basePath} has no version ${version}; ${there}`);
  }
  if ((await files.fingerprint(directory)).files > 0) return directory;
  throw new ServingError('load_failed', `version ${version} in ${basePath} holds no file yet; put the model there`);
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

/** True for a directory or a link to one; false for a broken link. */
async function isDirectory(basePath: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const found = await stat(join(basePath, entry.name)).catch(() => undefined);
  return found?.isDirectory() === true;
}

/** "3, 2, 1", with at most eight numbers. */
export function showSome(versions: readonly bigint[]): string {
  const more = versions.length > 8 ? ` and ${versions.length - 8} more` : '';
  return versions.slice(0, 8).join(', ') + more;
}
