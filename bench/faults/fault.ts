/** A fault, and the outcome of injecting it. */
import type { FaultServer, ServerOptions } from './fault-server.ts';

export interface Fault {
  readonly name: string;
  /** How it is injected. */
  readonly injection: string;
  /** The condition that must hold beside the neighbour's requests and the server's life. */
  readonly expectation: string;
  /** How often it is injected into one server. */
  readonly times: number;
  /** The share of the neighbour's requests that may be refused with a status that says when to retry (429, 503). */
  readonly allowedRefusals: number;
  /** The share of them that may fail in any other way. */
  readonly allowedLoss: number;
  /** The fault ends the server, with status 0. */
  readonly endsServer?: true;
  /** Says why it cannot be injected here; undefined if it can. */
  readonly isImpossible?: () => string | undefined;
  /** The server's flags and environment, beside those of the neighbour. `directory` is the fault's own, and empty. */
  readonly server?: (directory: string) => ServerOptions | Promise<ServerOptions>;
  /**
   * Injects it for the `i`-th time, and resolves when the server has recovered. Rejects if anything is not as expected.
   */
  readonly inject: (stage: Stage, i: number) => Promise<void>;
  /** Takes away what `server` made. */
  readonly cleanUp?: (directory: string) => void;
}

export interface Stage {
  readonly server: FaultServer;
  readonly directory: string;
}

export interface FaultResult {
  readonly name: string;
  readonly injection: string;
  readonly expectation: string;
  /** Why it was not injected. */
  readonly skipped?: string;
  readonly injected: number;
  readonly neighbour: NeighbourResult;
  /** The time from each injection to the end of its recovery. */
  readonly recoveryMs: readonly number[];
  /** Resident memory of the server and its processes. */
  readonly rssMibBefore: number;
  readonly rssMibAfter: number;
  readonly crashes: number;
  /** Findings that were not as expected; empty = all was. */
  readonly problems: readonly string[];
}

export interface NeighbourResult {
  readonly offered: number;
  readonly answered: number;
  /** 429, 503, or a connection refused by a server that ends. */
  readonly refused: number;
  readonly failed: number;
  /** Failures by what was heard. */
  readonly failures: Readonly<Record<string, number>>;
  /** The longest answer. */
  readonly longestMs: number;
}
