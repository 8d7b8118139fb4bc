/**
 * What every request pays for its deadline, its cancel signal and, if refused, its error, beside what Node offers. CPU µs
 * each, median of interleaved rounds: compare within one run. `node build/bench/micro/request-costs.js`
 */
import process from 'node:process';
import { CancelSignal } from '../../src/core/cancel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { ServingError } from '../../src/core/errors.ts';
import { median } from '../support/statistics.ts';

const ROUNDS = 7;
const CALLS = 50_000;
const IN_FLIGHT = 32;
const TIMEOUT_MS = 30_000;
/** Frames under a throw: as many as a stack trace looks at. */
const STACK_DEPTH = 10;

let sink = 0;
const listener = (): void => {
  sink += 1;
};
const deadlines = new DeadlineTimer(systemClock);
const addDeadline = () => deadlines.add(systemClock.nowMs() + TIMEOUT_MS, listener);
const open = Array.from({ length: IN_FLIGHT }, addDeadline);

function below(depth: number, make: () => Error): void {
  if (depth > 0) below(depth - 1, make);
  else sink += make().message.length;
}

const CASES: Readonly<Record<string, (i: number) => void>> = {
  'deadline: DeadlineTimer': (i) => {
    deadlines.remove(open[i % IN_FLIGHT]!);
    open[i % IN_FLIGHT] = addDeadline();
  },
  'deadline: setTimeout, clearTimeout': () => clearTimeout(setTimeout(listener, TIMEOUT_MS)),
  'deadline: AbortSignal.timeout': () => void AbortSignal.timeout(TIMEOUT_MS),
  'cancel: CancelSignal': () => {
    const signal = new CancelSignal();
    signal.onCancel = listener;
    sink += signal.isCancelled ? 1 : 0;
  },
  'cancel: AbortController with a listener': () => new AbortController().signal.addEventListener('abort', listener),
  'cancel: AbortSignal.any': () => void AbortSignal.any([new AbortController().signal]),
  'refusal: ServingError': () => below(STACK_DEPTH, () => new ServingError('overloaded', 'full')),
  'refusal: Error with its stack': () => below(STACK_DEPTH, () => new Error('full')),
};

const micros = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(CASES)) {
    const before = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) call(i);
    const { user, system } = process.cpuUsage(before);
    micros.set(name, [...(micros.get(name) ?? []), (user + system) / CALLS]);
    // What was left to the event loop is not the next case's.
    await new Promise(setImmediate);
  }
}
for (const [name, all] of micros) console.log(`${name.padEnd(42)} ${median(all).toFixed(3)} µs`);
// AbortSignals that were made hold timers of their own.
process.exit(sink > 0 ? 0 : 1);
