/**
 * How the machine treats one process: what is taken from it, and what may slow it down. Read when asked, of this process
 * or of another one on the same machine. What the kernel does not tell is undefined, never 0.
 */
import { type CpuThrottling, cpuThrottling, type FileReader, oomKills, readTextFile } from './cgroup.ts';

/** What the kernel does about pages of 2 MiB. */
export type HugePages = 'always' | 'madvise' | 'never';

export interface MachineHealth {
  readonly throttling: CpuThrottling | undefined;
  /** Of the last minute, percent in which something wanted a core and had none. */
  readonly cpuPressurePercent: number | undefined;
  readonly hugePages: HugePages | undefined;
  /** Processes of our groups that were ended because memory was used up. */
  readonly oomKills: number;
  /** Of the process, on disk. */
  readonly swappedBytes: number | undefined;
  readonly openFilesLimit: number | undefined;
  /** Times that a core was slowed down because it was hot, since the machine started. */
  readonly thermalThrottles: number | undefined;
}

/** Never throws. */
export function readMachineHealth(readFile: FileReader = readTextFile): MachineHealth {
  return {
    throttling: cpuThrottling(readFile),
    cpuPressurePercent: match(readFile('/proc/pressure/cpu'), /^some .*avg60=([\d.]+)/m),
    hugePages: hugePages(readFile('/sys/kernel/mm/transparent_hugepage/enabled')),
    oomKills: oomKills(readFile),
    swappedBytes: times(match(readFile('/proc/self/status'), /^VmSwap:\s+(\d+) kB$/m), 1024),
    openFilesLimit: match(readFile('/proc/self/limits'), /^Max open files\s+(\d+)/m),
    thermalThrottles: match(readFile('/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count'), /^(\d+)/),
  };
}

/** Reads another process's own files where `readFile` would read this one's. */
export function readerOfProcess(pid: number, readFile: FileReader = readTextFile): FileReader {
  return (path) => readFile(path.replace(/^\/proc\/self\//, `/proc/${pid}/`));
}

/** Cores that a process may run on, by `/proc/self/status`; undefined where that does not tell. */
export function affinityCores(readFile: FileReader): number | undefined {
  const list = /^Cpus_allowed_list:\s+([\d,-]+)$/m.exec(readFile('/proc/self/status') ?? '')?.[1];
  return list?.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number);
    return sum + last! - first! + 1;
  }, 0);
}

/** The choice in force stands in brackets: "always [madvise] never". */
function hugePages(text: string | undefined): HugePages | undefined {
  return /\[(always|madvise|never)\]/.exec(text ?? '')?.[1] as HugePages | undefined;
}

function match(text: string | undefined, pattern: RegExp): number | undefined {
  const found = pattern.exec(text ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
