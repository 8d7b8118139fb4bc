/**
 * The control groups of this process: its limits, and how much of them is used.
 *
 * Groups are nested, and the tightest limit from the process's own group up to the root counts. A pod's limit stands on
 * the parent of its container's group:
 *
 *   /sys/fs/cgroup/kubepods/pod7/main   cpu.max "max 100000"        no limit of its own
 *   /sys/fs/cgroup/kubepods/pod7        cpu.max "150000 100000"  ◀─ 1.5 cores: this one counts
 *   /sys/fs/cgroup                      (the root has no file)
 *
 * Both versions of cgroups are read, because a hybrid host has both. A file that is missing or cannot be understood
 * means no limit: a sidecar must start on unknown machines.
 */
import { readFileSync } from 'node:fs';

/** A file's text, or undefined if it cannot be read. */
export type FileReader = (path: string) => string | undefined;

/** Mounts by controller. The key '' is version 2; version 1 may mount the CPU's controllers under either name. */
const MOUNTS = {
  '': ['/sys/fs/cgroup'],
  cpu: ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'],
  memory: ['/sys/fs/cgroup/memory'],
} as const;

/** Version 1 writes "no limit" of memory as a number near 2^63: nothing above this is a limit. */
const NO_LIMIT_BYTES = 2 ** 60;

/** A group with a memory limit. */
interface MemoryGroup {
  readonly limitBytes: number;
  /** All memory that is charged to the group, the page cache included. */
  readonly usedBytes: number;
  /** The part that holds file pages, which the kernel reclaims first. */
  readonly reclaimableBytes: number;
}

/** How often a group used up its CPU quota, since the group was made. */
export interface CpuThrottling {
  /** Periods in which the group wanted CPU at all. */
  readonly periods: number;
  /** Periods in which it was stopped until the next one. */
  readonly throttledPeriods: number;
  /** The throttled time in ms, summed over its threads. */
  readonly throttledMs: number;
}

export function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The CPU quota in cores; undefined = none. */
export function quotaCores(readFile: FileReader): number | undefined {
  // Version 2 has "quota period" in one file, with "max" for no quota; version 1 has two files, with -1 for none.
  const v2 = groupDirectories('', readFile).map((directory) => {
    const [quota, period] = (readFile(`${directory}/cpu.max`) ?? '').trim().split(/\s+/);
    return Number(quota) / Number(period);
  });
  const v1 = groupDirectories('cpu', readFile).map((directory) => {
    const quota = Number(readFile(`${directory}/cpu.cfs_quota_us`));
    return quota / Number(readFile(`${directory}/cpu.cfs_period_us`));
  });
  const quotas = [...v2, ...v1].filter((cores) => Number.isFinite(cores) && cores > 0);
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

/** The throttling of the group that was stopped most often; undefined if no group has a quota. */
export function cpuThrottling(readFile: FileReader): CpuThrottling | undefined {
  const counted: CpuThrottling[] = [];
  for (const directory of [...groupDirectories('', readFile), ...groupDirectories('cpu', readFile)]) {
    const text = readFile(`${directory}/cpu.stat`);
    const periods = field(text, 'nr_periods');
    if (periods === 0) continue;
    // Version 1 counts nanoseconds, under another name.
    const throttledMs = field(text, 'throttled_usec') / 1e3 + field(text, 'throttled_time') / 1e6;
    counted.push({ periods, throttledPeriods: field(text, 'nr_throttled'), throttledMs });
  }
  return counted.sort((a, b) => b.throttledPeriods - a.throttledPeriods)[0];
}

/** The number of processes in these groups that the kernel ended because memory was used up. */
export function oomKills(readFile: FileReader): number {
  const v2 = groupDirectories('', readFile).map((directory) => `${directory}/memory.events`);
  const v1 = groupDirectories('memory', readFile)
    .slice(0, 1)
    .map((directory) => `${directory}/memory.oom_control`);
  return Math.max(0, ...[...v2, ...v1].map((file) => field(readFile(file), 'oom_kill')));
}

/**
 * True if nobody is in the group among whose processes this one's cores are divided but itself and those that started it,
 * which wait for its end. To be asked before it starts processes of its own. False where that is not known.
 */
export function isAloneInGroup(pid: number, readFile: FileReader): boolean {
  for (const directory of [...groupDirectories('cpu', readFile), ...groupDirectories('', readFile)]) {
    const pids = readFile(`${directory}/cgroup.procs`)?.match(/\d+/g);
    if (!pids) continue;
    const waiting = [pid, ...parentsOf(pid, readFile)];
    return pids.every((each) => waiting.includes(Number(each)));
  }
  return false;
}

function parentsOf(pid: number, readFile: FileReader): readonly number[] {
  const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFile(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
  return parent === 0 ? [] : [parent, ...parentsOf(parent, readFile)];
}

/** The groups of this process that limit memory, innermost first. */
export function memoryGroups(readFile: FileReader): readonly MemoryGroup[] {
  const groupIn = (directory: string, limit: string, used: string, reclaimable: string): MemoryGroup => ({
    limitBytes: numberIn(readFile(`${directory}/${limit}`)),
    usedBytes: numberIn(readFile(`${directory}/${used}`)),
    reclaimableBytes: field(readFile(`${directory}/memory.stat`), reclaimable),
  });
  const v2 = groupDirectories('', readFile).map((directory) =>
    groupIn(directory, 'memory.max', 'memory.current', 'inactive_file'),
  );
  const v1 = groupDirectories('memory', readFile).map((directory) =>
    groupIn(directory, 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
  );
  return [...v2, ...v1].filter(({ limitBytes }) => limitBytes > 0 && limitBytes < NO_LIMIT_BYTES);
}

/**
 * The directories of this process's group and its parents, innermost first, in each mount of the controller. Inside a
 * container the path may be the host's, which does not exist under our mount. Its files are missing then, and the root
 * of the mount has the container's limits.
 */
function groupDirectories(controller: keyof typeof MOUNTS, readFile: FileReader): readonly string[] {
  const path = groupPath(controller, readFile);
  if (path === undefined) return [];
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return MOUNTS[controller].flatMap((mount) =>
    [...names.keys(), names.length].reverse().map((depth) => [mount, ...names.slice(0, depth)].join('/')),
  );
}

/** Lines are `number:controller,controller:path`. */
function groupPath(controller: string, readFile: FileReader): string | undefined {
  const lines = (readFile('/proc/self/cgroup') ?? '').matchAll(/^\d+:([^:]*):(\/.*)$/gm);
  return [...lines].findLast(([, controllers]) => controllers!.split(',').includes(controller))?.[2];
}

/** 0 for a missing file and for text that is not a number ("max"). */
function numberIn(text: string | undefined): number {
  const value = Number(text ?? '');
  return Number.isFinite(value) ? Math.max(0, value) : 0;
}

/** The number of a line "name number". */
function field(text: string | undefined, name: string): number {
  return numberIn(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1]);
}
