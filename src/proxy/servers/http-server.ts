/**
 * The REST surface: TensorFlow Serving's paths over HTTP/1.1, with TLS where asked.
 *
 *   connection ─▶ PlainConnection ─▶ method of the route ─▶ Exchange (proxy/exchange.ts) over an HttpWire
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
import type { MetricsPage } from '../../telemetry/metrics/metrics-page.ts';
import { Exchange, type Method } from '../exchange.ts';
import type { PredictHandler } from '../handlers/inference-call.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import { AnswerHeads, JSON_TYPE } from '../http1/answer-head.ts';
import { Connection, type ConnectionContext } from '../http1/connection.ts';
import { CORS_HEADERS } from '../http1/cors.ts';
import { HttpWire, type RestContext } from '../http1/http-wire.ts';
import { NodeTransport, type NodeTransportParts } from '../http1/node-transport.ts';
import { PlainConnection, type PlainConnectionOptions } from '../http1/plain-connection.ts';
import { PlainRequestReader } from '../http1/plain-request.ts';
import { PLAIN_TIMEOUTS, RestListener } from '../http1/rest-listener.ts';
import { SmallAnswers } from '../http1/small-answers.ts';
import type { Transport } from '../http1/transport.ts';
import type { ListenTls } from '../net/tls-server.ts';
import { RestClassify, RestRegress } from '../protocols/tensorflow-serving/rest/rest-inference.ts';
import { lookupMethods, refusal } from '../protocols/tensorflow-serving/rest/rest-lookups.ts';
import { RestPredict } from '../protocols/tensorflow-serving/rest/rest-predict.ts';
import { protobufMethods } from '../protocols/tensorflow-serving/rest/rest-protobuf.ts';
import { matchRoute, type Route, type RouteKind } from '../protocols/tensorflow-serving/rest/routes.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';

const NO_BODY = Buffer.alloc(0);

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
  readonly #shared: RestContext;
  readonly #ending = { isDraining: false, isOver: false };
  /** By the kind of their route; `#protobuf` are those that take a protobuf body, where one is sent. */
  readonly #methods: ReadonlyMap<RouteKind, Method<Buffer>>;
  readonly #protobuf: ReadonlyMap<RouteKind, Method<Buffer>>;
  readonly #small: SmallAnswers;
  /** All there are. */
  readonly #connections = new Map<Duplex, Connection>();
  readonly #connectionContext: ConnectionContext;
  readonly #listener: RestListener;
  readonly #heads: AnswerHeads;
  readonly #plainOptions: PlainConnectionOptions<Route>;
  readonly #nodeParts: NodeTransportParts;
  /** Connections that node:http does not have (yet). */
  readonly #plain = new Map<Duplex, PlainConnection<Route>>();

  constructor(options: RestServerOptions) {
    const { lifecycle, predict, modelInfo, maxBodyBytes, onInternalError, metrics } = options;
    const { compressFromBytes = Infinity, hasCors = false, serializationAsTensorContent = false } = options;
    this.#options = options;
    this.#shared = { lifecycle, maxBodyBytes, compressFromBytes, onInternalError };
    this.#methods = new Map([
      ['predict', new RestPredict(predict)],
      ['classify', new RestClassify(predict, maxBodyBytes)],
      ['regress', new RestRegress(predict, maxBodyBytes)],
      ...lookupMethods(modelInfo),
    ]);
    this.#protobuf = protobufMethods(predict, { serializationAsTensorContent, maxTensorBytes: maxBodyBytes });
    const vary = compressFromBytes === Infinity ? [] : ['vary', 'accept-encoding'];
    this.#heads = new AnswerHeads(lifecycle.clock, [...vary, ...(hasCors ? CORS_HEADERS : [])]);
    const shared = { clock: lifecycle.clock, ending: this.#ending };
    this.#connectionContext = { ...shared, commonHeaders: this.#heads.common, onInternalError };
    const reader = new PlainRequestReader(maxBodyBytes, (target) => plainRoute(target, options.metricsPath));
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
    const connection = new Connection(socket, this.#connectionContext);
    const plain = new PlainConnection(socket, this.#plainOptions, {
      onRequest: (transport, route) => this.#serve(transport, route, connection.open),
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
    const route = matchRoute(request.method!, request.url!, this.#options.metricsPath);
    if (route.kind === 'metrics') {
      this.#small.metrics(request, response, turn).catch((error: unknown) => this.#options.onInternalError(error));
      return;
    }
    if (route.kind === 'options') {
      this.#small.options(request, response, turn, route.allow!);
      return;
    }
    this.#serve(new NodeTransport(request, response, turn, this.#nodeParts, expectsContinue), route, open);
  }

  #serve(transport: Transport, route: Route, open: HttpWire[]): void {
    const { protobufType } = transport.fields;
    const protobuf = protobufType === undefined ? undefined : this.#protobuf.get(route.kind);
    const method = protobuf ?? this.#methods.get(route.kind) ?? refusal(route);
    const type = protobuf === undefined ? JSON_TYPE : protobufType!;
    const wire = new HttpWire(transport, route, type, open, this.#shared);
    const exchange = new Exchange(wire, method, route.spec, this.#shared);
    if (method.hasNoBody === true) exchange.onMessage(NO_BODY);
    else if (!exchange.isFinished) this.#readBody(transport, exchange, protobuf !== undefined);
  }

  /** `isKept`: the call has views of the body, so one that is only lent is copied. */
  #readBody(transport: Transport, exchange: Exchange<Buffer>, isKept: boolean): void {
    try {
      const body = transport.readBody(this.#shared.maxBodyBytes);
      if (!(body instanceof Promise)) exchange.onMessage(isKept ? Buffer.from(body) : body);
      else {
        body.then(
          (whole) => exchange.onMessage(whole),
          (thrown: unknown) => exchange.fail(thrown),
        );
      }
    } catch (thrown) {
      exchange.fail(thrown);
    }
  }
}

/** The route of a POST that the plain lane serves. */
function plainRoute(target: string, metricsPath: string | undefined): Route | undefined {
  const route = matchRoute('POST', target, metricsPath);
  return route.kind === 'predict' || route.kind === 'classify' || route.kind === 'regress' ? route : undefined;
}
