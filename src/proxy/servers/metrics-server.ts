/**
 * A port of its own for GET /metrics in Prometheus' format, as Triton has one (--metrics_port). It says nothing of
 * callers or their values, and nothing else is served there.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import type { MetricsPage } from '../../telemetry/metrics/exposition.ts';
import { endConnection } from '../http1/lingering-end.ts';
import type { ConnectionGate } from '../net/connection-gate.ts';
import { HttpOccupant } from '../net/http-occupant.ts';
import { formatHostPort, parseListenAddress } from '../net/listen-address.ts';

export interface MetricsServerOptions {
  readonly metrics: (accept: string | undefined) => Promise<MetricsPage>;
  /** Default: every connection is served, and none is ended for being idle. */
  readonly gate?: ConnectionGate;
  readonly onInternalError: (error: unknown) => void;
}

const METRICS_PATH = '/metrics';
/** In milliseconds. */
const TIMEOUTS = { headersTimeout: 20_000, requestTimeout: 20_000, connectionsCheckingInterval: 5_000 };

export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #occupants = new WeakMap<Socket, HttpOccupant>();
  #server: Server | undefined;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
  }

  /** On the host of another address that is listened on. Resolves with its own. Rejects with the system's error. */
  async listen(beside: string, port: number): Promise<string> {
    const { gate } = this.#options;
    const other = parseListenAddress(beside);
    const host = other.kind === 'tcp' ? other.host : undefined;
    const server = createServer({ ...TIMEOUTS, keepAliveTimeout: gate?.idleMs ?? 0 }, (request, response) => {
      this.#occupants.get(request.socket)?.begin(response);
      void this.#answer(request, response);
    });
    server.on('connection', (socket) => {
      const occupant = new HttpOccupant(socket, systemClock, () => endConnection(systemClock, socket));
      this.#occupants.set(socket, occupant);
      gate?.occupy(socket, occupant);
    });
    gate?.guard(server);
    this.#server = server;
    server.listen(port, host);
    await once(server, 'listening');
    const { address, port: bound } = server.address() as AddressInfo;
    return formatHostPort(address, bound);
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
    try {
      response.setHeader('x-content-type-options', 'nosniff');
      if (method !== 'GET' && method !== 'HEAD') {
        response.setHeader('allow', 'GET, HEAD');
        return send(response, 405, 'text/plain', 'only GET and HEAD here\n');
      }
      if (url.split('?', 1)[0] !== METRICS_PATH) return send(response, 404, 'text/plain', 'here is: /metrics\n');
      const { contentType, text } = await this.#options.metrics(headers.accept);
      send(response, 200, contentType, text);
    } catch (error) {
      this.#options.onInternalError(error);
      if (response.headersSent) response.destroy();
      else send(response, 500, 'text/plain', 'internal error; the server log has the cause\n');
    }
  }
}

/** Node sends no body to HEAD. */
function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(text);
}
