/**
 * The REST surface: TensorFlow Serving's paths over HTTP/1.1, with TLS where asked.
 *
 *   connection ─▶ PlainConnection ─▶ RouteMemo ─▶ Exchange ─▶ predict │ classify │ regress │ status │ metadata │ error ─▶ answer
 *                   └▶ node:http ─────▶ └ metrics, OPTIONS: answered here, no request of any model, so without a record
 *
 * What is no HTTP never gets that far: the parser's errors and timeouts are answered and the connection closed.
 *
 * Start: construct, `listen` on one address or more. End: `drain` (accepts nothing new, ends each connection with the
 * answer in hand or to its next request, resolves when all are gone), `close` (ends what is still open).
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { MetricsPage } from '../../telemetry/metrics-page.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import type { ListenTls } from '../tls-server.ts';
import { AnswerHeads, JSON_TYPE } from './answer-head.ts';
import { Connection, type ConnectionSurroundings } from './connection.ts';
import { CORS_HEADERS } from './cors.ts';
import { Exchange, type RestSurroundings } from './exchange.ts';
import { metadataJson } from './metadata-json.ts';
import { NodeTransport, type NodeTransportParts } from './node-transport.ts';
import { PlainConnection, type PlainConnectionOptions } from './plain-connection.ts';
import { PlainRequestReader } from './plain-request.ts';
import { RestInference } from './rest-inference.ts';
import { PLAIN_TIMEOUTS, RestListener } from './rest-listener.ts';
import { RestPredict } from './rest-predict.ts';
import { RestProtobuf } from './rest-protobuf.ts';
import { RouteMemo } from './route-memo.ts';
import type { Route } from './routes.ts';
import { SmallAnswers } from './small-answers.ts';
import { modelsJson, statusJson } from './status-json.ts';

export interface RestServerOptions {
  readonly lifecycle: RequestLifecycle;
  readonly predict: PredictHandler;
  readonly modelInfo: ModelInfoHandler;
  readonly metrics: (accept: string | undefined) => Promise<MetricsPage>;
  /** Where they are served; by default METRICS_PATH, empty = nowhere. */
  readonly metricsPath?: string;
  /** Longest body, in bytes, as sent and inflated. */
  readonly maxBodyBytes: number;
  /** Answers from this size on go out compressed to clients that accept it. Default: none do. */
  readonly compressFromBytes?: number;
  /** Pages of any origin may call. Default false. */
  readonly hasCors?: boolean;
  /** Protobuf answers carry tensor_content instead of the typed *_val fields. Default false. */
  readonly serializationAsTensorContent?: boolean;
  /** TCP addresses speak TLS. Default: none do. */
  readonly tls?: ListenTls | undefined;
  /** Causes of `internal` errors; the context is undefined where no request is at fault. */
  readonly onInternalError: (error: unknown, context?: RequestContext) => void;
}

export class RestServer {
  readonly #options: RestServerOptions;
  readonly #surroundings: RestSurroundings;
  readonly #ending = { isDraining: false, isOver: false };
  readonly #routes: RouteMemo;
  readonly #predict: RestPredict;
  readonly #protobuf: RestProtobuf;
  readonly #small: SmallAnswers;
  readonly #inference: RestInference;
  /** All there are. */
  readonly #connections = new Map<Duplex, Connection>();
  readonly #connectionSurroundings: ConnectionSurroundings;
  readonly #listener: RestListener;
  readonly #heads: AnswerHeads;
  readonly #plainOptions: PlainConnectionOptions;
  readonly #nodeParts: NodeTransportParts;
  /** Connections that node:http does not have (yet). */
  readonly #plain = new Map<Duplex, PlainConnection>();

  constructor(options: RestServerOptions) {
    const { lifecycle, maxBodyBytes, onInternalError, metrics } = options;
    const { compressFromBytes = Infinity, hasCors = false, serializationAsTensorContent = false } = options;
    this.#options = options;
    this.#surroundings = { lifecycle, maxBodyBytes, compressFromBytes, onInternalError };
    this.#routes = new RouteMemo(options.metricsPath);
    this.#predict = new RestPredict(options.predict);
    this.#protobuf = new RestProtobuf(options.predict, { serializationAsTensorContent, maxTensorBytes: maxBodyBytes });
    this.#inference = new RestInference(options.predict, maxBodyBytes);
    const vary = compressFromBytes === Infinity ? [] : ['vary', 'accept-encoding'];
    this.#heads = new AnswerHeads(lifecycle.clock, [...vary, ...(hasCors ? CORS_HEADERS : [])]);
    const shared = { clock: lifecycle.clock, ending: this.#ending };
    this.#connectionSurroundings = { ...shared, commonHeaders: this.#heads.common, onInternalError };
    const reader = new PlainRequestReader(maxBodyBytes);
    this.#plainOptions = { ...shared, reader, heads: this.#heads, ...PLAIN_TIMEOUTS };
    this.#nodeParts = { clock: lifecycle.clock, heads: this.#heads };
    this.#small = new SmallAnswers({ heads: this.#heads, metrics, compressFromBytes, hasCors });
    this.#listener = new RestListener(
      {
        onConnection: (socket, takeOver) => this.#onConnection(socket, takeOver),
        onRequest: (request, response, expectsContinue) => this.#onRequest(request, response, expectsContinue),
        onParserError: (error, socket) => this.#connections.get(socket)?.onParserError(error),
        onServerError: onInternalError,
      },
      this.#ending,
      options.tls,
    );
  }

  /**
   * Listens on "host:port", "[v6]:port" or "unix:/path"; call it once for each. Resolves with the address as bound.
   * Rejects with ListenError.
   */
  listen(address: string): Promise<string> {
    return this.#listener.listen(address);
  }

  /**
   * Whoever sends is answered, and told that it was the last answer. A connection on which nothing is sent for
   * `graceMs` is ended. Resolves when all are gone.
   */
  async drain(graceMs: number): Promise<void> {
    const { clock } = this.#options.lifecycle;
    this.#ending.isDraining = true;
    const grace = clock.setTimer(clock.nowMs() + graceMs, () => this.#endIdle());
    await this.#listener.drain();
    grace.cancel();
  }

  /** Ends every connection, whatever goes on in it. Twice is once. */
  async close(): Promise<void> {
    for (const socket of this.#plain.keys()) socket.destroy();
    await this.#listener.close();
  }

  #endIdle(): void {
    this.#ending.isOver = true;
    for (const [socket, connection] of this.#connections) {
      const plain = this.#plain.get(socket);
      if (plain === undefined) connection.turns.endIdle();
      else plain.endIdle();
    }
  }

  #onConnection(socket: Socket, takeOver: () => void): void {
    const connection = new Connection(socket, this.#connectionSurroundings);
    const plain = new PlainConnection(socket, this.#plainOptions, {
      onRequest: (transport, target) => {
        const route = this.#routes.match('POST', target);
        if (route.kind !== 'predict' && route.kind !== 'classify' && route.kind !== 'regress') return false;
        this.#serve(new Exchange(transport, route, connection.open, this.#surroundings), route);
        return true;
      },
      onHandOver: () => {
        this.#plain.delete(socket);
        takeOver();
      },
    });
    this.#connections.set(socket, connection);
    this.#plain.set(socket, plain);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#plain.delete(socket);
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { open, turns } = this.#connections.get(request.socket)!;
    if (turns.hasEnded) {
      // Read, so that it ends; not answered.
      request.resume();
      return;
    }
    const turn = turns.begin(response);
    const route = this.#routes.match(request.method!, request.url!);
    if (route.kind === 'metrics') {
      this.#small.metrics(request, response, turn).catch((error: unknown) => this.#options.onInternalError(error));
      return;
    }
    if (route.kind === 'options') {
      this.#small.options(request, response, turn, route.allow!);
      return;
    }
    const transport = new NodeTransport(request, response, turn, this.#nodeParts, expectsContinue);
    this.#serve(new Exchange(transport, route, open, this.#surroundings), route);
  }

  #serve(exchange: Exchange, route: Route): void {
    if (exchange.isFinished) return;
    if (route.kind === 'predict' && exchange.fields.protobufType === undefined) this.#servePredict(exchange, route);
    else this.#answer(exchange, route).catch((error: unknown) => exchange.fail(error));
  }

  /** Most requests: with no promise but those that it takes. */
  #servePredict(exchange: Exchange, route: Route): void {
    try {
      const body = exchange.readBody();
      if (body instanceof Promise) {
        body.then((read) => this.#predictOf(exchange, route, read)).catch((error: unknown) => exchange.fail(error));
      } else this.#predictOf(exchange, route, body);
    } catch (error) {
      exchange.fail(error);
    }
  }

  #predictOf(exchange: Exchange, { spec }: Route, body: Buffer): void {
    if (exchange.isFinished) return;
    const { outputs, print } = this.#predict.begin(body, spec, exchange.context);
    exchange.replyWith(outputs, print);
  }

  async #answer(exchange: Exchange, route: Route): Promise<void> {
    const { context } = exchange;
    const { modelInfo } = this.#options;
    switch (route.kind) {
      case 'predict':
        return this.#answerProtobuf(exchange, route);
      case 'models':
        exchange.reply(Buffer.from(modelsJson(modelInfo.list()), 'utf8'));
        break;
      case 'classify':
      case 'regress': {
        if (exchange.fields.protobufType !== undefined) return this.#answerProtobuf(exchange, route);
        const body = await exchange.readBody();
        if (!exchange.isFinished) exchange.reply(await this.#inference[route.kind](body, route.spec, context));
        break;
      }
      case 'status':
        exchange.reply(
          Buffer.from(statusJson(modelInfo.status(route.spec, context)), 'utf8'),
          JSON_TYPE,
          route.spec.version?.toString(),
        );
        break;
      case 'metadata':
        exchange.reply(Buffer.from(metadataJson(modelInfo.metadata(route.spec, context)), 'utf8'));
        break;
      default:
        exchange.fail(route.error, route.allow);
    }
  }

  async #answerProtobuf(exchange: Exchange, { kind, spec }: Route): Promise<void> {
    const { context, fields } = exchange;
    const read = exchange.readBody();
    // A body that is lent is copied: the tensors are views of it.
    const body = read instanceof Promise ? await read : Buffer.from(read);
    if (exchange.isFinished) return;
    exchange.reply(await this.#protobuf.answer(kind, body, spec, context), fields.protobufType);
  }
}
