/**
 * What this process may use of the machine: cores, memory, vector instructions. Read once at start; slots and threads
 * follow from it, and one log line says it.
 *
 * Cores and memory are what the process may use, never what the host has: the scheduler's affinity mask, and the
 * tightest limit from the process's own cgroup up to the root (a pod's limit stands on a parent of its container's).
 *
 *   /sys/fs/cgroup/kubepods/pod7/main   cpu.max "max 100000"        no limit of its own
 *   /sys/fs/cgroup/kubepods/pod7        cpu.max "150000 100000"  ◀─ 1.5 cores: this one counts
 *   /sys/fs/cgroup                      (the root has no file)
 *
 * Both cgroup versions are read, and both at once on a hybrid host. A file that is missing or says what we do not
 * understand is no limit: a sidecar must start on machines that nobody here has seen.
 */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, totalmem } from 'node:os';
import process from 'node:process';

/** A file's text, or undefined where it cannot be read. */
export type FileReader = (path: string) => string | undefined;

/** Instruction sets that runtimes have kernels for, as Linux names them. */
export const SIMD_SETS = [
  'sse4_2',
  'avx',
  'avx2',
  'fma',
  'avx_vnni',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'amx_tile',
  'neon',
  'asimd',
  'asimddp',
  'sve',
  'i8mm',
  'bf16',
] as const;
export type SimdSet = (typeof SIMD_SETS)[number];

export interface Machine {
  /** Cores in the affinity mask. At least 1. */
  readonly cores: number;
  /** CPU time per second that cgroups allow, in cores; undefined = no quota. */
  readonly quotaCores: number | undefined;
  /** Cores to plan for: min(cores, quota) rounded down, at least 1. */
  readonly budgetCores: number;
  /** Undefined = no limit below the host's memory. */
  readonly memoryLimitBytes: number | undefined;
  /** The host's. */
  readonly totalMemoryBytes: number;
  readonly simd: readonly SimdSet[];
  /** Empty where the kernel does not tell. */
  readonly cpuModel: string;
  readonly nodeVersion: string;
  /** 'x64', 'arm64', … */
  readonly arch: string;
}

/** Everything read from outside, so that a test needs no machine. */
export interface MachineSources {
  readonly readFile: FileReader;
  readonly affinityCores: number;
  readonly totalMemoryBytes: number;
  readonly nodeVersion: string;
  readonly arch: string;
}

/** Where cgroups are mounted. */
const CGROUP_ROOT = '/sys/fs/cgroup';

/** Version 1 says "no limit" of memory by a number near 2^63: nothing above this is a limit. */
const NO_LIMIT_BYTES = 2 ** 60;

/** Reads the machine that this process runs on. Never throws. */
export function readMachine(sources: MachineSources = realSources()): Machine {
  const { readFile, totalMemoryBytes } = sources;
  const groups = parseCgroups(readFile('/proc/self/cgroup') ?? '');
  const cores = Math.max(1, sources.affinityCores);
  const quotaCores = tightest([...quotasV2(groups, readFile), ...quotasV1(groups, readFile)]);
  const limit = tightest([...memoryLimits(groups, readFile)]);
  const cpuInfo = readFile('/proc/cpuinfo') ?? '';
  return {
    cores,
    quotaCores,
    budgetCores: Math.max(1, Math.floor(Math.min(cores, quotaCores ?? cores))),
    memoryLimitBytes: limit !== undefined && limit < totalMemoryBytes ? limit : undefined,
    totalMemoryBytes,
    simd: simdSets(cpuInfo),
    cpuModel: /^(?:model name|Model|Processor)[ \t]*:[ \t]*(.+)$/m.exec(cpuInfo)?.[1]?.trim() ?? '',
    nodeVersion: sources.nodeVersion,
    arch: sources.arch,
  };
}

/** The fields of the one line that the server logs of its machine when it starts. */
export function describeMachine(machine: Machine): Readonly<Record<string, unknown>> {
  const { memoryLimitBytes } = machine;
  return {
    cpu: machine.cpuModel || 'unknown',
    arch: machine.arch,
    cores: machine.cores,
    quota_cores: machine.quotaCores ?? 'none',
    budget_cores: machine.budgetCores,
    memory_limit_mib: memoryLimitBytes === undefined ? 'none' : toMib(memoryLimitBytes),
    total_memory_mib: toMib(machine.totalMemoryBytes),
    simd: machine.simd.join(' ') || 'unknown',
    node: machine.nodeVersion,
  };
}

function realSources(): MachineSources {
  return {
    readFile: readTextFile,
    affinityCores: availableParallelism(),
    totalMemoryBytes: totalmem(),
    nodeVersion: process.version,
    arch: arch(),
  };
}

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Controller → path of our group under it; '' is version 2. Lines are `number:controller,controller:path`. */
function parseCgroups(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
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

function* memoryLimits(groups: ReadonlyMap<string, string>, readFile: FileReader): Generator<number> {
  const v2 = groups.get('');
  const v1 = groups.get('memory');
  if (v2 !== undefined) {
    for (const directory of directories(CGROUP_ROOT, v2)) yield Number(readFile(`${directory}/memory.max`));
  }
  if (v1 === undefined) return;
  for (const directory of directories(`${CGROUP_ROOT}/memory`, v1)) {
    const limit = Number(readFile(`${directory}/memory.limit_in_bytes`));
    if (limit < NO_LIMIT_BYTES) yield limit;
  }
}

/** Smallest of those that are limits at all: "max", -1, 0 and what is no number are none. */
function tightest(limits: readonly number[]): number | undefined {
  const real = limits.filter((limit) => Number.isFinite(limit) && limit > 0);
  return real.length === 0 ? undefined : Math.min(...real);
}

/** x86 has a line of `flags`, Arm of `Features`; all cores are taken to be alike. */
function simdSets(cpuInfo: string): readonly SimdSet[] {
  const line = /^(?:flags|Features)[ \t]*:[ \t]*(.+)$/m.exec(cpuInfo)?.[1] ?? '';
  const flags = new Set(line.split(/\s+/));
  return SIMD_SETS.filter((set) => flags.has(set));
}

function toMib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
