/**
 * A drain before the end, which an operator asks for (POST /drain; `pillion drain` as a pod's preStop hook):
 *
 *   begin ─▶ not ready, serving as before ─▶ each round: open connections are told to ─▶ SIGTERM: drain.ts, without
 *             for drain_delay_ms              go elsewhere, new ones are answered          another delay
 *
 * The ports stay open, because the hook of a sidecar runs when its pod's end begins, while the application still needs
 * its sidecar. Clients elsewhere follow the readiness to another pod; the application connects again and is answered.
 * There is no way back: the next step is the end of the process.
 */

import type { DrainProgress } from '../../admin/server/pod-life.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { type Clock, repeat, systemClock, type TimerHandle } from '../../core/clock.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { ReadinessGate } from '../../proxy/readiness.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';

import type { Gates } from './connection-limits.ts';
import type { Surfaces } from './surfaces.ts';

export interface ClientDrainOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly delayMs: number;
  readonly setDraining: () => void;
  /** Tells the clients of open connections, which have `graceMs` while they are idle. */
  readonly turnAway: (graceMs: number) => void;
  readonly connections: () => number;
  readonly inFlight: () => number;
}

/** The time for which an idle connection may stay, as in drain.ts; also between two rounds. */
const ROUND_MS = 1000;

export class ClientDrain {
  readonly #options: ClientDrainOptions;
  #hasBegun = false;
  #isDelayOver = false;
  #timer: TimerHandle | undefined;

  constructor(options: ClientDrainOptions) {
    this.#options = options;
  }

  /** True once an operator has asked for the drain. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Begins the drain, if it has not begun, and tells how far it is. */
  ask(): DrainProgress {
    if (!this.#hasBegun) this.#begin();
    const { connections, inFlight } = this.#options;
    const counts = { connections: connections(), in_flight: inFlight() };
    return { drained: this.#isDelayOver && counts.connections + counts.in_flight === 0, ...counts };
  }

  /** Ends this drain, because the server's own takes over. */
  stop(): void {
    this.#hasBegun = true;
    this.#isDelayOver = true;
    this.#timer?.cancel();
  }

  #begin(): void {
    const { clock, logger, delayMs, setDraining } = this.#options;
    this.#hasBegun = true;
    setDraining();
    logger.info({ event: 'drain_asked' }, 'an operator asked for a drain: not ready, and clients are sent elsewhere');
    if (delayMs === 0) this.#turnAway();
    else this.#timer = clock.setTimer(clock.nowMs() + delayMs, () => this.#turnAway());
  }

  #turnAway(): void {
    const { clock, turnAway } = this.#options;
    this.#isDelayOver = true;
    turnAway(ROUND_MS);
    this.#timer = repeat(clock, ROUND_MS, () => turnAway(ROUND_MS));
  }
}

interface DrainedParts {
  readonly options: ServeOptions;
  readonly logger: Logger;
  readonly readiness: ReadinessGate;
  readonly lifecycle: RequestLifecycle;
  readonly surfaces: Surfaces;
  readonly gates: Gates;
}

export function createClientDrain({
  options,
  logger,
  readiness,
  lifecycle,
  surfaces,
  gates,
}: DrainedParts): ClientDrain {
  const { grpc, rest } = surfaces;
  return new ClientDrain({
    ...{ clock: systemClock, logger, delayMs: options.drain_delay_ms },
    setDraining: () => readiness.setDraining(),
    turnAway: (graceMs) => {
      grpc.turnAway();
      rest.turnAway(graceMs);
    },
    connections: () => gates.grpc.open + gates.rest.open,
    inFlight: () => lifecycle.inFlight,
  });
}
