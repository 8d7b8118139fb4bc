/** Requests at a steady rate, with random gaps, whether or not the ones before were answered. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { quantile } from '../support/statistics.ts';

/** The longest time that a caller waits: the deadline of each request. */
export const PATIENCE_MS = 3000;

export interface Measured {
  /** Latencies of all requests; one that was not answered counts as PATIENCE_MS. */
  readonly p50: number;
  readonly p99: number;
  /** Share of the requests that were not answered. */
  readonly missed: number;
}

export interface OpenLoop {
  /** Rejects if it was not answered. */
  readonly send: () => Promise<unknown>;
  /** Requests a second. */
  readonly rate: number;
  readonly random: SeededRandom;
  /** The time in which requests are sent that are left out of the figures. */
  readonly leadInMs: number;
  readonly lengthMs: number;
  /** Called when the lead-in is over. */
  readonly onMeasure: () => Promise<void>;
}

export async function runOpenLoop({ send, rate, random, leadInMs, lengthMs, onMeasure }: OpenLoop): Promise<Measured> {
  const start = performance.now();
  const delays: number[] = [];
  const open: Promise<void>[] = [];
  let missed = 0;
  let measuring: Promise<void> | undefined;
  for (let at = 0; at < leadInMs + lengthMs; at += random.exponential(1000 / rate)) {
    const waitMs = start + at - performance.now();
    if (waitMs > 0) await pause(waitMs);
    const isMeasured = at >= leadInMs;
    if (isMeasured) measuring ??= onMeasure();
    // The delay counts from the instant at which it was due: a generator that is behind must not make the server look
    // fast.
    const ended = (isAnswered: boolean): void => {
      if (!isMeasured) return;
      if (!isAnswered) missed += 1;
      delays.push(isAnswered ? performance.now() - start - at : PATIENCE_MS);
    };
    open.push(
      send().then(
        () => ended(true),
        () => ended(false),
      ),
    );
  }
  await Promise.all([...open, measuring]);
  return { p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), missed: missed / delays.length };
}
