/**
 * Time, injected. Two clocks that must not be mixed: monotonic (deadlines, durations; never jumps) and wall (what a
 * person or another machine reads; may jump). All instants and durations are milliseconds as floats.
 */

import { performance } from 'node:perf_hooks';

/** An instant on the monotonic clock, in ms. Means nothing outside this process. */
export type Instant = number;

export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** Monotonic now, in ms with sub-microsecond digits. */
  nowMs(): Instant;
  /** Wall-clock now, in ms since 1970. For durations use nowMs. */
  wallMs(): number;
  /** Calls `fire` once, at or after `at`. Never holds the process open. */
  setTimer(at: Instant, fire: () => void): TimerHandle;
}

/** setTimeout takes a signed 32-bit delay; a longer one fires at once (Node warns). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(at, fire) {
    let timer: NodeJS.Timeout;
    const arm = (delay: number): void => {
      timer = setTimeout(onTime, Math.min(Math.max(0, Math.ceil(delay)), MAX_TIMEOUT_MS));
      timer.unref();
    };
    // Node counts from when this turn of the event loop began, so it is early by what the turn had taken: who is woken
    // must find that it is time, or would wait for ever.
    const onTime = (): void => {
      const left = at - performance.now();
      if (left > 0) arm(left);
      else fire();
    };
    arm(at - performance.now());
    return { cancel: () => clearTimeout(timer) };
  },
};

/** "Now" for the wall clock of a monotonic instant, for spans and logs. */
export function wallOf(clock: Clock, instant: Instant): number {
  return clock.wallMs() - (clock.nowMs() - instant);
}

let dateSecond = -1;
let dateText = '';

/** Wall time as HTTP's Date header has it (RFC 9110, 5.6.7). Made once a second. */
export function httpDate(clock: Clock): string {
  const second = Math.floor(clock.wallMs() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

/** Wall time to the millisecond as ISO 8601 has it, in UTC. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** Wall time to the second for file names, in UTC: "20261125T122530Z". Sorts as it was. */
export function fileTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/[-:]|\.\d+/g, '');
}
