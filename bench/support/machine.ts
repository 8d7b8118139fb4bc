/** The machine under the figures: its name for the record, and how busy it is with what is not measured. */
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import process from 'node:process';
import { cpuSecondsOf, cpuSecondsOfEndedChildren, TICKS_PER_SECOND } from './process-tree.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

/** The kernel's counts of what all cores did since boot, in ticks. */
function coreTicks(): number[] {
  return readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/).slice(1).map(Number);
}

/** CPU seconds that all cores were busy since boot; time that a hypervisor took away is busy too. */
function busySeconds(): number {
  const [user, nice, system, , , irq, softIrq, steal] = coreTicks();
  return (user! + nice! + system! + irq! + softIrq! + steal!) / TICKS_PER_SECOND;
}

/** CPU seconds since boot that a hypervisor took away from all cores, for other machines. */
export function stolenSeconds(): number {
  return coreTicks()[7]! / TICKS_PER_SECOND;
}

/** CPU time that went neither to the server measured nor to this process and the children that it waited for. */
export interface ForeignCpu {
  /** The share of all cores since the watch began, given what the server used meanwhile. */
  share(serverSeconds: number): number;
}

/** Begins now. */
export function watchForeignCpu(): ForeignCpu {
  const ours = (): number => cpuSecondsOf([process.pid]) + cpuSecondsOfEndedChildren(process.pid);
  const [busyBefore, oursBefore, startedAt] = [busySeconds(), ours(), performance.now()];
  return {
    share: (serverSeconds) => {
      const capacity = ((performance.now() - startedAt) / 1000) * cpus().length;
      const foreign = busySeconds() - busyBefore - (ours() - oursBefore) - serverSeconds;
      return Math.max(0, foreign / capacity);
    },
  };
}
