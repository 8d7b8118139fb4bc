/** Connections to the application: kept between requests, and none for longer than it keeps them itself. */
import { Agent, type ClientRequest, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { AppAddress } from './app-address.ts';

/** A kept connection is closed before most servers do: node and uvicorn after 5 s. A shorter `keep-alive` header counts. */
const IDLE_MS = 4000;
/** Idle connections that are kept. */
const MAX_IDLE = 256;

/** A request for the application. */
export interface AppRequest {
  readonly method: string;
  /** The target as it came: a path and query, or `*`. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** It may become a tunnel: it gets a connection of its own. */
  readonly isUpgrade: boolean;
}

export class AppClient {
  readonly address: AppAddress;
  readonly #agent: Agent;

  constructor(address: AppAddress, idleMs = IDLE_MS) {
    this.address = address;
    this.#agent = new Agent({ keepAlive: true, timeout: idleMs, maxFreeSockets: MAX_IDLE });
  }

  /** Throws where the target or a header has bytes that no request may have. */
  send({ method, path, headers, isUpgrade }: AppRequest): ClientRequest {
    const { socketPath, host, port } = this.address;
    return request({
      ...{ method, path, headers: headers as string[] },
      ...(socketPath === undefined ? { host: host!, port: port! } : { socketPath }),
      // Either side of a tunnel may end its direction first.
      ...(isUpgrade ? { createConnection: () => this.#connectHalfOpen() } : { agent: this.#agent }),
    });
  }

  /** Closes the idle connections, and the others. */
  close(): void {
    this.#agent.destroy();
  }

  #connectHalfOpen(): Socket {
    const { socketPath, host, port } = this.address;
    const to = socketPath === undefined ? { host: host!, port: port! } : { path: socketPath };
    return connect({ ...to, allowHalfOpen: true, noDelay: true });
  }
}
