/**
 * The cost of a process and all its descendants, read from the kernel. A descendant whose parent has ended is missed:
 * none of the servers compared starts such.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: the kernel's unit of CPU time in /proc. 100 on every Linux that Node runs on. */
export const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** The fields of /proc/PID/stat after the command's name, which may hold anything. Undefined if the process ended. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** `root` first, then its descendants, parents before children. Empty if `root` has ended. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isNaN(pid) ? undefined : statFields(pid)?.[1];
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent));
    if (siblings === undefined) children.set(Number(parent), [pid]);
    else siblings.push(pid);
  }
  if (statFields(root) === undefined) return [];
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []));
  return tree;
}

/** When the process began, in ticks since boot: with its number this is one process and no later one. */
export function startTicksOf(pid: number): number | undefined {
  const ticks = statFields(pid)?.[19];
  return ticks === undefined ? undefined : Number(ticks);
}

/** CPU seconds of the processes with all their threads, user and system, since their starts. */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields !== undefined) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** CPU time of all threads that the processes have now, in microseconds: exact where ticks are too coarse. */
export function threadMicrosOf(pids: readonly number[]): number {
  let nanos = 0;
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
  }
  return nanos / 1000;
}

/** CPU time of a process's first thread in microseconds, exact where the others are counted in ticks. */
export function mainThreadMicros(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
}

/** CPU seconds of the children that `pid` has waited for. */
export function cpuSecondsOfEndedChildren(pid: number): number {
  const fields = statFields(pid);
  return fields === undefined ? 0 : (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

/** Sum of the processes' resident sets: pages that they share count once for each. */
export function residentBytesOf(pids: readonly number[]): number {
  let pages = 0;
  for (const pid of pids) {
    try {
      pages += Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    } catch {
      // Ended meanwhile.
    }
  }
  return pages * PAGE_BYTES;
}
