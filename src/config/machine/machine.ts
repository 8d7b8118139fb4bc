/**
 * The machine as this process may use it: cores, memory, vector instructions. It is read once at the start; slots and
 * threads follow from it, and one log line shows it.
 *
 * Cores and memory are the process's, not the host's: by the affinity mask and the tightest cgroup limit (cgroup.ts).
 */
import { arch, availableParallelism, totalmem } from 'node:os';
import process from 'node:process';
import { type FileReader, isAloneInGroup, memoryGroups, quotaCores, readTextFile } from './cgroup.ts';

/** Instruction sets that runtimes have kernels for, by Linux's names. */
const SIMD_SETS = [
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
type SimdSet = (typeof SIMD_SETS)[number];

export interface Machine {
  /** Cores in the affinity mask. At least 1. */
  readonly cores: number;
  /** CPU time per second that cgroups allow, in cores; undefined = no quota. */
  readonly quotaCores: number | undefined;
  /** Cores to plan for: min(cores, quota) rounded down, at least 1. */
  readonly budgetCores: number;
  /** No other process shares the part of the cores that its control group has. False where that is not known. */
  readonly isAloneInGroup: boolean;
  /** Undefined = the host's memory is the limit. */
  readonly memoryLimitBytes: number | undefined;
  /** The host's memory. */
  readonly totalMemoryBytes: number;
  readonly simd: readonly SimdSet[];
  /** Empty if the kernel does not show it. */
  readonly cpuModel: string;
  readonly nodeVersion: string;
  /** 'x64', 'arm64', … */
  readonly arch: string;
}

/** All inputs, so that a test needs no machine. */
export interface MachineSources {
  readonly readFile: FileReader;
  readonly affinityCores: number;
  /** The process that has started none of its own yet; absent = whether it is alone in its group is not known. */
  readonly pid?: number;
  readonly totalMemoryBytes: number;
  readonly nodeVersion: string;
  readonly arch: string;
}

/** The cores to plan for now: a quota may change while the process runs. Never throws. */
export function readBudgetCores({ readFile, affinityCores }: MachineSources = realSources()): number {
  return budgetOf(Math.max(1, affinityCores), quotaCores(readFile));
}

/** Reads the machine that this process runs on. Never throws. */
export function readMachine(sources: MachineSources = realSources()): Machine {
  const { readFile, totalMemoryBytes } = sources;
  const cores = Math.max(1, sources.affinityCores);
  const quota = quotaCores(readFile);
  const limit = Math.min(...memoryGroups(readFile).map(({ limitBytes }) => limitBytes));
  const cpuInfo = readFile('/proc/cpuinfo') ?? '';
  return {
    cores,
    quotaCores: quota,
    budgetCores: budgetOf(cores, quota),
    isAloneInGroup: sources.pid !== undefined && isAloneInGroup(sources.pid, readFile),
    memoryLimitBytes: limit < totalMemoryBytes ? limit : undefined,
    totalMemoryBytes,
    simd: simdSets(cpuInfo),
    cpuModel: /^(?:model name|Model|Processor)[ \t]*:[ \t]*(.+)$/m.exec(cpuInfo)?.[1]?.trim() ?? '',
    nodeVersion: sources.nodeVersion,
    arch: sources.arch,
  };
}

function budgetOf(cores: number, quota: number | undefined): number {
  return Math.max(1, Math.floor(Math.min(cores, quota ?? cores)));
}

/** The fields of the log line about the machine. */
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
    pid: process.pid,
    totalMemoryBytes: totalmem(),
    nodeVersion: process.version,
    arch: arch(),
  };
}

/** x86 has a line `flags`, Arm a line `Features`. All cores are assumed to be alike. */
function simdSets(cpuInfo: string): readonly SimdSet[] {
  const line = /^(?:flags|Features)[ \t]*:[ \t]*(.+)$/m.exec(cpuInfo)?.[1] ?? '';
  const flags = new Set(line.split(/\s+/));
  return SIMD_SETS.filter((set) => flags.has(set));
}

function toMib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
