/**
 * What a version's files look like from outside, to tell whether somebody still writes them: the names in the whole tree,
 * sizes, modes and times of the files, never contents. Two equal fingerprints mean that nothing was written in between.
 *
 * The change time counts because an old modification time is what cp -p, tar and rsync give to a file that is new here, and
 * because a file that was renamed over another has a new one. Inode numbers do not count: on file systems that invent
 * them they change by themselves. Nor do times of directories: what they tell, the names tell too, and a directory that was
 * renamed into place whole would look new.
 *
 * Looks at no more than MAX_ENTRIES entries and MAX_DEPTH levels: an artifact is a handful of files, and a look must stay
 * cheap on a network file system. Symbolic links are followed. What cannot be read is part of the fingerprint, so that
 * a version with a wrong mode is tried, and fails with the reason, and is tried again when the mode was mended.
 */
import { createHash, type Hash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const MAX_ENTRIES = 2000;
const MAX_DEPTH = 16;

export interface ArtifactFingerprint {
  readonly text: string;
  /** Files found; one that cannot be read counts. 0 = nothing to load yet. */
  readonly files: number;
  /** The newest change of a file, its content or its name, in ms since 1970. 0 = no file was found. */
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
