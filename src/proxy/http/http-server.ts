/**
 * The REST surface: TensorFlow Serving's paths over HTTP/1.1. The only file that makes node:http servers.
 *
 *   connection ─▶ PlainConnection ─▶ RouteMemo ─▶ Exchange ─▶ predict │ status │ metadata │ error ─▶ answer
 *                   └▶ node:http ─────▶ └ metrics, OPTIONS: answered here, no request of any model, so without a record
 *
 * What is no HTTP never gets that far: the parser's errors and timeouts are answered and the connection closed.
 *
 * Start: construct, `listen` on one address or more. End: `drain` (accepts nothing new, ends each connection with its
 * current answer, resolves when all are gone), `close` (ends what is still open).
 */
import { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { MetricsPage } from '../../telemetry/metrics-page.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import { listenNet } from '../listen.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import { AnswerHeads } from './answer-head.ts';
import { Connection } from './connection.ts';
import { Exchange, type RestSurroundings } from './exchange.ts';
import { errorBody } from './http-errors.ts';
import { metadataJson } from './metadata-json.ts';
import { NodeTransport } from './node-transport.ts';
import { PlainConnection } from './plain-connection.ts';
import { PlainRequestReader } from './plain-request.ts';
import { RestPredict } from './rest-predict.ts';
import { RouteMemo } from './route-memo.ts';
import type { Route } from './routes.ts';
import { statusJson } from './status-json.ts';

export interface RestServerOptions {
  readonly lifecycle: RequestLifecycle;
  readonly predict: PredictHandler;
  readonly modelInfo: ModelInfoHandler;
  readonly metrics: () => Promise<MetricsPage>;
  /** Where they are served; by default METRICS_PATH, empty = nowhere. */
  readonly metricsPath?: string;
  /** Longest body, in bytes, as sent and inflated. */
  readonly maxBodyBytes: number;
  /** Causes of `internal` errors; the context is undefined where no request is at fault. */
  readonly onInternalError: (error: unknown, context?: RequestContext) => void;
}

/** Node's own defaults, but where a comment says why. Milliseconds. */
const SERVER_OPTIONS: ServerOptions = {
  // Room for a long traceparent, baggage and cookies of whoever stands in front.
  maxHeaderSize: 32 * 1024,
  // Slow headers hold nothing but a socket, yet who needs 20 s for them will not get an answer in time either.
  headersTimeout: 20_000,
  // A request's own deadline ends a slow body; this is for what has no deadline.
  requestTimeout: 600_000,
  // How often the two are looked after.
  connectionsCheckingInterval: 5_000,
  // Longer than whoever pools connections to us keeps them idle (load balancers 60 s to 10 min, Envoy 1 h): the side
  // that sends requests must be the one that closes, or a request meets a closing connection.
  keepAliveTimeout: 65 * 60_000,
  // So dead peers are found by TCP instead.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  noDelay: true,
  // We make nothing of Host.
  requireHostHeader: false,
};

/** The same, where node:http has not the connection. */
const PLAIN_TIMEOUTS = { firstRequestMs: SERVER_OPTIONS.headersTimeout!, idleMs: SERVER_OPTIONS.keepAliveTimeout! };

export class RestServer {
  readonly #options: RestServerOptions;
  readonly #surroundings: RestSurroundings & { isDraining: boolean };
  readonly #routes: RouteMemo;
  readonly #predict: RestPredict;
  readonly #connections = new WeakMap<Duplex, Connection>();
  readonly #servers: Server[] = [];
  readonly #reader: PlainRequestReader;
  readonly #heads: AnswerHeads;
  /** Connections that node:http does not have (yet). */
  readonly #plain = new Map<PlainConnection, Socket>();

  constructor(options: RestServerOptions) {
    const { lifecycle, maxBodyBytes, onInternalError } = options;
    this.#options = options;
    this.#routes = new RouteMemo(options.metricsPath);
    this.#surroundings = { lifecycle, maxBodyBytes, onInternalError, isDraining: false };
    this.#predict = new RestPredict(options.predict);
    this.#reader = new PlainRequestReader(maxBodyBytes);
    this.#heads = new AnswerHeads(lifecycle.clock);
  }

  /**
   * Listens on "host:port", "[v6]:port" or "unix:/path"; call it once for each. Resolves with the address as bound.
   * Rejects with ListenError.
   */
  async listen(address: string): Promise<string> {
    const server = createServer(SERVER_OPTIONS, (request, response) => this.#onRequest(request, response, false));
    server.on('checkContinue', (request, response) => this.#onRequest(request, response, true));
    // node:http's own listener: it gets a connection when the plain lane is done with it.
    const [takeOver] = server.listeners('connection') as ((socket: Socket) => void)[];
    server.off('connection', takeOver!);
    server.on('connection', (socket) => this.#onConnection(socket, () => takeOver!.call(server, socket)));
    server.on('clientError', (error, socket) => this.#connections.get(socket)?.onParserError(error));
    server.maxRequestsPerSocket = 0;
    const bound = await listenNet(server, address);
    server.on('error', (error) => this.#options.onInternalError(error));
    this.#servers.push(server);
    return bound;
  }

  async drain(): Promise<void> {
    this.#surroundings.isDraining = true;
    for (const connection of this.#plain.keys()) connection.end();
    // Closing ends idle connections too.
    await Promise.all(this.#servers.map(closed));
  }

  /** Ends every connection, whatever goes on in it. Twice is once. */
  async close(): Promise<void> {
    const ends = this.#servers.map(closed);
    for (const socket of this.#plain.values()) socket.destroy();
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(ends);
  }

  #onConnection(socket: Socket, takeOver: () => void): void {
    const { open } = this.#connectionOf(socket);
    const options = { reader: this.#reader, heads: this.#heads, ...PLAIN_TIMEOUTS };
    const plain = new PlainConnection(socket, options, {
      onRequest: (transport, target) => {
        const route = this.#routes.match('POST', target);
        if (route.kind !== 'predict') return false;
        this.#serve(new Exchange(transport, route, open, this.#surroundings), route);
        return true;
      },
      onHandOver: () => {
        this.#plain.delete(plain);
        takeOver();
      },
    });
    this.#plain.set(plain, socket);
    socket.once('close', () => this.#plain.delete(plain));
  }

  #connectionOf(socket: Socket): Connection {
    const connection = new Connection(socket);
    this.#connections.set(socket, connection);
    return connection;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const route = this.#routes.match(request.method!, request.url!);
    if (route.kind === 'metrics') {
      this.#answerMetrics(response).catch((error: unknown) => this.#options.onInternalError(error));
      return;
    }
    if (route.kind === 'options') {
      response.writeHead(200, ['allow', route.allow!, 'content-length', '0']).end();
      return;
    }
    const { open } = this.#connections.get(request.socket)!;
    const transport = new NodeTransport(request, response, this.#options.lifecycle.clock, expectsContinue);
    this.#serve(new Exchange(transport, route, open, this.#surroundings), route);
  }

  #serve(exchange: Exchange, route: Route): void {
    if (exchange.isFinished) return;
    this.#answer(exchange, route).catch((error: unknown) => exchange.fail(error));
  }

  async #answer(exchange: Exchange, route: Route): Promise<void> {
    const { context } = exchange;
    const { modelInfo } = this.#options;
    switch (route.kind) {
      case 'predict': {
        const read = exchange.readBody();
        const body = read instanceof Promise ? await read : read;
        if (!exchange.isFinished) exchange.reply(await this.#predict.answer(body, route.spec, context));
        break;
      }
      case 'status':
        exchange.reply(Buffer.from(statusJson(modelInfo.status(route.spec, context)), 'utf8'));
        break;
      case 'metadata':
        exchange.reply(Buffer.from(metadataJson(modelInfo.metadata(route.spec, context)), 'utf8'));
        break;
      default:
        exchange.fail(route.error, route.allow);
    }
  }

  async #answerMetrics(response: ServerResponse): Promise<void> {
    try {
      const { contentType, text } = await this.#options.metrics();
      const body = Buffer.from(text, 'utf8');
      response.writeHead(200, ['content-type', contentType, 'content-length', String(body.length)]).end(body);
    } catch (error) {
      const body = errorBody('the metrics cannot be read; the server log has the cause');
      response.writeHead(500, ['content-type', 'application/json', 'content-length', String(body.length)]).end(body);
      throw error;
    }
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // An error says that it was closed before: resolved all the same.
    server.close(() => resolve());
  });
}
