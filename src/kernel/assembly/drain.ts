/**
 * Drains the surfaces when the server ends:
 *
 *   signal ─▶ not ready, still serving ─▶ no new connections; ─────▶ requests in flight end ─▶ surfaces closed
 *             for drain_delay_ms          GOAWAY, connection: close  or are cancelled after drain_timeout_ms
 *
 * Requests that clients send before they know of the drain are answered. Over gRPC a round trip shows that a client
 * knows. Over HTTP/1.1 only an answer can tell a client, so idle connections stay open for GRACE_MS, and those that had
 * just come for twice that. A client that reads its answer slowly has it whole, as long as the timeout allows.
 *
 * The delay is for load balancers that read the readiness (a mesh, Kubernetes' endpoints) and learn of it later. In its
 * second half HTTP/1.1 answers end their connections: clients whose next connection goes to another server by now leave
 * while new ones are still taken, and few idle ones are left for the drain to end, with which a request might cross.
 */
import { atMost, systemClock } from '../../core/clock.ts';
import type { RootLogger } from '../../ledger/log/log.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import type { UnderWay } from '../installation.ts';

interface DrainedSurface {
  /**
   * Accepts no new connections and tells the clients of open ones, for which it has `graceMs`. Resolves when the last
   * connection has ended by itself.
   */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Counts of what the timeout cut off, by the names of the log's fields. */
export type CutOff = Readonly<Record<string, number>>;

interface DrainParts {
  readonly logger: RootLogger;
  readonly lifecycle: RequestLifecycle;
  readonly surfaces: readonly DrainedSurface[];
  /** Work that features have under way beside requests for inference. */
  readonly others: readonly UnderWay[];
  /** The time for requests in flight, after the delay. */
  readonly timeoutMs: number;
}

/** The time between an answer and the client's next request on a busy machine, for clients that send one at a time. */
const GRACE_MS = 1000;
/** The time that connections have to end once the timeout has cancelled what was in flight. */
const SENDING_MS = 2000;

/** Resolves when all requests are answered or cancelled and the surfaces are closed. */
export async function drainSurfaces({ logger, lifecycle, surfaces, others, timeoutMs }: DrainParts): Promise<CutOff> {
  let onOverdue = (): void => undefined;
  const overdue = new Promise<void>((resolve) => {
    onOverdue = resolve;
  });
  let cut: CutOff = Object.fromEntries(Object.keys(underWay(lifecycle, others)).map((name) => [name, 0]));
  const timeout = systemClock.setTimer(systemClock.nowMs() + timeoutMs, () => {
    cut = underWay(lifecycle, others);
    if (Object.values(cut).some((count) => count > 0)) {
      logger.warn({ event: 'drain_timeout', ...cut }, 'drain timeout: cancelling what is still in flight');
    }
    lifecycle.abandon();
    for (const other of others) other.abandon();
    onOverdue();
  });
  lifecycle.refusals?.end();
  const graceMs = Math.min(GRACE_MS, timeoutMs);
  const isEnding = Promise.all(surfaces.map((surface) => surface.drain(graceMs)));
  await Promise.race([Promise.all([isEnding, lifecycle.untilQuiet()]), overdue]);
  await lifecycle.drain();
  await atMost(systemClock, SENDING_MS, isEnding);
  timeout.cancel();
  await Promise.all([...surfaces.map((surface) => surface.close()), isEnding]);
  return cut;
}

function underWay(lifecycle: RequestLifecycle, others: readonly UnderWay[]): CutOff {
  return Object.assign({ requests_cut: lifecycle.inFlight }, ...others.map((other) => other.counts()));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(systemClock.nowMs() + ms, resolve));
}
