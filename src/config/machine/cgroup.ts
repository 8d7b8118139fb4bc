/**
 * Control groups of this process, as far as a sidecar needs them: where its limits stand and how much of them is used.
 *
 * The tightest limit from the process's own group up to the root counts: a pod's stands on a parent of its container's.
 *
 *   /sys/fs/cgroup/kubepods/pod7/main   cpu.max "max 100000"        no limit of its own
 *   /sys/fs/cgroup/kubepods/pod7        cpu.max "150000 100000"  ◀─ 1.5 cores: this one counts
 *   /sys/fs/cgroup                      (the root has no file)
 *
 * Both versions are read, and both at once on a hybrid host. A file that is missing or says what we do not understand is
 * no limit: a sidecar must start on machines that nobody here has seen.
 */
import { readFileSync } from 'node:fs';

/** A file's text, or undefined where it cannot be read. */
export type FileReader = (path: string) => string | undefined;

/** Where cgroups are mounted. */
const CGROUP_ROOT = '/sys/fs/cgroup';

/** Version 1 says "no limit" of memory by a number near 2^63: nothing above this is a limit. */
const NO_LIMIT_BYTES = 2 ** 60;

/** A group with a memory limit, in bytes. */
export interface MemoryGroup {
  readonly limitBytes: number;
  /** All that is charged to the group, files in the page cache included. */
  readonly usedBytes: number;
  /** Of that, file pages that the kernel would give up first. */
  readonly reclaimableBytes: number;
}

/** How often the quota's end was met, since the group was made. */
export interface CpuThrottling {
  /** In which the group wanted CPU at all. */
  readonly periods: number;
  /** Of those, in which it had to stand still until the next one. */
  readonly throttledPeriods: number;
  /** Sum over its threads. */
  readonly throttledMs: number;
}

export function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** CPU time a second that the groups allow, in cores; undefined = no quota. */
export function quotaCores(readFile: FileReader): number | undefined {
  const groups = ownGroups(readFile);
  return tightest([...quotasV2(groups, readFile), ...quotasV1(groups, readFile)]);
}

/** Of the group that stood still most often; undefined where none has a quota that is counted. */
export function cpuThrottling(readFile: FileReader): CpuThrottling | undefined {
  const groups = ownGroups(readFile);
  const counted: CpuThrottling[] = [];
  for (const directory of cpuDirectories(groups)) {
    const text = readFile(`${directory}/cpu.stat`);
    const periods = field(text, 'nr_periods');
    if (periods === 0) continue;
    // Version 1 counts in nanoseconds, under another name.
    const throttledMs = field(text, 'throttled_usec') / 1e3 + field(text, 'throttled_time') / 1e6;
    counted.push({ periods, throttledPeriods: field(text, 'nr_throttled'), throttledMs });
  }
  return counted.sort((a, b) => b.throttledPeriods - a.throttledPeriods)[0];
}

/** Processes that the kernel has ended in our groups because their memory was used up. */
export function oomKills(readFile: FileReader): number {
  const groups = ownGroups(readFile);
  const path = groups.get('');
  const v2 = path === undefined ? [] : [...directories(CGROUP_ROOT, path)].map((each) => `${each}/memory.events`);
  const v1Path = groups.get('memory');
  const v1 = v1Path === undefined ? [] : [`${CGROUP_ROOT}/memory${v1Path}/memory.oom_control`];
  return Math.max(0, ...[...v2, ...v1].map((file) => field(readFile(file), 'oom_kill')));
}

/** The groups above this process that limit memory, innermost first. */
export function memoryGroups(readFile: FileReader): readonly MemoryGroup[] {
  const groups = ownGroups(readFile);
  return [...memoryV2(groups, readFile), ...memoryV1(groups, readFile)].filter(
    ({ limitBytes }) => limitBytes > 0 && limitBytes < NO_LIMIT_BYTES,
  );
}

/** Controller → path of our group under it; '' is version 2. Lines are `number:controller,controller:path`. */
function ownGroups(readFile: FileReader): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of (readFile('/proc/self/cgroup') ?? '').split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of match[1]!.split(',')) groups.set(controller, match[2]!);
  }
  return groups;
}

/**
 * The group's directory and all above it, the mount's root last. Inside a container the path may be that of the host
 * and lie nowhere under our mount: its files are missing then, and the root holds the container's own limits.
 */
function* directories(mount: string, path: string): Generator<string> {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  for (let depth = names.length; depth >= 0; depth--) yield [mount, ...names.slice(0, depth)].join('/');
}

/** `cpu.max`: "max 100000" or "quota period", in microseconds. */
function* quotasV2(groups: ReadonlyMap<string, string>, readFile: FileReader): Generator<number> {
  const path = groups.get('');
  if (path === undefined) return;
  for (const directory of directories(CGROUP_ROOT, path)) {
    const [quota, period] = (readFile(`${directory}/cpu.max`) ?? '').trim().split(/\s+/);
    yield Number(quota) / Number(period);
  }
}

/** Two files of one number each; -1 = no quota. The controllers are mounted together under either name. */
function* quotasV1(groups: ReadonlyMap<string, string>, readFile: FileReader): Generator<number> {
  const path = groups.get('cpu');
  if (path === undefined) return;
  for (const mount of ['cpu', 'cpu,cpuacct']) {
    for (const directory of directories(`${CGROUP_ROOT}/${mount}`, path)) {
      const quota = Number(readFile(`${directory}/cpu.cfs_quota_us`));
      yield quota / Number(readFile(`${directory}/cpu.cfs_period_us`));
    }
  }
}

/** Where CPU time is counted, of either version. */
function* cpuDirectories(groups: ReadonlyMap<string, string>): Generator<string> {
  const v2 = groups.get('');
  if (v2 !== undefined) yield* directories(CGROUP_ROOT, v2);
  const v1 = groups.get('cpu');
  if (v1 === undefined) return;
  for (const mount of ['cpu', 'cpu,cpuacct']) yield* directories(`${CGROUP_ROOT}/${mount}`, v1);
}

function* memoryV2(groups: ReadonlyMap<string, string>, readFile: FileReader): Generator<MemoryGroup> {
  const path = groups.get('');
  if (path === undefined) return;
  for (const directory of directories(CGROUP_ROOT, path)) {
    yield {
      limitBytes: numberIn(readFile(`${directory}/memory.max`)),
      usedBytes: numberIn(readFile(`${directory}/memory.current`)),
      reclaimableBytes: field(readFile(`${directory}/memory.stat`), 'inactive_file'),
    };
  }
}

function* memoryV1(groups: ReadonlyMap<string, string>, readFile: FileReader): Generator<MemoryGroup> {
  const path = groups.get('memory');
  if (path === undefined) return;
  for (const directory of directories(`${CGROUP_ROOT}/memory`, path)) {
    yield {
      limitBytes: numberIn(readFile(`${directory}/memory.limit_in_bytes`)),
      usedBytes: numberIn(readFile(`${directory}/memory.usage_in_bytes`)),
      reclaimableBytes: field(readFile(`${directory}/memory.stat`), 'total_inactive_file'),
    };
  }
}

/** 0 for what is missing or no number ("max"). */
function numberIn(text: string | undefined): number {
  const value = Number(text ?? '');
  return Number.isFinite(value) ? Math.max(0, value) : 0;
}

/** A line "name number" of a file of such lines. */
function field(text: string | undefined, name: string): number {
  return numberIn(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1]);
}

/** Smallest of those that are limits at all: "max", -1, 0 and what is no number are none. */
function tightest(limits: readonly number[]): number | undefined {
  const real = limits.filter((limit) => Number.isFinite(limit) && limit > 0);
  return real.length === 0 ? undefined : Math.min(...real);
}
