/**
 * How the server ends, until its surfaces are closed:
 *
 *   told ─▶ not ready, still serving ─▶ GOAWAY, no new requests ─▶ what is in flight ends ─▶ surfaces closed
 *           for drain_delay_ms                                     or drain_timeout_ms passes: it is cancelled
 *
 * The delay is for whoever goes by readiness (a mesh, Kubernetes' endpoints) and hears of it later than we do.
 */
import { systemClock } from './core/clock.ts';
import type { RequestLifecycle } from './proxy/request-lifecycle.ts';
import type { RootLogger } from './telemetry/log.ts';

/** One side of the server on which requests come in. */
export interface DrainedSurface {
  /** Takes no new requests; resolves when the last connection has ended by itself. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface DrainParts {
  readonly logger: RootLogger;
  readonly lifecycle: RequestLifecycle;
  readonly surfaces: readonly DrainedSurface[];
  /** From the end of the delay on. */
  readonly timeoutMs: number;
}

/**
 * Once every request has its answer, how long the last answers may take to leave. Connections end by themselves when
 * theirs has left; this is for clients that do not read.
 */
const SENDING_MS = 1000;

/** Resolves when every request was answered or cancelled and the surfaces are closed. */
export async function drainSurfaces({ logger, lifecycle, surfaces, timeoutMs }: DrainParts): Promise<void> {
  const timeout = systemClock.setTimer(systemClock.nowMs() + timeoutMs, () => {
    logger.warn({ in_flight: lifecycle.inFlight }, 'drain timeout: cancelling what is still in flight');
    lifecycle.abandon();
  });
  const isEnding = Promise.all(surfaces.map((surface) => surface.drain()));
  // Requests that cross with the news of the end are answered; what comes after it the surfaces refuse themselves.
  await atMost(SENDING_MS, isEnding);
  await lifecycle.drain();
  timeout.cancel();
  await atMost(SENDING_MS, isEnding);
  await Promise.all([...surfaces.map((surface) => surface.close()), isEnding]);
}

/** Resolves after so many ms. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(systemClock.nowMs() + ms, resolve));
}

/** Resolves when `work` has ended, or after that time. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let stopWaiting = (): void => undefined;
  const isOver = new Promise<void>((resolve) => {
    stopWaiting = resolve;
  });
  const timer = systemClock.setTimer(systemClock.nowMs() + ms, stopWaiting);
  await Promise.race([work, isOver]);
  timer.cancel();
}
