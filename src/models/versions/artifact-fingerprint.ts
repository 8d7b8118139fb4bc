/**
 * A fingerprint of a version's files, to detect whether they are still being written: a hash of the names in the whole
 * tree and of the files' sizes, modes and times, never of contents. If two fingerprints are equal, nothing was written
 * between.
 *
 * The change time is included because cp -p, tar and rsync give new files an old modification time, and because it
 * changes when a file is renamed over another. Inode numbers are not included: some file systems change them. Times of
 * directories are not included either: the names cover them, and a directory that was renamed into place would look
 * new.
 *
 * Reads at most MAX_ENTRIES entries and MAX_DEPTH levels, so that a poll stays cheap on a network file system. Symbolic
 * links are followed. An entry that cannot be read is part of the fingerprint: a version with a wrong mode is loaded,
 * fails with the reason, and is loaded again once the mode has changed.
 */
import { createHash, type Hash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const MAX_ENTRIES = 2000;
const MAX_DEPTH = 16;

export interface ArtifactFingerprint {
  readonly text: string;
  /** The number of files, unreadable ones included. 0 = nothing to load yet. */
  readonly files: number;
  /** The newest change of a file's content or name, in ms since 1970. 0 = no file was found. */
  readonly changedAtMs: number;
}

interface Walk {
  readonly hash: Hash;
  entries: number;
  files: number;
  changedAtMs: number;
}

/** Never rejects. */
export async function fingerprintOf(directory: string): Promise<ArtifactFingerprint> {
  const walk: Walk = { hash: createHash('sha256'), entries: 0, files: 0, changedAtMs: 0 };
  await visit(walk, directory, '.', 0);
  return { text: walk.hash.digest('hex'), files: walk.files, changedAtMs: walk.changedAtMs };
}

async function visit(walk: Walk, path: string, relative: string, depth: number): Promise<void> {
  if (walk.entries >= MAX_ENTRIES || depth > MAX_DEPTH) return;
  walk.entries += 1;
  try {
    const found = await stat(path);
    const { size, mtimeMs, ctimeMs, mode } = found;
    if (found.isDirectory()) {
      walk.hash.update(JSON.stringify([relative, mode]));
      const names = (await readdir(path)).sort();
      for (const name of names) await visit(walk, join(path, name), `${relative}/${name}`, depth + 1);
    } else {
      walk.hash.update(JSON.stringify([relative, mode, size, mtimeMs, ctimeMs]));
      walk.files += 1;
      walk.changedAtMs = Math.max(walk.changedAtMs, mtimeMs, ctimeMs);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    walk.hash.update(JSON.stringify([relative, String(code)]));
    if (code !== 'ENOENT') walk.files += 1;
  }
}
