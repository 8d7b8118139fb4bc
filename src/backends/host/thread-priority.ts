/**
 * Gives the event loop priority over runs when both need the same core. The event loop needs a core for microseconds at
 * a time, to reject, read and answer; a run needs it for milliseconds. With equal priority, Linux lets the run finish
 * its time slice, and rejections wait for it.
 *
 * On Linux each thread has its own nice value. It counts only within one control group or session, so no other
 * container gains from it.
 */
import { readlinkSync } from 'node:fs';
import { availableParallelism, constants, getPriority, setPriority } from 'node:os';

/** Relative to the event loop's nice value: a third of its weight. */
const NICE_STEP = 5;

/**
 * Lowers the priority of the calling thread, and of threads that it starts later. Does nothing on a single core, where
 * a busy event loop would starve runs, and on systems whose threads have no priority of their own.
 */
export function yieldToEventLoop(): void {
  if (availableParallelism() >= 2) lowerPriority((now) => now + NICE_STEP);
}

/** Lowers the priority to the lowest, on any number of cores: for work that no client waits for. */
export function yieldToEveryone(): void {
  lowerPriority(() => constants.priority.PRIORITY_LOW);
}

function lowerPriority(to: (now: number) => number): void {
  try {
    // "PID/task/TID"; Linux only. The call must be synchronous to see the calling thread.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, Math.min(constants.priority.PRIORITY_LOW, to(getPriority(thread))));
  } catch {
    // A sandbox may forbid it; everything works without it.
  }
}
