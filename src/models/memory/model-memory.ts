/**
 * The memory of loaded versions, and the check whether a version will fit.
 *
 * A runtime reads the file and copies its weights once for each session, so a load needs
 *
 *     weights × (sessions + 1)
 *     + Node and the runtime, for each process that it starts (process-memory.ts)
 *
 * and afterwards the weights of each session plus working memory. A version that does not fit under the cgroup's limit
 * is refused before it is loaded: otherwise the kernel would kill the process with all its models.
 *
 * The memory of a version is measured as the growth of the server's resident memory plus that of the version's own
 * processes, which is right only if no other version loads at the same time.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import { ServingError } from '../../core/errors.ts';
import type { MemoryReading } from '../../ledger/metrics/gauges.ts';
export interface ModelMemory {
  /** The size of the version's files. */
  readonly artifactBytes: number;
  /** The copies of the weights in memory when it had loaded; Servable.sessions are those of now. */
  readonly sessions: number;
  /** The size of another process for the version, without a model; 0 = it needs none. */
  readonly processBytes?: number;
  /** Growth of resident memory by the load and the warm-up; undefined = another version loaded at the same time. */
  readonly residentBytes: number | undefined;
}

/** Memory beyond the weights: of runs and of allocators. Undefined if it was not measured. */
export function workingBytes({ artifactBytes, sessions, residentBytes }: ModelMemory): number | undefined {
  return residentBytes === undefined ? undefined : Math.max(0, residentBytes - artifactBytes * sessions);
}

/** The most levels of directories that are read below a version. */
const MAX_DEPTH = 8;

/** The sum of the sizes of a version's files. A file that cannot be read counts as 0: the load reports the error. */
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

/** The most memory that a load needs at any time, in bytes. `processBytes`: of the processes that it starts. */
export function bytesToLoad(weights: number, sessions: number, processBytes: number): number {
  return weights * (sessions + 1) + processBytes;
}

interface LoadNeed {
  readonly model: string;
  readonly version: bigint;
  readonly artifactBytes: number;
  readonly sessions: number;
  /** The size of the processes that it starts, without a model. */
  readonly processBytes: number;
  /** The memory that is reserved for other loads in progress. */
  readonly reservedBytes: number;
}

/** Throws `insufficient_memory` with the numbers. */
export function checkFits(need: LoadNeed, free: FreeMemory | undefined): void {
  if (free === undefined) return;
  const needed = bytesToLoad(need.artifactBytes, need.sessions, need.processBytes);
  const left = Math.max(0, free.freeBytes - need.reservedBytes);
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

/** The part of a Servable that reports need. */
interface MeasuredModel {
  readonly name: string;
  readonly version: bigint;
  /** Copies in memory now. */
  readonly sessions: number;
  readonly findings: { readonly memory: ModelMemory | undefined };
}

/** The fields of a servable's log line; empty if its loader did not measure memory. */
export function describeMemory({
  name,
  version,
  findings: { memory },
}: MeasuredModel): Readonly<Record<string, unknown>> {
  if (memory === undefined) return {};
  const working = workingBytes(memory);
  return {
    model: name,
    version: version.toString(),
    weights: showBytes(memory.artifactBytes),
    sessions: memory.sessions,
    working: working === undefined ? 'not measured: another version loaded at the same time' : showBytes(working),
  };
}

/** A servable's gauges; without `working` if that was not measured. */
export function memoryReadings({
  name,
  version,
  sessions,
  findings: { memory },
}: MeasuredModel): readonly MemoryReading[] {
  if (memory === undefined) return [];
  const of = { model: name, version: version.toString() };
  const weights = { ...of, part: 'weights', bytes: memory.artifactBytes * sessions } as const;
  const working = workingBytes(memory);
  return working === undefined ? [weights] : [weights, { ...of, part: 'working', bytes: working }];
}

/** "48 MiB", "19 KiB". */
export function showBytes(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 1024)} KiB`;
  const mib = bytes / 2 ** 20;
  return `${mib < 10 ? Number(mib.toFixed(1)) : Math.round(mib)} MiB`;
}
