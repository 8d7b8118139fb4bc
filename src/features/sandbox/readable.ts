/** Judges by their modes whether another user may read files. Access control lists do not count. */
import { readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Reader {
  /** Numeric user, and the number of its only group. */
  readonly user: number;
  /** The directories that lead to the path do not count. */
  readonly isWayOpen: boolean;
  /** The contents of a directory count as well. */
  readonly isDeep: boolean;
}

/** The most entries that are looked at; those after them count as readable. */
const MAX_ENTRIES = 10_000;

const READ = 4;
const PASS = 1;

/** The first path at or below one of `paths`, or on the way to it, that the reader cannot read; undefined = none. */
export function firstUnreadable(paths: readonly string[], reader: Reader): string | undefined {
  for (const path of paths) {
    const found = unreadablePath(path, reader);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The unreadable path nearest to `path`: it and its contents come first, then the way to it, from the inside out. */
function unreadablePath(path: string, { user, isWayOpen, isDeep }: Reader): string | undefined {
  const rest = [{ at: path, isDeep }];
  for (let left = MAX_ENTRIES; rest.length > 0 && left > 0; left--) {
    const next = rest.pop()!;
    const stats = statsOf(next.at);
    const isDirectory = stats?.isDirectory() === true;
    if (!allows(stats, user, isDirectory ? READ + PASS : READ)) return next.at;
    if (!isDirectory || !next.isDeep) continue;
    // Links may lead back.
    const entries = readdirSync(next.at, { withFileTypes: true });
    rest.push(...entries.map((entry) => ({ at: join(next.at, entry.name), isDeep: !entry.isSymbolicLink() })));
  }
  for (let at = dirname(path); !isWayOpen && at !== dirname(at); at = dirname(at)) {
    if (!allows(statsOf(at), user, PASS)) return at;
  }
  return undefined;
}

/** Undefined if it is not there, or a link to nothing. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** A path that does not exist counts as readable by all. */
function allows(stats: Stats | undefined, user: number, wanted: number): boolean {
  if (stats === undefined) return true;
  const { mode, uid, gid } = stats;
  const shift = uid === user ? 6 : gid === user ? 3 : 0;
  return ((mode >> shift) & wanted) === wanted;
}
