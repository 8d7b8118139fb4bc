/**
 * The operators' HTTP server: on 127.0.0.1 or a Unix socket, never behind the mesh. It answers also while the server drains.
 *
 *   GET /live /startup /ready   the probes (proxy/servers/probes.ts); /ready says why not
 *   GET /metrics   Prometheus text or OpenMetrics; /monitoring/prometheus/metrics adds TensorFlow Serving's names
 *   GET /models    models, versions, memory and queues as JSON (models-report.ts)
 *   GET /headroom  how much more traffic the server takes (proxy/load/headroom-meter.ts)
 *   GET /callers   the callers that take most of the cores (callers-report.ts)
 *   GET /profile   some seconds of the server as a trace file, for `pillion profile` (profile/profile-endpoint.ts)
 *   GET /requests  the last requests, the slow and the failed ones; /requests/ID one of them (requests-endpoint.ts)
 *   GET /arrivals  when the last minutes' requests came, their sizes, budgets and ends (arrivals-endpoint.ts)
 *   GET /record    a model's requests as they are answered, for `pillion record` (record-endpoint.ts)
 *   GET /server_info /config_dump /stats /help   the server itself, as Envoy's admin port has it (server/)
 *   GET, POST /logging   the level of the log (server/log-level.ts)
 *   GET /          the console: its page and the page's requests (console.ts)
 *   POST /drain /quitquitquit   for a pod's hooks and jobs (pod-life.ts)
 *
 * All but the probes and the page's files want the operators' token, if there is one (operators.ts).
 * All but the probes require a loopback Host, or /metrics an IP address; all but the probes refuse pages of another origin, and
 * the costly GET /profile and /record require the header of a POST (access-guard.ts).
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import process from 'node:process';
import { systemClock } from '../core/clock.ts';
import { FeedTurns } from '../proxy/http1/feed-turns.ts';
import { CHALLENGE } from '../proxy/http1/http-errors.ts';
import { endConnection } from '../proxy/http1/lingering-end.ts';
import { RequestFeed } from '../proxy/http1/request-feed.ts';
import type { ConnectionGate } from '../proxy/net/connection-gate.ts';
import { HttpOccupant } from '../proxy/net/http-occupant.ts';
import { removeStaleSocket } from '../proxy/net/listen-address.ts';
import type { Readiness } from '../proxy/readiness.ts';
import { probePage } from '../proxy/servers/probes.ts';
import { METRICS_PATH, type MetricsPage, type MetricsPageOptions } from '../telemetry/metrics/exposition.ts';
import {
  type Refusal,
  refuseForeignChange,
  refuseForeignHost,
  refuseForeignName,
  refuseForeignPage,
} from './access-guard.ts';
import { ARRIVALS_PATH, type ArrivalsEndpoint } from './arrivals-endpoint.ts';
import type { Console } from './console.ts';
import { isPageFile } from './console-files.ts';
import { Operators } from './operators.ts';
import { answerPodLife, type PodLife } from './pod-life.ts';
import type { ProfileEndpoint } from './profile/profile-endpoint.ts';
import type { RecordEndpoint } from './record-endpoint.ts';
import { REQUESTS_PATH, type RequestsEndpoint } from './requests-endpoint.ts';
import { helpText, notFoundText } from './server/endpoints.ts';
import { changeLevel, type LevelledLog, showLevel } from './server/log-level.ts';
import { statsPage } from './server/stats-page.ts';

export interface AdminServerOptions {
  readonly readiness: Readiness;
  /** The models that the start still waits for, one line each. */
  readonly waitsFor: () => readonly string[];
  /** The JSON of GET /models. */
  readonly models: () => object;
  /** The JSON of GET /server_info and /config_dump. */
  readonly serverInfo: () => object;
  readonly configDump: () => object;
  readonly log: LevelledLog;
  /** The JSON of GET /headroom. */
  readonly headroom: () => object;
  /** The JSON of GET /callers. */
  readonly callers: () => object;
  readonly metrics: (options: MetricsPageOptions) => Promise<MetricsPage>;
  readonly record: RecordEndpoint;
  readonly profile: ProfileEndpoint;
  readonly requests: RequestsEndpoint;
  readonly arrivals: ArrivalsEndpoint;
  /** Absent: it can be neither drained nor ended by a request. */
  readonly life?: PodLife;
  /** Absent: the server has no console. */
  readonly console?: Pick<Console, 'answer' | 'close'>;
  /** Default: every connection is served, and none is ended for being idle. */
  readonly gate?: ConnectionGate;
  /** Default: no token is asked for, and nothing is audited. */
  readonly operators?: Operators;
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
  readonly #operators: Operators;
  readonly #servers: Server[] = [];
  readonly #occupants = new WeakMap<Socket, HttpOccupant>();
  readonly #feedTurns = new FeedTurns();

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#operators = options.operators ?? new Operators();
  }

  /** Resolves with the bound port. Rejects with the system's error (EADDRINUSE). */
  async listen(port: number): Promise<number> {
    const server = this.#server();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** On a Unix socket, which only this process's user may open. Rejects with the system's error, or ListenError. */
  async listenOnSocket(path: string): Promise<void> {
    await removeStaleSocket(path);
    const server = this.#server();
    // The socket is made before `listen` returns: nobody else can have opened it in between.
    const mask = process.umask(0o177);
    try {
      server.listen({ path });
    } finally {
      process.umask(mask);
    }
    await once(server, 'listening');
  }

  async close(): Promise<void> {
    this.#options.console?.close();
    const ends = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(ends);
  }

  #server(): Server {
    const { gate } = this.#options;
    const server = createServer({ ...TIMEOUTS, keepAliveTimeout: gate?.idleMs ?? 0 }, (request, response) => {
      this.#occupants.get(request.socket)?.begin(response);
      void this.#answerAndNote(request, response);
    });
    server.on('connection', (socket) => {
      const occupant = new HttpOccupant(socket, systemClock, () => endConnection(systemClock, socket));
      this.#occupants.set(socket, occupant);
      gate?.occupy(socket, occupant);
      RequestFeed.beginForGood(socket, occupant, this.#feedTurns);
    });
    gate?.guard(server);
    this.#servers.push(server);
    return server;
  }

  /** Never rejects. */
  async #answerAndNote(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      this.#options.onInternalError(error);
      if (response.headersSent) response.destroy();
      else send(response, 500, 'text/plain', 'internal error; the server log has the cause\n');
    }
    this.#operators.note(request, response.statusCode);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0]!;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    for (const [name, value] of SAME_ORIGIN_HEADERS) response.setHeader(name, value);
    if (isRead && this.#answerProbe(path, response)) return;
    const stranger = isRead && isPageFile(path) ? undefined : this.#operators.refuseStranger(request);
    if (stranger !== undefined) {
      response.setHeader('www-authenticate', CHALLENGE);
      return refuse(response, stranger);
    }
    if (isRead && (path === '/metrics' || path === METRICS_PATH)) return this.#metrics(path, request, response);
    const foreign = refuseForeignHost(request.headers);
    if (foreign !== undefined) return refuse(response, foreign);
    if (await this.#options.console?.answer(request, response)) return;
    if (!isRead) return this.#change(path, request, response);
    const isCostly = path === '/profile' || path === '/record';
    const refusal = isCostly ? refuseForeignChange(request.headers) : refuseForeignPage(request.headers);
    if (refusal !== undefined) return refuse(response, refusal);
    if (path === '/models') return sendJson(response, this.#options.models());
    if (path === '/headroom') return sendJson(response, this.#options.headroom());
    if (path === '/callers') return sendJson(response, this.#options.callers());
    if (path === REQUESTS_PATH || path.startsWith(`${REQUESTS_PATH}/`)) {
      const answer = this.#options.requests.answer(request, path);
      if ('json' in answer) return sendJson(response, answer.json);
      if ('bytes' in answer) return send(response, 200, 'application/octet-stream', answer.bytes);
      return refuse(response, answer);
    }
    if (path === ARRIVALS_PATH) {
      const wrong = await this.#options.arrivals.answer(request, response);
      return wrong && refuse(response, wrong);
    }
    if (path === '/profile') return this.#options.profile.answer(request, response);
    if (path === '/record') return this.#options.record.answer(request, response);
    return this.#show(path, request, response);
  }

  /** The pages about the server itself. */
  async #show(path: string, { url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { serverInfo, configDump, log, metrics } = this.#options;
    switch (path) {
      case '/help':
        return send(response, 200, 'text/plain', helpText());
      case '/server_info':
        return sendJson(response, serverInfo());
      case '/config_dump':
        return sendJson(response, configDump());
      case '/logging':
        return send(response, 200, 'text/plain', showLevel(log));
      case '/stats': {
        const { text } = await metrics({ accept: undefined, withAliases: true });
        const page = statsPage(text, queryOf(url));
        return 'status' in page ? refuse(response, page) : send(response, 200, page.contentType, page.text);
      }
      default:
        return send(response, 404, 'text/plain', notFoundText());
    }
  }

  /** Answers orchestrators, whoever they are and whatever Host they use. False: the path is another one. */
  #answerProbe(path: string, response: ServerResponse): boolean {
    const { readiness, waitsFor } = this.#options;
    const page = probePage(path, readiness, waitsFor);
    if (page !== undefined) send(response, page.status ?? 200, page.contentType, page.text);
    return page !== undefined;
  }

  #change(path: string, { method, headers, url = '/' }: IncomingMessage, response: ServerResponse): void {
    const { life, log } = this.#options;
    const refusal = refuseForeignChange(headers);
    if (method === 'POST' && refusal !== undefined) refuse(response, refusal);
    else if (method === 'POST' && path === '/logging') {
      const wrong = changeLevel(log, queryOf(url));
      if (wrong === undefined) send(response, 200, 'text/plain', showLevel(log));
      else refuse(response, wrong);
    } else if (method !== 'POST' || life === undefined || !answerPodLife(path, life, response)) {
      response.setHeader('allow', 'GET, HEAD');
      send(response, 405, 'text/plain', 'only GET and HEAD here\n');
    }
  }

  /** For scrapers, whatever Host they use. */
  async #metrics(path: string, { headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const foreign = refuseForeignName(headers) ?? refuseForeignPage(headers);
    if (foreign !== undefined) return refuse(response, foreign);
    const page = await this.#options.metrics({ accept: headers.accept, withAliases: path === METRICS_PATH });
    send(response, 200, page.contentType, page.text);
  }
}

function queryOf(url: string): URLSearchParams {
  return new URLSearchParams(url.split('?', 2)[1]);
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
