/**
 * The causes that slow a process down or end it: throttling, pressure, swap, limits. The process is this one or another
 * one on the same machine. A value that the kernel does not show is undefined, never 0.
 */
import { type CpuThrottling, cpuThrottling, type FileReader, oomKills, readTextFile } from './cgroup.ts';

export interface MachineHealth {
  readonly throttling: CpuThrottling | undefined;
  /** Percent of the last minute in which some process waited for a core. */
  readonly cpuPressurePercent: number | undefined;
  /** The kernel's setting for transparent pages of 2 MiB. */
  readonly hugePages: 'always' | 'madvise' | 'never' | undefined;
  /** The number of processes in this group that the kernel ended because memory was used up. */
  readonly oomKills: number;
  /** Memory of the process that is on disk. */
  readonly swappedBytes: number | undefined;
  readonly openFilesLimit: number | undefined;
  /** How often the CPU was slowed down because it was hot, since the machine started. */
  readonly thermalThrottles: number | undefined;
}

/** Never throws. */
export function readMachineHealth(readFile: FileReader = readTextFile): MachineHealth {
  const swapKib = match(readFile('/proc/self/status'), /^VmSwap:\s+(\d+) kB$/m);
  return {
    throttling: cpuThrottling(readFile),
    cpuPressurePercent: match(readFile('/proc/pressure/cpu'), /^some .*avg60=([\d.]+)/m),
    // The chosen word stands in brackets: "always [madvise] never".
    hugePages: /\[(always|madvise|never)\]/.exec(
      readFile('/sys/kernel/mm/transparent_hugepage/enabled') ?? '',
    )?.[1] as MachineHealth['hugePages'],
    oomKills: oomKills(readFile),
    swappedBytes: swapKib === undefined ? undefined : swapKib * 1024,
    openFilesLimit: match(readFile('/proc/self/limits'), /^Max open files\s+(\d+)/m),
    thermalThrottles: match(readFile('/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count'), /^(\d+)/),
  };
}

/** A reader that reads another process's files in /proc in place of this process's. */
export function readerOfProcess(pid: number, readFile: FileReader = readTextFile): FileReader {
  return (path) => readFile(path.replace(/^\/proc\/self\//, `/proc/${pid}/`));
}

/** The number of cores that a process may run on, by `/proc/self/status`; undefined if that does not say. */
export function affinityCores(readFile: FileReader): number | undefined {
  const list = /^Cpus_allowed_list:\s+([\d,-]+)$/m.exec(readFile('/proc/self/status') ?? '')?.[1];
  return list?.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number);
    return sum + last! - first! + 1;
  }, 0);
}

function match(text: string | undefined, pattern: RegExp): number | undefined {
  const found = pattern.exec(text ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}
