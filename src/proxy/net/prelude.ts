import type { Server } from 'node:net';
import type { ConnectionGate } from './connection-gate.ts';

/** Reads what a proxy says at the beginning of each TCP connection of a surface, before TLS and HTTP. */
export interface Prelude {
  /** Stands before the server's own listeners of 'connection', all of which must be there already. */
  guard(server: Server, gate: ConnectionGate | undefined): void;
  /** Resolves when none is under way. */
  untilKnown(): Promise<void>;
  /** Closes the connections on which nothing has come. */
  destroySilent(): void;
  /** Closes the connections whose prelude has not come whole. */
  destroy(): void;
}
