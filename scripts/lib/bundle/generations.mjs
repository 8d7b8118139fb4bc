/**
 * Generations of a bundle, so that a server that runs goes on with the files that it began with: it loads parts when it needs
 * them, and begins threads and processes by files whose names are the same in each build.
 *
 *   dist/bundle              a link to the newest; Node takes the real path of what it starts
 *   dist/bundle-1a2b3c       the newest
 *   dist/bundle-0f9e8d       the one before, which stays until the next build
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * `fresh`, a folder beside it, becomes what `directory` leads to, at once. The generation before stays, those before it go.
 * @param {string} fresh
 * @param {string} directory
 */
export function installGeneration(fresh, directory) {
  const before = currentGeneration(directory);
  const name = `${basename(directory)}-${contentHash(fresh)}`;
  const own = join(dirname(directory), name);
  // The same sources give the same files: what runs of them need not notice.
  if (name === before) rmSync(fresh, { recursive: true });
  else {
    rmSync(own, { recursive: true, force: true });
    renameSync(fresh, own);
    const link = `${directory}.link`;
    rmSync(link, { force: true });
    symlinkSync(name, link);
    renameSync(link, directory);
  }
  for (const other of generations(directory)) {
    const isKept = other === name || other === before || (name === before && other === previous(directory, name));
    if (!isKept) rmSync(join(dirname(directory), other), { recursive: true });
  }
}

/** The name of the folder that `directory` leads to. A folder of its own is given a name first. */
function currentGeneration(directory) {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isSymbolicLink()) return readlinkSync(directory);
  const name = `${basename(directory)}-before`;
  const own = join(dirname(directory), name);
  rmSync(own, { recursive: true, force: true });
  renameSync(directory, own);
  return name;
}

function generations(directory) {
  const begin = `${basename(directory)}-`;
  return readdirSync(dirname(directory)).filter((name) => name.startsWith(begin));
}

/** The newest but for `name`. */
function previous(directory, name) {
  const age = (other) => statSync(join(dirname(directory), other)).mtimeMs;
  return generations(directory)
    .filter((other) => other !== name)
    .sort((a, b) => age(b) - age(a))[0];
}

/** Hashes the names and bytes of all files but code caches, which differ each time. */
function contentHash(directory) {
  const hash = createHash('sha256');
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.cache'));
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    hash.update(`${path.slice(directory.length)}\0`).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 12);
}
