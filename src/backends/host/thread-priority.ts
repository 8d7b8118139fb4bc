/**
 * The priorities of a server's threads. The event loop needs a core for microseconds at a time, to reject, read
 * and answer; a run needs it for milliseconds. With equal priority, Linux lets the run finish its time slice, and
 * rejections wait for it.
 *
 * On Linux each thread has its own nice value. It counts only within one control group or session: where the server is
 * alone in one, as in a container of its own, nobody else gains from it, and elsewhere everybody does. A thread cannot
 * lower it again, so it is decided when the thread starts.
 */
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { availableParallelism, constants, getPriority, setPriority } from 'node:os';
import process from 'node:process';

/** Relative to the event loop's nice value: a third of its weight. */
const NICE_STEP = 5;

/** Whom runs of models yield cores to. */
export interface RunPriority {
  /** An application shares the cores: its runs get what is left of them. Default false. */
  readonly onSpareCores?: boolean | undefined;
  /** No client waits for its runs: it runs at the lowest priority. Default false. */
  readonly isBackground?: boolean | undefined;
  /** Its runs yield to the event loop, and with it to all others of its group. Default false: they weigh as much. */
  readonly isLow?: boolean | undefined;
}

/** Lowers the priority of the calling thread, and of threads that it starts later, to that of runs. */
export function takeRunPriority({ onSpareCores, isBackground, isLow }: RunPriority): void {
  if (onSpareCores === true) takeSpareCores();
  else if (isBackground === true) yieldToEveryone();
  else if (isLow === true) yieldToEventLoop();
}

/**
 * Lowers the priority of the calling thread, and of threads that it starts later. Does nothing on a single core, where
 * a busy event loop would starve them, and on systems whose threads have no priority of their own.
 */
export function yieldToEventLoop(): void {
  if (availableParallelism() >= 2) lowerPriority((now) => now + NICE_STEP);
}

/** How runs yield cores to an application beside this server: every core that it wants, at once, or after its slice. */
export type SpareCores = 'idle' | 'lowest_nice' | 'unchanged';

/** A tool that takes longer does not work. */
const TOOL_MS = 5000;

/** Tries, once, what `takeSpareCores` can do here. */
export function probeSpareCores(): SpareCores {
  if (process.platform !== 'linux' || availableParallelism() < 2) return 'unchanged';
  return runTool(['--idle', '0', 'true']) ? 'idle' : 'lowest_nice';
}

/**
 * The calling thread, and threads that it starts later, get only the cores that no other thread wants: Linux's policy
 * SCHED_IDLE. Unlike a nice value, it makes a run give way at once, instead of at the end of a time slice of some ms. Node
 * cannot set it, so util-linux's chrt does; where that is missing or not permitted, the nice value is the lowest.
 */
function takeSpareCores(): void {
  // It would starve runs on a single core.
  if (availableParallelism() < 2) return;
  try {
    // This comes before the nice value, which the tool would inherit: it would take too long on a busy machine.
    runTool(['--idle', '--pid', '0', String(threadId())]);
  } catch {
    // There is no /proc, so this is not Linux.
  }
  yieldToEveryone();
}

function runTool(args: readonly string[]): boolean {
  return spawnSync('chrt', args, { stdio: 'ignore', timeout: TOOL_MS }).status === 0;
}

/** Lowers the priority to the lowest, on any number of cores: for work that no client waits for. */
function yieldToEveryone(): void {
  lowerPriority(() => constants.priority.PRIORITY_LOW);
}

function lowerPriority(to: (now: number) => number): void {
  try {
    const thread = threadId();
    setPriority(thread, Math.min(constants.priority.PRIORITY_LOW, to(getPriority(thread))));
  } catch {
    // A sandbox may forbid it; everything works without it.
  }
}

/** Linux's number of the calling thread; throws elsewhere. */
function threadId(): number {
  // "PID/task/TID". The call must be synchronous to see the calling thread.
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}
