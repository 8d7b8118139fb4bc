/**
 * A drain before the end, which an operator asks for (POST /drain; `pillion drain` as a pod's preStop hook):
 *
 *   begin ─▶ not ready, serving as before ─▶ each round: open connections are told to ─▶ SIGTERM: the server's own, without
 *             for drain_delay_ms              go elsewhere, new ones are answered          another delay
 *
 * The ports stay open, because the hook of a sidecar runs when its pod's end begins, while the application still needs
 * its sidecar. Clients elsewhere follow the readiness to another pod; the application connects again and is answered.
 * There is no way back: the next step is the end of the process.
 */

import { type Clock, repeat, type TimerHandle } from '../../core/clock.ts';
import type { AdminParts } from '../../kernel/installation.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { ReadinessGate } from '../../proxy/readiness.ts';

export interface ClientDrainOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly delayMs: number;
  readonly readiness: Pick<ReadinessGate, 'missing' | 'setDraining'>;
  readonly clients: AdminParts['clients'];
  readonly lifecycle: { readonly inFlight: number };
}

/** How far it has come. */
export interface DrainProgress {
  /** The delay is over, no client is connected, and no request is in flight. */
  readonly drained: boolean;
  /** Connections of clients, over gRPC and REST. */
  readonly connections: number;
  readonly in_flight: number;
}

/** The time for which an idle connection may stay, as in the server's own drain; also between two rounds. */
const ROUND_MS = 1000;

export class ClientDrain {
  readonly #options: ClientDrainOptions;
  #isDelaying = false;
  #timer: TimerHandle | undefined;

  constructor(options: ClientDrainOptions) {
    this.#options = options;
  }

  /** Begins the drain, if none has begun, and tells how far it is. */
  ask(): DrainProgress {
    const { readiness, clients, lifecycle } = this.#options;
    if (readiness.missing !== 'draining') this.#begin();
    const counts = { connections: clients.open(), in_flight: lifecycle.inFlight };
    return { drained: !this.#isDelaying && counts.connections + counts.in_flight === 0, ...counts };
  }

  /** Ends this drain, because the server's own takes over. */
  stop(): void {
    this.#isDelaying = false;
    this.#timer?.cancel();
  }

  #begin(): void {
    const { clock, logger, delayMs, readiness } = this.#options;
    readiness.setDraining();
    logger.info({ event: 'drain_asked' }, 'an operator asked for a drain: not ready, and clients are sent elsewhere');
    this.#isDelaying = delayMs > 0;
    if (delayMs === 0) this.#turnAway();
    else this.#timer = clock.setTimer(clock.nowMs() + delayMs, () => this.#turnAway());
  }

  #turnAway(): void {
    const { clock, clients } = this.#options;
    this.#isDelaying = false;
    clients.turnAway(ROUND_MS);
    this.#timer = repeat(clock, ROUND_MS, () => clients.turnAway(ROUND_MS));
  }
}
