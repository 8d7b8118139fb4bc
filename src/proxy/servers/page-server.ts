/**
 * A port with a few pages for GET alone: --probe_port has the probes of orchestrators, the headroom and the metrics, --metrics_port
 * the metrics, as Triton has a port for them. It asks nobody who they are, and its pages name no caller and no value.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import { FeedTurns } from '../http1/feed-turns.ts';
import { endConnection } from '../http1/lingering-end.ts';
import { RequestFeed } from '../http1/request-feed.ts';
import type { ConnectionGate } from '../net/connection-gate.ts';
import { GatedHttpConnection } from '../net/gated-http-connection.ts';
import { listenNet } from '../net/listen.ts';

export interface ServedPage {
  /** Default: 200. */
  readonly status?: number;
  readonly contentType: string;
  readonly text: string;
}

/** `accept` is the request's header. */
export type PageMaker = (accept: string | undefined) => ServedPage | Promise<ServedPage>;

export interface PageServerOptions {
  /** Makers of pages by path. */
  readonly pages: ReadonlyMap<string, PageMaker>;
  /** Default: every connection is served, and none is ended for being idle. */
  readonly gate?: ConnectionGate;
  readonly onInternalError: (error: unknown) => void;
}

/** Timeouts in milliseconds. */
const TIMEOUTS = { headersTimeout: 20_000, requestTimeout: 20_000, connectionsCheckingInterval: 5_000 };

export class PageServer {
  readonly #options: PageServerOptions;
  readonly #gated = new WeakMap<Socket, GatedHttpConnection>();
  readonly #feedTurns = new FeedTurns();
  #server: Server | undefined;

  constructor(options: PageServerOptions) {
    this.#options = options;
  }

  /** Binds "host:port" or "[v6]:port". Resolves with the address as bound. Rejects with ListenError. */
  async listen(address: string): Promise<string> {
    const { gate } = this.#options;
    const server = createServer({ ...TIMEOUTS, keepAliveTimeout: gate?.idleMs ?? 0 }, (request, response) => {
      this.#gated.get(request.socket)?.begin(response);
      void this.#answer(request, response);
    });
    server.on('connection', (socket) => {
      const connection = new GatedHttpConnection(socket, systemClock, () => endConnection(systemClock, socket));
      this.#gated.set(socket, connection);
      gate?.attach(socket, connection);
      RequestFeed.beginForGood(socket, connection, this.#feedTurns);
    });
    this.#server = server;
    return await listenNet(server, address, { gate });
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const end = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await end;
  }

  /** Never rejects. */
  async #answer({ method, url = '/', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pages, onInternalError } = this.#options;
    try {
      response.setHeader('x-content-type-options', 'nosniff');
      if (method !== 'GET' && method !== 'HEAD') {
        response.setHeader('allow', 'GET, HEAD');
        return send(response, { status: 405, ...plain('only GET and HEAD here\n') });
      }
      const page = pages.get(url.split('?', 1)[0]!);
      if (page === undefined)
        return send(response, { status: 404, ...plain(`here: ${[...pages.keys()].join(' ')}\n`) });
      send(response, await page(headers.accept));
    } catch (error) {
      onInternalError(error);
      if (response.headersSent) response.destroy();
      else send(response, { status: 500, ...plain('internal error; the server log has the cause\n') });
    }
  }
}

/** A page of plain text. */
export function plain(text: string): ServedPage {
  return { contentType: 'text/plain', text };
}

/** Node sends no body to HEAD. */
function send(response: ServerResponse, { status = 200, contentType, text }: ServedPage): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(text);
}
