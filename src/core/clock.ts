/**
 * Time, injected. Two clocks must not be mixed: the monotonic one never jumps and measures deadlines and durations; the
 * wall clock may jump and tells people and other machines the time. Instants and durations are milliseconds as floats.
 */
import { performance } from 'node:perf_hooks';

/** An instant on the monotonic clock, in ms. It means nothing outside this process. */
export type Instant = number;

export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** The monotonic time, in ms with sub-microsecond digits. */
  nowMs(): Instant;
  /** The wall-clock time, in ms since 1970. Durations are measured with nowMs. */
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
    // Node counts from the start of this turn of the event loop, so it may fire early. A caller that is woken too early
    // finds nothing due and would wait for ever.
    const onTime = (): void => {
      const left = at - performance.now();
      if (left > 0) arm(left);
      else fire();
    };
    arm(at - performance.now());
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Calls `tick` every `intervalMs` from now on, first after one interval, until it is cancelled. */
export function repeat(clock: Clock, intervalMs: number, tick: () => void): TimerHandle {
  let timer: TimerHandle;
  let isCancelled = false;
  const arm = (): void => {
    timer = clock.setTimer(clock.nowMs() + intervalMs, () => {
      tick();
      if (!isCancelled) arm();
    });
  };
  arm();
  return {
    cancel() {
      isCancelled = true;
      timer.cancel();
    },
  };
}

/** A timer that can be set again: only the last instant counts. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: TimerHandle | undefined;
  #at: Instant = Infinity;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes once, at `at`; an earlier instant no longer counts. */
  arm(at: Instant): void {
    if (at === this.#at) return;
    this.disarm();
    this.#at = at;
    this.#timer = this.#clock.setTimer(at, () => {
      this.#timer = undefined;
      this.#at = Infinity;
      this.#wake();
    });
  }

  /** Wakes once, at `at` or at an earlier instant that it was armed for. */
  armBy(at: Instant): void {
    if (at < this.#at) this.arm(at);
  }

  disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Infinity;
  }
}

/** Resolves when `work` has ended, or after `ms`. */
export async function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  let stopWaiting = (): void => undefined;
  const isOver = new Promise<void>((resolve) => {
    stopWaiting = resolve;
  });
  const timer = clock.setTimer(clock.nowMs() + ms, stopWaiting);
  await Promise.race([work, isOver]);
  timer.cancel();
}

/** The wall-clock time of a monotonic instant, in ms since 1970. */
export function wallOf(clock: Clock, instant: Instant): number {
  return clock.wallMs() - (clock.nowMs() - instant);
}

let dateSecond = -1;
let dateText = '';

/** The wall-clock time as a Date header (RFC 9110, 5.6.7). The text is made once a second. */
export function httpDate(clock: Clock): string {
  const second = Math.floor(clock.wallMs() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

/** A wall-clock time in ISO 8601, in UTC, to the millisecond. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** The time of day of a wall-clock time, for people on this machine: "14:03:22". */
export function timeOfDay(wallMs: number): string {
  return new Date(wallMs).toTimeString().slice(0, 8);
}

/** A wall-clock time for people at this machine, in local time: "2026-11-30 03:12:07.250". */
export function localTime(wallMs: number): string {
  const date = new Date(wallMs);
  return new Date(wallMs - date.getTimezoneOffset() * 60_000).toISOString().slice(0, -1).replace('T', ' ');
}

/** The wall-clock time that a text names, in ms since 1970; NaN if it names none. */
export function parseWall(text: string): number {
  return Date.parse(text);
}

/** The wall-clock time for libraries that want a Date. */
export function wallDate(clock: Clock): Date {
  return new Date(clock.wallMs());
}

/** The last time so far at which local clocks showed this time of the day, in ms since 1970. */
export function lastTimeOfDay(nowMs: number, hours: number, minutes: number, seconds: number): number {
  const date = new Date(nowMs);
  date.setHours(hours, minutes, seconds, 0);
  if (date.getTime() > nowMs) date.setDate(date.getDate() - 1);
  return date.getTime();
}

/** A wall-clock time for file names, in UTC, to the second: "20261125T122530Z". Names sort by time. */
export function fileTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/[-:]|\.\d+/g, '');
}
