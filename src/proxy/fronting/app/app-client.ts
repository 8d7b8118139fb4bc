/** The application, in the protocol that its address names. */
import { type Clock, systemClock } from '../../../core/clock.ts';
import type { AppEvents, AppRequest, AppTransport, OnSocket, SentRequest } from '../client-and-app.ts';
import type { AppAddress } from './app-address.ts';
import { AppConnections } from './app-connections.ts';
import { Http1App } from './http1-app.ts';
import { Http2App } from './http2-app.ts';

/**
 * A kept connection is closed before servers do, as a request that crosses with their end is lost: gunicorn after 2 s, node,
 * uvicorn and Apache after 5 s.
 */
const IDLE_MS = 1500;

export interface AppClientOptions {
  /** How long an idle connection of HTTP/1.1 is kept; those of HTTP/2 are for good. Default IDLE_MS. */
  readonly idleMs?: number | undefined;
  readonly clock?: Clock;
  readonly onSocket?: OnSocket;
  /** Default: any number. */
  readonly maxConnections?: number;
}

export class AppClient {
  readonly address: AppAddress;
  readonly #transport: AppTransport;

  constructor(address: AppAddress, options: AppClientOptions = {}) {
    const { idleMs = IDLE_MS, clock = systemClock, onSocket = () => undefined, maxConnections = Infinity } = options;
    const connections = new AppConnections(maxConnections, onSocket);
    this.address = address;
    this.#transport = this.isHttp2
      ? new Http2App(address, clock, connections)
      : new Http1App(address, idleMs, connections);
  }

  /**
   * It is asked in HTTP/2, else in HTTP/1.1. Only there it may refuse requests that it has not looked at, and only that has
   * trailers and streams both ways, as gRPC needs them.
   */
  get isHttp2(): boolean {
    return this.address.isHttp2 === true;
  }

  send(request: AppRequest, events: AppEvents): SentRequest {
    return this.#transport.send(request, events);
  }

  /** Closes the idle connections, and the others. */
  close(): void {
    this.#transport.close();
  }
}
