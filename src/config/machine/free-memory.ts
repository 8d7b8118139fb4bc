/**
 * How much memory this process may still take before the kernel ends it, by its tightest cgroup or by the host's free
 * memory. File pages that the kernel can reclaim count as free; otherwise a model that was just read from disk would
 * not fit beside its own file.
 */
import { type FileReader, memoryGroups, readTextFile } from './cgroup.ts';

export interface FreeMemory {
  readonly freeBytes: number;
  /** The cgroup's limit, or the host's memory. */
  readonly limitBytes: number;
  readonly isCgroup: boolean;
}

/** Undefined if neither can be read. */
export function readFreeMemory(readFile: FileReader = readTextFile): FreeMemory | undefined {
  const bounds = memoryGroups(readFile).map(({ limitBytes, usedBytes, reclaimableBytes }) => ({
    freeBytes: Math.max(0, limitBytes - Math.max(0, usedBytes - reclaimableBytes)),
    limitBytes,
    isCgroup: true,
  }));
  const host = hostMemory(readFile('/proc/meminfo') ?? '');
  if (host !== undefined) bounds.push(host);
  return bounds.reduce<FreeMemory | undefined>(
    (least, bound) => (least === undefined || bound.freeBytes < least.freeBytes ? bound : least),
    undefined,
  );
}

/** Lines are `MemAvailable:   24234436 kB`. */
function hostMemory(text: string): FreeMemory | undefined {
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
  const freeBytes = bytesOf('MemAvailable');
  const limitBytes = bytesOf('MemTotal');
  return Number.isNaN(freeBytes + limitBytes) ? undefined : { freeBytes, limitBytes, isCgroup: false };
}
