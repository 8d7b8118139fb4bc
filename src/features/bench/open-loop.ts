/**
 * Requests at their own times, whether or not those before were answered:
 *
 *   due    |   |      |  |        |        gaps: equal, or exponential
 *   sent   |   |      |   |       |        as soon as this process gets to it: the difference is its lateness
 *
 * Timers of Node are a millisecond coarse, which many servers answer within. So the last part of each gap is waited for by
 * turns of the event loop, which read answers meanwhile; it costs this process a core at 500 requests a second and more.
 */
import { setImmediate } from 'node:timers';
import type { Clock } from '../../core/clock.ts';
import { NOT_SENT, type Tally } from './tally.ts';
import type { Target } from './target.ts';

export interface Turn {
  readonly clock: Clock;
  readonly target: Target;
  /** Undefined = nothing is counted. */
  readonly tally: Tally | undefined;
  readonly lengthMs: number;
  /** The time to the next request, in ms. */
  readonly gapMs: () => number;
  readonly maxInFlight: number;
  /** Aborted = the turn ends at once, and nobody waits for what was sent. */
  readonly stop: AbortSignal;
}

/** A timer may be as late. */
const COARSE_MS = 2;

/** Resolves when all that was sent has ended. */
export async function runTurn({ clock, target, tally, lengthMs, gapMs, maxInFlight, stop }: Turn): Promise<void> {
  const startedAt = clock.nowMs();
  let inFlight = 0;
  let onIdle: (() => void) | undefined;
  for (let due = startedAt + gapMs(); due < startedAt + lengthMs; due += gapMs()) {
    await until(clock, due, stop);
    if (stop.aborted) return;
    if (inFlight === maxInFlight) {
      tally?.count(NOT_SENT);
      continue;
    }
    inFlight += 1;
    const dueAt = due;
    const sentAt = clock.nowMs();
    target.send((error, text) => {
      tally?.add(sentAt - dueAt, clock.nowMs() - sentAt, error);
      if (error !== undefined) tally?.explain(error, text ?? '');
      inFlight -= 1;
      if (inFlight === 0) onIdle?.();
    });
  }
  await until(clock, startedAt + lengthMs, stop);
  if (inFlight > 0 && !stop.aborted) {
    await new Promise<void>((resolve) => {
      onIdle = resolve;
      stop.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

async function until(clock: Clock, instant: number, stop: AbortSignal): Promise<void> {
  const coarse = instant - COARSE_MS;
  if (clock.nowMs() < coarse) await new Promise<void>((resolve) => clock.setTimer(coarse, resolve));
  while (clock.nowMs() < instant && !stop.aborted) await new Promise<void>((resolve) => setImmediate(resolve));
}
