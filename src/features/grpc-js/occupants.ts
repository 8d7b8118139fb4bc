/**
 * Answers a ConnectionGate's questions about the connections of grpc-js, which shows calls and hides connections
 * (sockets-by-address.ts). Those of Unix sockets cannot be found, so none of them counts as idle.
 */
import type { Socket } from 'node:net';
import type { Clock, Instant } from '../../core/clock.ts';
import type { GatedConnection } from '../../proxy/net/connection-gate.ts';

class GrpcJsOccupant implements GatedConnection {
  readonly #socket: Socket;
  since: Instant;
  calls = 0;

  constructor(socket: Socket, now: Instant) {
    this.#socket = socket;
    this.since = now;
  }

  get restingSince(): Instant | undefined {
    return this.calls > 0 ? undefined : this.since;
  }

  /** A call counts once its headers have come whole. */
  get isIdle(): boolean {
    return this.calls === 0 && this.#socket.writableLength === 0;
  }

  /** grpc-js ends all of its connections with GOAWAY or none. */
  endIdle(): void {
    this.#socket.destroySoon();
  }
}

const NEVER_IDLE: GatedConnection = { restingSince: undefined, isIdle: false, endIdle() {} };

export class GrpcJsOccupants {
  readonly #clock: Clock;
  readonly #bySocket = new WeakMap<Socket, GrpcJsOccupant>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection has been accepted. */
  add(socket: Socket): GatedConnection {
    if (socket.remoteAddress === undefined) return NEVER_IDLE;
    const occupant = new GrpcJsOccupant(socket, this.#clock.nowMs());
    this.#bySocket.set(socket, occupant);
    return occupant;
  }

  /** A call has begun, on a connection that is known. Returns what to call when it has ended. */
  opened(socket: Socket | undefined): () => void {
    const occupant = socket && this.#bySocket.get(socket);
    if (occupant === undefined) return () => undefined;
    occupant.calls += 1;
    return () => {
      occupant.calls -= 1;
      occupant.since = this.#clock.nowMs();
    };
  }
}
