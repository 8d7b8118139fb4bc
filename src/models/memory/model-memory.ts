/**
 * What a loaded version takes of the process's memory, and whether one that is about to load will fit.
 *
 * A runtime reads the file and copies its weights, once for each session, so while it loads a version takes
 *
 *     weights × (sessions + 1)      measured: a network of 50 MB in one session after another: +99, then +40 MB
 *     + Node and the runtime        where it starts a process, for each (process-memory.ts)
 *
 * and afterwards the weights of each session and what its runs work in. What does not fit under the cgroup's limit is
 * refused before it is tried: the kernel would end the process, and every model in it. The version that is served
 * meanwhile counts as used memory, as it is.
 *
 * What was taken is measured by the growth of the server's resident memory and that of the version's own processes, which
 * holds for a version that loads while no
 * other does.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import { ServingError } from '../../core/errors.ts';

export interface ModelMemory {
  /** Of the version's files. */
  readonly artifactBytes: number;
  /** Sessions that hold the weights. */
  readonly sessions: number;
  /** Of one process more for it, before a model is in it; 0 = it needs none. */
  readonly processBytes?: number;
  /** Growth of the process while it loaded and warmed up; undefined = another version loaded at the same time. */
  readonly residentBytes: number | undefined;
}

/** Growth beyond the weights: what runs work in, and what the allocators keep. Undefined where it was not measured. */
export function workingBytes({ artifactBytes, sessions, residentBytes }: ModelMemory): number | undefined {
  return residentBytes === undefined ? undefined : Math.max(0, residentBytes - artifactBytes * sessions);
}

/** Directories below a version that are looked into, and no further: an artifact is a handful of files. */
const MAX_DEPTH = 8;

/** Sum of the sizes of a version's files. What cannot be read counts as 0: the load itself will say. */
export async function artifactBytes(directory: string, depth = 0): Promise<number> {
  if (depth > MAX_DEPTH) return 0;
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const sizes = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return artifactBytes(path, depth + 1);
    return (await stat(path).catch(() => undefined))?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** At the height of a load, in bytes; `processBytes` are of the processes that it starts. */
export function bytesToLoad(weights: number, sessions: number, processBytes = 0): number {
  return weights * (sessions + 1) + processBytes;
}

export interface LoadNeed {
  readonly model: string;
  readonly version: bigint;
  readonly artifactBytes: number;
  readonly sessions: number;
  /** Of the processes that it starts, before a model is in them. */
  readonly processBytes: number;
  /** Promised to other loads that are under way. */
  readonly promisedBytes: number;
}

/** Throws `insufficient_memory` with the numbers. */
export function checkFits(need: LoadNeed, free: FreeMemory | undefined): void {
  if (free === undefined) return;
  const needed = bytesToLoad(need.artifactBytes, need.sessions, need.processBytes);
  const left = Math.max(0, free.freeBytes - need.promisedBytes);
  if (needed <= left) return;
  const copies = need.sessions === 1 ? '' : ` × ${need.sessions} sessions`;
  const isInProcess = need.processBytes > 0;
  const processes = isInProcess ? `, ${showBytes(need.processBytes)} for its process included,` : '';
  const sharing = isInProcess ? ', or let models share a process (process_group)' : '';
  const limit = free.isCgroup
    ? `the limit of ${showBytes(free.limitBytes)}`
    : `this machine's ${showBytes(free.limitBytes)}`;
  throw new ServingError(
    'insufficient_memory',
    `model "${need.model}" version ${need.version} does not fit: loading its ${showBytes(need.artifactBytes)}${copies} takes up to ${showBytes(needed)}${processes}${isInProcess ? '' : ','} but ${showBytes(left)} are free of ${limit}; raise the memory limit, or lower --num_batch_threads${sharing}`,
  );
}

/** "48 MiB", "19 KiB". */
export function showBytes(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 1024)} KiB`;
  const mib = bytes / 2 ** 20;
  return `${mib < 10 ? Number(mib.toFixed(1)) : Math.round(mib)} MiB`;
}
