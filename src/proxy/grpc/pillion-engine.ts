/**
 * The engine on Pillion's own HTTP/2 (proxy/http2): methods, limits, draining, closing. A single call is in
 * pillion-call.ts.
 *
 *   Listener ─▶ Http2Server ─▶ stream ─▶ CallHead (repeated header block: no look-up) ─▶ PillionCall ─▶ reader
 *                    │                │      └ no call, on a port that has REST, too ─▶ servers/rest-streams.ts
 *                    │                └ of no service here, with an application behind it ─▶ fronting/
 *                    └ no HTTP/2: an answer in HTTP/1.1, then closed
 *
 * - Messages: at most `maxReceiveBytes`, after decompression too; larger ones are refused when their length is read.
 *   Answers: at most `maxSendBytes`. The defaults are 64 MiB and protobuf's own 2 GiB. TensorFlow Serving takes 2 GiB,
 *   but a sidecar shares its pod's memory limit with the application, and one such message would end both.
 * - `grpc-timeout` is read to the nanosecond and has no upper limit.
 * - Requests that are not gRPC (another content-type, no POST) are REST's where the port has it; else they get 415 or
 *   405. Unknown paths of calls get UNIMPLEMENTED, header lists over the limit RESOURCE_EXHAUSTED.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { DeadlineTimer } from '../../core/deadline-timer.ts';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { Callers } from '../caller.ts';
import { DEFAULT_HTTP2_OPTIONS, type Http2Options } from '../http2/options.ts';
import { Http2Server } from '../http2/server.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import type { Http2Stream } from '../http2/streams/stream.ts';
import { InflationGate } from '../inflation.ts';
import { MemoryBudget } from '../memory-budget.ts';
import { trailersOnly } from './answer-bytes.ts';
import { CallHead, isCall } from './call-head.ts';
import { DEFAULT_MAX_RECEIVE_BYTES, type GrpcEngine, type GrpcEngineOptions, type GrpcMethod } from './engine.ts';
import { statusOf } from './grpc-errors.ts';
import { Listener } from './listener.ts';
import { type CallContext, PillionCall } from './pillion-call.ts';
import { refuseHttp1 } from './refuse-http1.ts';
import { type HttpRefusal, NO_TUNNEL, RefusedRequest } from './refuse-request.ts';

/** Protobuf's limit. */
const DEFAULT_MAX_SEND_BYTES = 2 ** 31 - 1;
/** Browsers' cookies take room: HTTP/1.1 has as much here. */
const REST_HEADER_LIST_BYTES = 32 * 1024;

/** Takes requests that are for the application. */
export interface StreamFront {
  /** Whether the request is none of this server's, given that its path belongs to no service here. */
  takes(headers: RequestHeaders): boolean;
  serve(stream: Http2Stream, headers: RequestHeaders): void;
  /** Closes the connections to the application. */
  close(): void;
}

/** Takes requests that are no calls of gRPC. */
export interface StreamRest {
  /** It is on the addresses of the engine, too; else on the connections that another listener has accepted. */
  readonly isEverywhere: boolean;
  /** Takes any request but CONNECT. */
  serve(stream: Http2Stream, headers: RequestHeaders): void;
  /** Answers a request whose header list is too large. */
  refuseHeaders(stream: Http2Stream): void;
}

export interface PillionEngineOptions extends GrpcEngineOptions {
  readonly maxSendBytes?: number;
  /** Unary answers of this size and above are sent as gzip to clients that accept it. Default: none. */
  readonly compressFromBytes?: number;
  readonly http2?: Partial<Http2Options>;
  /** The application that gets every request which is none of these services'. Default: there is none. */
  readonly front?: StreamFront | undefined;
  /** REST over HTTP/2. Default: such requests are refused. */
  readonly rest?: StreamRest | undefined;
}

export class PillionEngine implements GrpcEngine {
  readonly #shared: CallContext;
  readonly #http2: Http2Server;
  readonly #listener: Listener;
  readonly #lingerMs: number;
  readonly #callers: Callers;
  readonly #methods = new Map<string, GrpcMethod>();
  /** "/package.Service/" of every method. */
  readonly #services = new Set<string>();
  readonly #front: StreamFront | undefined;
  readonly #rest: StreamRest | undefined;
  /** Connections that another listener has accepted. */
  readonly #joined = new WeakSet<Duplex>();

  constructor(options: PillionEngineOptions) {
    const { clock, onInternalError, memory = new MemoryBudget() } = options;
    this.#callers = options.callers ?? new Callers();
    this.#shared = {
      clock,
      deadlines: new DeadlineTimer(clock),
      messages: memory.messages,
      memory,
      bodyTimeoutS: options.bodyTimeoutS ?? Infinity,
      inflations: options.inflations ?? new InflationGate(),
      maxReceiveBytes: options.maxReceiveBytes ?? DEFAULT_MAX_RECEIVE_BYTES,
      maxSendBytes: options.maxSendBytes ?? DEFAULT_MAX_SEND_BYTES,
      compressFromBytes: options.compressFromBytes ?? Infinity,
      onInternalError,
    };
    this.#front = options.front;
    this.#rest = options.rest;
    const takesTunnels = options.front !== undefined;
    const lists = options.rest === undefined ? {} : { maxHeaderListBytes: REST_HEADER_LIST_BYTES };
    const http2 = { ...DEFAULT_HTTP2_OPTIONS, ...lists, takesTunnels, ...options.http2 };
    const headersTooLarge = trailersOnly(undefined, statusOf(tooLargeHeaders(http2.maxHeaderListBytes)));
    this.#lingerMs = http2.lingerMs;
    this.#http2 = new Http2Server({
      clock,
      options: http2,
      unsent: memory.unsent,
      handler: {
        onStream: this.#onStream,
        onHandlerError: (error) => onInternalError(error, ''),
        onHeadersTooLarge: (stream, begun) => {
          if (this.#hasRest(stream.duplex) && !isCall(begun)) this.#rest!.refuseHeaders(stream);
          else stream.respond(headersTooLarge, true);
        },
      },
      onHttp1: (duplex) => refuseHttp1(duplex, clock),
    });
    this.#listener = new Listener((socket) => this.#http2.accept(socket), options.listenerAccess, options.tls);
  }

  register(method: GrpcMethod): void {
    if (this.#methods.has(method.path)) throw new Error(`${method.path} is registered twice`);
    this.#methods.set(method.path, method);
    this.#services.add(serviceOf(method.path));
  }

  listen(address: string): Promise<string> {
    return this.#listener.listen(address);
  }

  turnAway(): void {
    this.#http2.turnAway();
  }

  accept(socket: Socket): void {
    this.#joined.add(socket);
    this.#listener.take(socket);
  }

  async drain(): Promise<void> {
    await this.#listener.stopAccepting();
    void this.#http2.drain();
    await this.#listener.untilShaken(this.#shared.clock, this.#lingerMs);
    await this.#http2.drain();
  }

  async close(): Promise<void> {
    this.#http2.destroy();
    this.#listener.destroy();
    await this.drain();
    this.#front?.close();
    this.#shared.deadlines.close();
  }

  readonly #onStream = (stream: Http2Stream, headers: RequestHeaders): void => {
    const { derived } = headers;
    if (this.#front !== undefined && !(derived instanceof CallHead) && this.#isForeign(headers)) {
      this.#front.serve(stream, headers);
      return;
    }
    const head = derived instanceof CallHead ? derived : this.#deriveHead(headers, stream);
    if (head.refusal !== undefined) {
      this.#onOther(stream, headers, head.refusal);
    } else if (head.method === undefined) {
      stream.respond(trailersOnly(undefined, statusOf(unknownMethod(head.path))), true);
    } else {
      const call = new PillionCall(stream, head, head.method, this.#shared);
      stream.sink = call;
      call.begin();
    }
  };

  /** A request that is no call. */
  #onOther(stream: Http2Stream, headers: RequestHeaders, refusal: HttpRefusal): void {
    const hasRest = this.#hasRest(stream.duplex);
    if (hasRest && headers.method !== 'CONNECT') this.#rest!.serve(stream, headers);
    else stream.sink = new RefusedRequest(stream, hasRest ? NO_TUNNEL : refusal, headers, this.#shared.clock);
  }

  #hasRest(connection: Duplex): boolean {
    return this.#rest !== undefined && (this.#rest.isEverywhere || this.#joined.has(connection));
  }

  #isForeign(headers: RequestHeaders): boolean {
    return !this.#services.has(serviceOf(headers.path)) && this.#front!.takes(headers);
  }

  #deriveHead(headers: RequestHeaders, stream: Http2Stream): CallHead {
    const head = new CallHead(headers, this.#methods.get(headers.path), stream.duplex, this.#callers);
    headers.derived = head;
    return head;
  }
}

/** "/package.Service/" of a method's path. */
function serviceOf(path: string): string {
  return path.slice(0, path.indexOf('/', 1) + 1);
}

function unknownMethod(path: string): ServingError {
  return new ServingError(
    'route_not_found',
    `this server has no method ${quoteName(path)}; server reflection lists those it has`,
  );
}

function tooLargeHeaders(maxBytes: number): ServingError {
  return new ServingError(
    'too_large',
    `the call's metadata is larger than the ${maxBytes} bytes that this server takes`,
  );
}
