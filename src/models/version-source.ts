/**
 * Finds a model's versions on disk: `<base_path>/<number>/`, as TensorFlow Serving lays them out. Leading zeros are
 * fine (00017 is 17); other names are not versions. Of two spellings of a number the last in string order counts.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../core/errors.ts';

const MAX_INT64 = 2n ** 63n - 1n;

/** Version → its directory. Rejects with `load_failed` when the base path cannot be read. */
export async function findVersions(modelName: string, basePath: string): Promise<ReadonlyMap<bigint, string>> {
  const versions = new Map<bigint, string>();
  let entries: Awaited<ReturnType<typeof readDirectory>>;
  try {
    entries = await readDirectory(basePath);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is not a directory' : `cannot be read (${code})`;
    throw new ServingError(
      'load_failed',
      `model "${modelName}": base path ${basePath} ${why}; it must hold one numbered directory a version, such as ${basePath}/1`,
      { cause },
    );
  }
  const names = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
  for (const name of names.sort()) {
    if (!/^\d+$/.test(name)) continue;
    const version = BigInt(name);
    if (version <= MAX_INT64) versions.set(version, join(basePath, name));
  }
  return versions;
}

function readDirectory(path: string) {
  return readdir(path, { withFileTypes: true });
}
