/**
 * The operators' HTTP server: on 127.0.0.1 or a Unix socket, never behind the mesh. It answers also while the server
 * drains. Its paths say what there is, and who may ask for it: server-paths.ts has the kernel's, features bring
 * theirs.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import process from 'node:process';
import { systemClock } from '../core/clock.ts';
import { toServingError } from '../core/errors.ts';
import { FeedTurns } from '../proxy/http1/feed-turns.ts';
import { CHALLENGE } from '../proxy/http1/http-errors.ts';
import { endConnection } from '../proxy/http1/lingering-end.ts';
import { RequestFeed } from '../proxy/http1/request-feed.ts';
import type { ConnectionGate } from '../proxy/net/connection-gate.ts';
import { GatedHttpConnection } from '../proxy/net/gated-http-connection.ts';
import { listenNet } from '../proxy/net/listen.ts';
import { removeStaleSocket } from '../proxy/net/listen-address.ts';
import {
  type Refusal,
  refuseForeignChange,
  refuseForeignHost,
  refuseForeignName,
  refuseForeignPage,
} from './access-guard.ts';
import { type AdminPath, type Asked, type Deed, type Guard, sendJson, sendText, targetOf } from './admin-path.ts';
import { Operators } from './operators.ts';
import { PathTable } from './path-table.ts';
import { helpPath } from './server-paths.ts';

export interface AdminServerOptions {
  /** Paths beside GET /help, in its order. */
  readonly paths: readonly AdminPath[];
  /** Default: every connection is served, and none is ended for being idle. */
  readonly gate?: ConnectionGate;
  /** Default: no token is asked for, and nothing is audited. */
  readonly operators?: Operators;
  readonly onInternalError: (error: unknown) => void;
}

/** Milliseconds. A head takes no longer, as checked every five seconds; Node's defaults are 60 s and 30 s. */
const TIMEOUTS = { headersTimeout: 20_000, connectionsCheckingInterval: 5_000 };

/** No page of another origin may embed an answer, even in browsers that do not say where a request comes from. */
const SAME_ORIGIN_HEADERS = [
  ['cross-origin-resource-policy', 'same-origin'],
  ['x-content-type-options', 'nosniff'],
] as const;

export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #operators: Operators;
  readonly #paths: PathTable;
  readonly #servers: Server[] = [];
  readonly #gated = new WeakMap<Socket, GatedHttpConnection>();
  readonly #feedTurns = new FeedTurns();

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#operators = options.operators ?? new Operators();
    this.#paths = new PathTable([helpPath(() => this.#paths.help()), ...options.paths]);
  }

  /** Resolves with the bound port. Rejects with ListenError. */
  async listen(port: number): Promise<number> {
    const server = this.#server();
    await listenNet(server, `127.0.0.1:${port}`);
    return (server.address() as AddressInfo).port;
  }

  /**
   * Listens on a Unix socket that only this process's user may open. Rejects with the system's error or ListenError.
   */
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

  /** Ends what goes on, whose clients keep what they have. Other requests are answered. */
  drain(): void {
    this.#paths.drain();
  }

  async close(): Promise<void> {
    this.#paths.close();
    const ends = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(ends);
  }

  #server(): Server {
    const { gate } = this.#options;
    const server = createServer({ ...TIMEOUTS, keepAliveTimeout: gate?.idleMs ?? 0 }, (request, response) => {
      this.#gated.get(request.socket)?.begin(response);
      void this.#answerAndNote(request, response);
    });
    server.on('connection', (socket) => {
      const connection = new GatedHttpConnection(socket, systemClock, () => endConnection(systemClock, socket));
      this.#gated.set(socket, connection);
      gate?.attach(socket, connection);
      RequestFeed.beginForGood(socket, connection, this.#feedTurns);
    });
    gate?.guard(server);
    this.#servers.push(server);
    return server;
  }

  /** Never rejects. */
  async #answerAndNote(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/', search] = (request.url ?? '/').split('?', 2);
    const query = new URLSearchParams(search);
    const { method = 'GET' } = request;
    const found = this.#paths.find(method, path);
    const asked = { request, response, path, query, match: found?.match ?? [] };
    try {
      await this.#answer(found?.path, asked);
    } catch (error) {
      this.#options.onInternalError(error);
      if (response.headersSent) response.destroy();
      else sendText(response, 'internal error; the server log has the cause\n', 500);
    }
    this.#operators.note(request, response.statusCode, deedOf(found?.path, asked));
  }

  async #answer(found: AdminPath | undefined, asked: Asked): Promise<void> {
    const { request, response } = asked;
    for (const [name, value] of SAME_ORIGIN_HEADERS) response.setHeader(name, value);
    if (found?.isJson === true) response.setHeader('cache-control', 'no-store');
    const isPost = request.method === 'POST';
    const guard = found?.guard ?? (isPost ? 'doer' : 'reader');
    if (guard !== 'anybody' && guard !== 'link') {
      const stranger = this.#operators.refuseStranger(request);
      if (stranger !== undefined) {
        response.setHeader('www-authenticate', CHALLENGE);
        return refuse(response, stranger);
      }
    }
    const refusal = GUARDS[guard](request.headers) ?? (await answerOf(found, asked));
    if (refusal === undefined) return;
    if (refusal !== false)
      return found?.isJson ? sendJson(response, { error: refusal.text }, refusal.status) : refuse(response, refusal);
    if (request.method === 'GET' || request.method === 'HEAD') return sendText(response, this.#paths.notFound(), 404);
    response.setHeader('allow', 'GET, HEAD');
    sendText(response, 'only GET and HEAD here\n', 405);
  }
}

const GUARDS: Readonly<Record<Guard, (headers: IncomingMessage['headers']) => Refusal | undefined>> = {
  anybody: () => undefined,
  link: refuseForeignHost,
  scraper: (headers) => refuseForeignName(headers) ?? refuseForeignPage(headers),
  reader: (headers) => refuseForeignHost(headers) ?? refuseForeignPage(headers),
  doer: (headers) => refuseForeignHost(headers) ?? refuseForeignChange(headers),
};

/** Undefined: it was answered. False: there is no such path. */
async function answerOf(path: AdminPath | undefined, asked: Asked): Promise<Refusal | false | undefined> {
  if (path === undefined) return false;
  try {
    return (await path.answer(asked)) ?? undefined;
  } catch (thrown) {
    const error = toServingError(thrown);
    if (path.isJson !== true || error.kind === 'internal') throw thrown;
    return { status: error.row.http, text: error.message };
  }
}

/** The entry of the audit log for the request; undefined = it needs none. */
function deedOf(path: AdminPath | undefined, asked: Asked): Deed | undefined {
  if (path?.audited !== undefined) return path.audited(asked);
  return asked.request.method === 'POST' ? { method: 'post', ...targetOf(asked.query) } : undefined;
}

function refuse(response: ServerResponse, { status, text }: Refusal): void {
  sendText(response, `${text}\n`, status);
}
