/**
 * Which thread a core goes to when the event loop and a run both want it: the event loop. It needs a core for
 * microseconds at a time, to refuse what comes too late, to read and to answer; a run needs it for milliseconds on end.
 * Left alike, Linux lets the run finish its slice, and a refusal waits for it.
 *
 * Measured on two busy cores (a 50 MB network at twice its capacity, load generator beside it): the event loop's stalls
 * are waits for a core by four fifths; refusals' p99 is 4.2 ms with it, 6.8 without, medians of 16 runs in turn; as many
 * are answered in time.
 *
 * Nice values are a thread's own on Linux, and count only within one control group or session: no other container gets
 * more for it.
 */
import { readlinkSync } from 'node:fs';
import { availableParallelism, constants, getPriority, setPriority } from 'node:os';

/** Below the event loop's own: a third of its weight. A step of 2 showed no difference. */
const NICE_STEP = 5;

/**
 * Lowers the calling thread's priority, and that of threads that it starts from now on. Does nothing on a single core,
 * where a busy event loop would leave a run too little, nor where threads have no priority of their own.
 */
export function yieldToEventLoop(): void {
  if (availableParallelism() >= 2) lowerPriority((now) => now + NICE_STEP);
}

/** The same down to the lowest that there is, on any number of cores: for work that nobody waits for. */
export function yieldToEveryone(): void {
  lowerPriority(() => constants.priority.PRIORITY_LOW);
}

function lowerPriority(to: (now: number) => number): void {
  try {
    // "PID/task/TID"; only Linux has it. A synchronous call, so that it is this thread's.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, Math.min(constants.priority.PRIORITY_LOW, to(getPriority(thread))));
  } catch {
    // A sandbox may forbid it: everything works without.
  }
}
