/**
 * The REST surface: the paths of TensorFlow Serving, and those that features add, with TLS where asked; over HTTP/1.1 on
 * its own addresses, and over HTTP/2 for the streams that gRPC's port hands on.
 *
 *   connection ─▶ PlainConnection ──────────▶ RestRequests (rest-requests.ts)
 *                   └▶ node:http ───────────▶  │
 *                        └ any other path, with an application behind it ─▶ fronting/
 *   stream ─▶ RestStreams (rest-streams.ts) ─▶ ┘
 *
 * Bytes that are not HTTP do not reach a route: parser errors and timeouts are answered, and the connection is closed.
 *
 * Construct it, `listen` on one address or more, then `drain` and `close`.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { Instant } from '../../core/clock.ts';
import { BodyWatch } from '../body-pace.ts';
import { Callers } from '../caller.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { ModelResolver } from '../handlers/model-resolver.ts';
import { AnswerHeads } from '../http1/answer-head.ts';
import { Connection, type ConnectionContext } from '../http1/connection.ts';
import { CORS_HEADERS } from '../http1/cors.ts';
import { afterReads } from '../http1/ending.ts';
import { FeedTurns } from '../http1/feed-turns.ts';
import type { HttpFront } from '../http1/http-front.ts';
import { LocalReplies, type MetricsPageMaker } from '../http1/local-replies.ts';
import { NodeTransport } from '../http1/node-transport.ts';
import { PlainConnection, type PlainConnectionOptions } from '../http1/plain-connection.ts';
import { PlainRequestReader } from '../http1/plain-request.ts';
import { FIRST_REQUEST_MS, RestListener } from '../http1/rest-listener.ts';
import type { TransportParts } from '../http1/transport.ts';
import { UnsentAnswers } from '../http1/unsent-answers.ts';
import { InflationGate } from '../inflation.ts';
import type { JoinedPort } from '../net/joined-port.ts';
import type { ListenerAccess } from '../net/listen.ts';
import type { ListenTls } from '../net/tls-server.ts';
import { wrongHost } from '../protocols/tensorflow-serving/rest/routes.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import { restMatcher } from './prefixed-routes.ts';
import { RestMethods } from './rest-methods.ts';
import type { RestRoute, RoutedMethod } from './rest-part.ts';
import { RestRequests } from './rest-requests.ts';
import type { RestMatcher } from './rest-routes.ts';
import { RestStreams } from './rest-streams.ts';
import { partsOf, reportsOf, type Surface } from './surface.ts';

/** Node looks at a socket's progress once before it gives up, so that this becomes a minute at most. */
const STALL_MS = 30_000;

export interface RestServerOptions {
  readonly lifecycle: RequestLifecycle;
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  /** Undefined: there is no page of them, and `metricsPath` is empty. */
  readonly metrics: MetricsPageMaker | undefined;
  /** The path of the metrics; empty if they are not served. Default DEFAULT_METRICS_PATH. */
  readonly metricsPath?: string;
  /** The prefix of the paths of inference. Default: none. */
  readonly inferencePrefix?: string;
  /** Default: callers are told apart by their connections. */
  readonly callers?: Callers;
  /** Limit of a body in bytes, both as sent and inflated. */
  readonly maxBodyBytes: number;
  /** Answers of at least so many bytes are compressed for clients that accept it. Default: none are. */
  readonly compressFromBytes?: number;
  /** Allow web pages of any origin. Default false. */
  readonly hasCors?: boolean;
  /** Protobuf answers carry tensor_content instead of the typed *_val fields. Default false. */
  readonly serializationAsTensorContent?: boolean;
  /** See RestMethodParts. */
  readonly ignoresUnknownInputs?: boolean;
  /** How long a client may take nothing of an answer, and twice that at most. Default STALL_MS. */
  readonly stallMs?: number;
  /** Default: every connection is let in. */
  readonly listenerAccess?: ListenerAccess;
  /** A body that makes too little progress in so many seconds is given up (proxy/body-pace.ts). Default: none is. */
  readonly bodyTimeoutS?: number;
  /** Default: one of this server alone. */
  readonly inflations?: InflationGate;
  /** Use TLS on TCP addresses. Default: plaintext. */
  readonly tls?: ListenTls | undefined;
  /** Takes every request that is not for this server; gets what is in every answer's head. Default: there is no such. */
  readonly front?: ((commonHeaders: readonly string[]) => HttpFront) | undefined;
  /** Reads and writes large bodies. Default: they are read and written on the event loop. */
  readonly thread?: CodecThread;
  /** The surfaces that features add. Default: none. */
  readonly surfaces?: readonly Surface[];
  /** Logs the causes of `internal` errors; the context is undefined for errors outside a request. */
  readonly onInternalError: (error: unknown, context?: RequestContext) => void;
}

export class RestServer {
  readonly #options: RestServerOptions;
  readonly #ending = { isDraining: false, isOver: false };
  readonly routes: RestMatcher;
  /** Takes its requests over HTTP/2. */
  readonly streams: RestStreams;
  readonly #requests: RestRequests;
  readonly #front: HttpFront | undefined;
  readonly #connections = new Map<Duplex, Connection>();
  readonly #connectionContext: ConnectionContext;
  readonly #listener: RestListener;
  readonly #heads: AnswerHeads;
  readonly #plainOptions: PlainConnectionOptions<RestRoute>;
  readonly #transportParts: TransportParts;

  constructor(options: RestServerOptions) {
    const { lifecycle, resolver, modelInfo, maxBodyBytes, onInternalError, metrics } = options;
    const {
      compressFromBytes = Infinity,
      hasCors = false,
      serializationAsTensorContent = false,
      ignoresUnknownInputs = false,
      surfaces = [],
      thread,
    } = options;
    this.#options = options;
    const bodyLimits = { maxBodyBytes, compressFromBytes };
    const read = { maxBodyBytes, serializationAsTensorContent, ignoresUnknownInputs };
    const reports = reportsOf(surfaces);
    const { callers = new Callers('', undefined, reports?.askedBy), stallMs = STALL_MS } = options;
    const vary = compressFromBytes === Infinity ? [] : ['vary', 'accept-encoding'];
    this.#heads = new AnswerHeads(lifecycle.clock, [...vary, ...(hasCors ? CORS_HEADERS : [])]);
    const shared = { clock: lifecycle.clock, ending: this.#ending };
    const feedTurns = new FeedTurns();
    this.#connectionContext = { ...shared, feedTurns, commonHeaders: this.#heads.common, onInternalError };
    const { inferencePrefix = '', metricsPath } = options;
    const parts = partsOf(surfaces, metricsPath);
    this.routes = restMatcher(inferencePrefix, { parts, metricsPath, isFronting: options.front !== undefined });
    const reader = new PlainRequestReader((method, url) => this.routes.plain(method, url), callers);
    const timeouts = { firstRequestMs: FIRST_REQUEST_MS, stallMs };
    const unsent = new UnsentAnswers(lifecycle.memory.unsent);
    const { bodyTimeoutS = Infinity, inflations = new InflationGate() } = options;
    const watch = new BodyWatch(lifecycle.clock, bodyTimeoutS);
    const { clock, memory } = lifecycle;
    const bodies = { clock, memory, watch, inflations };
    this.#plainOptions = { ...shared, reader, heads: this.#heads, callers, bodies, unsent, ...timeouts };
    this.#transportParts = { clock: lifecycle.clock, heads: this.#heads, callers, bodies, unsent };
    this.#requests = new RestRequests({
      shared: { lifecycle, access: callers.access, ...bodyLimits, reports, onInternalError },
      methods: new RestMethods({ resolver, modelInfo, ...read, thread }),
      replies: new LocalReplies({ heads: this.#heads, metrics, compressFromBytes, hasCors }),
      onInternalError,
    });
    this.streams = new RestStreams(this.#requests, this.routes, this.#transportParts);
    const front = options.front?.(this.#heads.common);
    this.#front = front;
    this.#listener = new RestListener(
      {
        onConnection: (socket, takeOver) => this.#onConnection(socket, takeOver),
        onRequest: (request, response, expectsContinue) => this.#onRequest(request, response, expectsContinue),
        ...(front && {
          onUpgrade: (request, socket, head, readAgain) => {
            const connection = this.#connections.get(socket)!;
            const isOurs = this.#routeOf(request).kind !== 'app';
            const feedAgain = (): void => {
              readAgain();
              connection.beginFeed();
            };
            connection.endFeed();
            front.upgrade({ request, socket, head: Buffer.from(head), connection, readAgain: feedAgain }, isOurs);
          },
        }),
        onParserError: (error, socket) => this.#connections.get(socket)?.onParserError(error),
        onStall: (socket) => this.#connections.get(socket)?.onStall(),
        onServerError: onInternalError,
      },
      stallMs,
      options.listenerAccess ?? {},
      options.tls,
    );
  }

  /** Binds "host:port", "[v6]:port" or "unix:/path"; `joined`: gRPC too. Resolves as bound; else ListenError. */
  listen(address: string, joined?: JoinedPort): Promise<string> {
    return this.#listener.listen(address, joined);
  }

  /** Ends each connection with its next answer, which says so. New ones are accepted, and end likewise. */
  tellClients(): void {
    this.#ending.isDraining = true;
  }

  /**
   * Goes on accepting connections, but each ends with the answer in hand or the next one. Those that are open now also
   * end when they are idle after `graceMs`.
   */
  turnAway(graceMs: number): void {
    const { clock } = this.#options.lifecycle;
    this.tellClients();
    const open = [...this.#connections.values()];
    clock.setTimer(clock.nowMs() + graceMs, () => {
      for (const connection of open) connection.endIdle();
    });
  }

  /**
   * Accepts no new connection. Each open connection ends with the answer in hand or the next one, or when it has been
   * idle for `graceMs`; one that was accepted during the drain, or has begun with less than a request by then, a TLS
   * handshake say, has as long again. Resolves when all connections have ended.
   */
  async drain(graceMs: number): Promise<void> {
    const { clock } = this.#options.lifecycle;
    const begunAt = clock.nowMs();
    this.tellClients();
    const isAccepted = this.#listener.stopAccepting();
    // Requests may wait to be read on a busy machine, and connections to be accepted.
    const grace = clock.setTimer(begunAt + graceMs, () => {
      void isAccepted.then(() => afterReads(() => this.#endIdle(begunAt)));
    });
    await isAccepted;
    const late = clock.setTimer(clock.nowMs() + 2 * graceMs, () => afterReads(() => this.#endLate()));
    await this.#listener.untilEmpty();
    grace.cancel();
    late.cancel();
  }

  /** Ends every connection at once. A second call has no effect. */
  async close(): Promise<void> {
    for (const [socket, { plain }] of this.#connections) if (plain !== undefined) socket.destroy();
    await this.#listener.close();
    this.#front?.close();
  }

  /**
   * The method of a request without headers, for whoever runs it outside of a connection. Undefined: a page answers it,
   * or the application. Throws the ServingError of a path that nothing has.
   */
  routed(method: string, path: string): RoutedMethod | undefined {
    const route = this.routes.match(method, path);
    if (route.error !== undefined) throw route.error;
    return this.#requests.routed(route);
  }

  #endIdle(begunAt: Instant): void {
    this.#ending.isOver = true;
    this.#listener.endSilent();
    for (const connection of this.#connections.values()) {
      if ((connection.restingSince ?? begunAt) <= begunAt) connection.endIdle();
    }
  }

  /** Ends the connections that had not come so far when the idle ones were ended. */
  #endLate(): void {
    this.#listener.endUndecided();
    for (const connection of this.#connections.values()) connection.endIdle();
  }

  #onConnection(socket: Socket, takeOver: () => void): void {
    const connection = new Connection(socket, this.#connectionContext);
    connection.plain = new PlainConnection(socket, this.#plainOptions, {
      onRequest: (transport, route) => this.#requests.serve(transport, route, connection.open),
      onCutOff: () => connection.onCutOff(),
      onHandOver: () => {
        connection.plain = undefined;
        takeOver();
        connection.beginFeed();
      },
    });
    this.#connections.set(socket, connection);
    this.#options.listenerAccess?.gate?.attach(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = this.#connections.get(request.socket)!;
    if (connection.turns.hasEnded || connection.endsWithLatest) {
      // It is read to its end and not answered.
      request.resume();
      return;
    }
    const route = this.#routeOf(request);
    if (route.kind === 'app') {
      this.#front!.serve(request, response, connection, expectsContinue);
      return;
    }
    const turn = connection.begin(response);
    const transport = new NodeTransport(request, response, turn, this.#transportParts, expectsContinue);
    this.#requests.begin(transport, route, connection.open);
  }

  #routeOf({ method, url, httpVersion, headersDistinct }: IncomingMessage): RestRoute {
    const hosts = headersDistinct['host']?.length ?? 0;
    if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return wrongHost(hosts);
    return this.routes.match(method!, url!);
  }
}
