/**
 * The cost of every request for its deadline, its cancel signal and, if refused, its error, beside what Node offers.
 */
import process from 'node:process';
import { CancelSignal } from '../../src/core/cancel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { ServingError } from '../../src/core/errors.ts';
import { runSubject } from './interleave.ts';

const IN_FLIGHT = 32;
const TIMEOUT_MS = 30_000;
/** Frames under a throw: as many as a stack trace looks at. */
const STACK_DEPTH = 10;

let fired = 0;
const listener = (): void => {
  fired += 1;
};
const deadlines = new DeadlineTimer(systemClock);
const cancelListener = { onCancel: listener };
const addDeadline = () => deadlines.add(systemClock.nowMs() + TIMEOUT_MS, listener);
const open = Array.from({ length: IN_FLIGHT }, addDeadline);
let oldest = 0;

function below<T>(depth: number, make: () => T): T {
  return depth > 0 ? below(depth - 1, make) : make();
}

await runSubject([
  {
    title: 'deadline of a request that is answered before it',
    contestants: {
      DeadlineTimer: () => {
        oldest = (oldest + 1) % IN_FLIGHT;
        deadlines.remove(open[oldest]!);
        open[oldest] = addDeadline();
      },
      'setTimeout, clearTimeout': () => clearTimeout(setTimeout(listener, TIMEOUT_MS)),
      'AbortSignal.timeout': () => AbortSignal.timeout(TIMEOUT_MS),
    },
  },
  {
    title: 'cancel, with one listener',
    contestants: {
      CancelSignal: () => {
        const signal = new CancelSignal();
        signal.listener = cancelListener;
        return signal.isCancelled;
      },
      AbortController: () => new AbortController().signal.addEventListener('abort', listener),
      'AbortSignal.any': () => AbortSignal.any([new AbortController().signal]),
    },
  },
  {
    title: 'refusal',
    contestants: {
      ServingError: () => below(STACK_DEPTH, () => new ServingError('overloaded', 'full')),
      'Error with its stack': () => below(STACK_DEPTH, () => new Error('full')),
    },
  },
]);
// AbortSignals that were made hold timers of their own.
process.exit(fired === 0 ? 0 : 1);
