/**
 * How the server ends, until its surfaces are closed:
 *
 *   told ─▶ not ready, still serving ─▶ no new connections; ─────▶ what is in flight ends ─▶ surfaces closed
 *           for drain_delay_ms          GOAWAY, connection: close  or drain_timeout_ms passes: it is cancelled
 *
 * What clients send before they have heard of the end is answered. Over gRPC a round trip tells that they have. Over
 * HTTP/1.1 only an answer can say it, so a connection without a request in hand is waited for, for GRACE_MS.
 *
 * The delay is for whoever goes by readiness (a mesh, Kubernetes' endpoints) and hears of it later than we do.
 */
import { systemClock } from '../core/clock.ts';
import type { RequestLifecycle } from '../proxy/request-lifecycle.ts';
import type { RootLogger } from '../telemetry/log/log.ts';

/** One side of the server on which requests come in. */
export interface DrainedSurface {
  /**
   * Takes no new connections and tells those there are, which may take it `graceMs`; resolves when the last of them has
   * ended by itself.
   */
  drain(graceMs: number): Promise<void>;
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
 * For a client that waits for each answer and then sends its next request: the way there and back and its work between,
 * on a busy machine. Whoever is idle for longer most likely stays so.
 */
const GRACE_MS = 1000;
/**
 * Once every request has its answer, how long connections may take to end. They do by themselves, after the grace or
 * when the last answer has left; this is for clients that do not read.
 */
const SENDING_MS = 2000;

/** Resolves when every request was answered or cancelled and the surfaces are closed. */
export async function drainSurfaces({ logger, lifecycle, surfaces, timeoutMs }: DrainParts): Promise<void> {
  let isOverdue = false;
  const timeout = systemClock.setTimer(systemClock.nowMs() + timeoutMs, () => {
    isOverdue = true;
    const in_flight = lifecycle.inFlight;
    if (in_flight > 0) logger.warn({ in_flight }, 'drain timeout: cancelling what is still in flight');
    lifecycle.abandon();
  });
  const graceMs = Math.min(GRACE_MS, timeoutMs);
  const isEnding = Promise.all(surfaces.map((surface) => surface.drain(graceMs)));
  do {
    await lifecycle.untilQuiet();
    await atMost(SENDING_MS, isEnding);
  } while (lifecycle.inFlight > 0 && !isOverdue);
  await lifecycle.drain();
  timeout.cancel();
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
