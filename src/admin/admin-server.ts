/**
 * The operators' HTTP server: only on 127.0.0.1, never behind the mesh. It answers also while the server drains.
 *
 *   GET /live      200 while the process runs its event loop
 *   GET /ready     200 if every configured model is available and no drain has begun, else 503 and why
 *   GET /metrics   Prometheus text or OpenMetrics; /monitoring/prometheus/metrics adds TensorFlow Serving's names
 *   GET /models    models, versions, memory and queues as JSON (models-report.ts)
 *   GET /callers   the callers that take most of the cores (callers-report.ts)
 *   GET /profile   some seconds of the server as a trace file, for `pillion profile` (profile/profile-endpoint.ts)
 *   GET /requests  the last requests, the slow and the failed ones; /requests/ID one of them (requests-endpoint.ts)
 *   GET /record    a model's requests as they are answered, for `pillion record` (record-endpoint.ts)
 *   GET /          the console: its page and the page's requests (console.ts)
 *
 * All but the first three require a loopback Host, all but the first two refuse pages of another origin, and the costly
 * GET /profile and /record require the header of a POST (access-guard.ts).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../core/clock.ts';
import { endConnection } from '../proxy/http1/lingering-end.ts';
import type { ConnectionGate } from '../proxy/net/connection-gate.ts';
import { HttpOccupant } from '../proxy/net/http-occupant.ts';
import type { Readiness } from '../proxy/readiness.ts';
import { METRICS_PATH, type MetricsPage, type MetricsPageOptions } from '../telemetry/metrics/exposition.ts';
import { type Refusal, refuseForeignChange, refuseForeignHost, refuseForeignPage } from './access-guard.ts';
import type { Console } from './console.ts';
import type { ProfileEndpoint } from './profile/profile-endpoint.ts';
import type { RecordEndpoint } from './record-endpoint.ts';
import { REQUESTS_PATH, type RequestsEndpoint } from './requests-endpoint.ts';

export interface AdminServerOptions {
  readonly readiness: Readiness;
  /** The models that the start still waits for, one line each. */
  readonly waitsFor: () => readonly string[];
  /** The JSON of GET /models. */
  readonly models: () => object;
  /** The JSON of GET /callers. */
  readonly callers: () => object;
  readonly metrics: (options: MetricsPageOptions) => Promise<MetricsPage>;
  readonly record: RecordEndpoint;
  readonly profile: ProfileEndpoint;
  readonly requests: RequestsEndpoint;
  /** Absent: the server has no console. */
  readonly console?: Pick<Console, 'answer' | 'close'>;
  /** Default: every connection is served, and none is ended for being idle. */
  readonly gate?: ConnectionGate;
  readonly onInternalError: (error: unknown) => void;
}

/** In milliseconds. A head takes no longer, as checked every five seconds; Node's own would be 60 s and 30 s. */
const TIMEOUTS = { headersTimeout: 20_000, connectionsCheckingInterval: 5_000 };

/** No page of another origin may embed an answer, even in browsers that do not say where a request comes from. */
const SAME_ORIGIN_HEADERS = [
  ['cross-origin-resource-policy', 'same-origin'],
  ['x-content-type-options', 'nosniff'],
] as const;

export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #server: Server;
  readonly #occupants = new WeakMap<Socket, HttpOccupant>();

  constructor(options: AdminServerOptions) {
    this.#options = options;
    const keepAliveTimeout = options.gate?.idleMs ?? 0;
    this.#server = createServer({ ...TIMEOUTS, keepAliveTimeout }, (request, response) => {
      this.#occupants.get(request.socket)?.begin(response);
      this.#answer(request, response).catch((error: unknown) => {
        options.onInternalError(error);
        if (response.headersSent) response.destroy();
        else send(response, 500, 'text/plain', 'internal error; the server log has the cause\n');
      });
    });
    this.#server.on('connection', (socket) => {
      const occupant = new HttpOccupant(socket, systemClock, () => endConnection(systemClock, socket));
      this.#occupants.set(socket, occupant);
      options.gate?.occupy(socket, occupant);
    });
    options.gate?.guard(this.#server);
  }

  /** Resolves with the bound port. Rejects with the system's error (EADDRINUSE). */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    this.#options.console?.close();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0]!;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    for (const [name, value] of SAME_ORIGIN_HEADERS) response.setHeader(name, value);
    if (isRead && (await this.#answerProbe(path, request, response))) return;
    const foreign = refuseForeignHost(request.headers);
    if (foreign !== undefined) return refuse(response, foreign);
    if (await this.#options.console?.answer(request, response)) return;
    if (!isRead) {
      response.setHeader('allow', 'GET, HEAD');
      return send(response, 405, 'text/plain', 'only GET and HEAD here\n');
    }
    const isCostly = path === '/profile' || path === '/record';
    const refusal = isCostly ? refuseForeignChange(request.headers) : refuseForeignPage(request.headers);
    if (refusal !== undefined) return refuse(response, refusal);
    if (path === '/models') return sendJson(response, this.#options.models());
    if (path === '/callers') return sendJson(response, this.#options.callers());
    if (path === REQUESTS_PATH || path.startsWith(`${REQUESTS_PATH}/`)) {
      const answer = this.#options.requests.answer(request, path);
      if ('json' in answer) return sendJson(response, answer.json);
      if ('bytes' in answer) return send(response, 200, 'application/octet-stream', answer.bytes);
      return refuse(response, answer);
    }
    if (path === '/profile') return this.#options.profile.answer(request, response);
    if (path === '/record') return this.#options.record.answer(request, response);
    return send(
      response,
      404,
      'text/plain',
      'here are: / /live /ready /metrics /models /callers /requests /profile /record\n',
    );
  }

  /** Answers orchestrators and scrapers, whatever Host they use. False: the path is another one. */
  async #answerProbe(path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (path === '/live') send(response, 200, 'text/plain', 'live\n');
    else if (path === '/ready') {
      const { readiness, waitsFor } = this.#options;
      send(response, readiness.isReady ? 200 : 503, 'text/plain', readinessText(readiness.isReady, waitsFor()));
    } else if (path === '/metrics' || path === METRICS_PATH) {
      const foreign = refuseForeignPage(request.headers);
      if (foreign !== undefined) {
        refuse(response, foreign);
        return true;
      }
      const page = await this.#options.metrics({
        accept: request.headers.accept,
        withTfServing: path === METRICS_PATH,
      });
      send(response, 200, page.contentType, page.text);
    } else return false;
    return true;
  }
}

function readinessText(isReady: boolean, waitsFor: readonly string[]): string {
  if (isReady) return 'ready\n';
  return ['not ready: loading or draining', ...waitsFor, ''].join('\n');
}

function refuse(response: ServerResponse, { status, text }: Refusal): void {
  send(response, status, 'text/plain', `${text}\n`);
}

function sendJson(response: ServerResponse, value: object): void {
  send(response, 200, 'application/json', `${JSON.stringify(value)}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string | Uint8Array): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(body);
}
