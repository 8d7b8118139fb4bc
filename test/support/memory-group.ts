/** A cgroup with a memory limit of its own, version 1 or 2, for processes that a test starts. It needs root. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const VERSION_1 = '/sys/fs/cgroup/memory';
const VERSION_2 = '/sys/fs/cgroup';

let made = 0;

export class MemoryGroup {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Undefined if this machine does not let the test make one. */
  static make(limitBytes: number): MemoryGroup | undefined {
    const isFirst = existsSync(VERSION_1);
    made += 1;
    const directory = join(isFirst ? VERSION_1 : VERSION_2, `pillion-test-${process.pid}-${made}`);
    try {
      mkdirSync(directory);
    } catch {
      return undefined;
    }
    const group = new MemoryGroup(directory);
    try {
      writeFileSync(join(directory, isFirst ? 'memory.limit_in_bytes' : 'memory.max'), String(limitBytes));
      return group;
    } catch {
      group.remove();
      return undefined;
    }
  }

  /** A command line that runs `command` in the group. */
  wrap(command: readonly string[]): readonly string[] {
    return ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(this.directory, 'cgroup.procs'), ...command];
  }

  /** Call it when its processes have ended. */
  remove(): void {
    rmdirSync(this.directory);
  }
}

/** Memory of a process that is in RAM, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}
