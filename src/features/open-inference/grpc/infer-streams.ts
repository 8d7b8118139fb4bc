/**
 * ModelStreamInfer: many requests and their answers on one stream. Each message is a request of its own, with its own
 * exchange, record and permission; the stream's metadata (caller, priority, trace) and deadline are those of each.
 *
 *   message ─▶ Exchange ─▶ answer     as soon as it is there: in no order; clients tell answers apart by their id
 *                       └▶ error      in band, with the id of its request: the stream goes on
 *   a message that there is no memory for ─▶ refused likewise, with the id if that has come
 *   end of the stream ─▶ waits for the answers, then ends with OK
 *   cancel, or the stream's deadline ─▶ cancels all its requests, and no other
 *
 * The stream's end carries a report if its client asks for one, as other answers do; its answers carry none.
 *
 * A drain ends the streams: at once where nothing is open, else after the last answer. A client that always has a
 * request open would hold it up, so new ones are refused in band after GRACE_MS.
 */
import { readInferId } from '../../../codec/open-inference/infer-request-reader.ts';
import { streamError } from '../../../codec/open-inference/infer-response-writer.ts';
import type { Instant } from '../../../core/clock.ts';
import { DenseSet, type DenseSetMember } from '../../../core/collections/dense-set.ts';
import { ServingError } from '../../../core/errors.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import { wantedReports } from '../../../proxy/answer-reports.ts';
import { Exchange, type ExchangeContext, type Method, type OpenExchange, type Wire } from '../../../proxy/exchange.ts';
import type { CallReader, CallStatus, GrpcCall, GrpcMethod } from '../../../proxy/grpc/engine.ts';
import { OK, statusOf } from '../../../proxy/grpc/grpc-errors.ts';
import { withTrailers } from '../../../proxy/grpc/shared-trailers.ts';
import { ACCOUNTED_FROM_BYTES } from '../../../proxy/memory-budget.ts';
import type { RequestArrival, RequestContext } from '../../../proxy/request-context.ts';

/** A message names its model itself. */
const NO_MODEL: ModelSpec = { name: '' };

const DRAINING = new ServingError('draining', 'the server is shutting down; open a stream to another replica', {
  retryAfterMs: 1000,
});

/** How long a stream that is to end still takes requests: its client cannot know yet. */
const GRACE_MS = 1000;

/** The streams of one server. */
export class InferStreams {
  readonly #method: Method<Uint8Array>;
  readonly #shared: ExchangeContext;
  readonly #open = new Set<InferStream>();
  #isEnding = false;

  constructor(method: Method<Uint8Array>, shared: ExchangeContext) {
    this.#method = method;
    this.#shared = shared;
  }

  /** The method for the engine. */
  methodOf(service: string): GrpcMethod {
    return {
      path: `/${service}/${this.#method.name}`,
      isClientStream: true,
      enforcesDeadline: false,
      start: (call) => {
        const stream = new InferStream(call, this.#method, this.#shared, () => this.#open.delete(stream));
        this.#open.add(stream);
        if (this.#isEnding) stream.drain();
        return stream;
      },
    };
  }

  /** Drains: each stream ends when its requests are answered; new ones at once. */
  end(): void {
    this.#isEnding = true;
    for (const stream of this.#open) stream.drain();
  }
}

/** A request without its answer. */
interface Asked extends DenseSetMember {
  readonly exchange: Exchange<Uint8Array>;
}

class InferStream implements CallReader {
  readonly #call: GrpcCall;
  readonly #method: Method<Uint8Array>;
  readonly #shared: ExchangeContext;
  readonly #onEnded: () => void;
  readonly #asked = new DenseSet<Asked>();
  /** How the stream ends when its last request is answered. */
  #ending: CallStatus | undefined;
  /** New requests are refused from this instant on. */
  #refusesFrom: Instant = Infinity;

  constructor(call: GrpcCall, method: Method<Uint8Array>, shared: ExchangeContext, onEnded: () => void) {
    this.#call = call;
    this.#method = method;
    this.#shared = shared;
    this.#onEnded = onEnded;
  }

  onMessage(message: Uint8Array): void {
    const exchange = this.#begin(message);
    if (exchange === undefined) return;
    const isLate = exchange.context.now() >= this.#refusesFrom;
    const refusal = isLate ? DRAINING : charge(exchange.context, message.length, this.#shared);
    if (refusal === undefined) exchange.onMessage(message);
    else exchange.fail(refusal);
  }

  onRefused(error: ServingError, begun: Uint8Array): void {
    this.#begin(begun)?.fail(error);
  }

  onEnd(): void {
    this.#endWhenAnswered(OK);
  }

  /** The server drains. A second call has no effect. */
  drain(): void {
    const { clock } = this.#shared.lifecycle;
    if (this.#refusesFrom === Infinity) this.#refusesFrom = clock.nowMs() + GRACE_MS;
    this.#endWhenAnswered(statusOf(DRAINING));
  }

  /** The client has left, its stream cannot be read, or its deadline has passed. */
  onAbort(error: ServingError): void {
    this.#onEnded();
    for (const { exchange } of this.#asked.toArray()) exchange.onAbort(error);
  }

  /** Undefined: it was refused at once. */
  #begin(message: Uint8Array): Exchange<Uint8Array> | undefined {
    const wire = new StreamWire(this.#call, message, this.#shared.lifecycle.clock.nowMs());
    const exchange = new Exchange(wire, this.#method, NO_MODEL, this.#shared);
    if (exchange.isFinished) return undefined;
    const asked: Asked = { exchange, setIndex: -1 };
    this.#asked.add(asked);
    wire.onFinished = () => this.#finished(asked);
    return exchange;
  }

  /** The first call counts. */
  #endWhenAnswered(status: CallStatus): void {
    this.#ending ??= status;
    if (this.#asked.size > 0) return;
    this.#onEnded();
    const { askedReport } = this.#call.head.caller;
    const trailers = wantedReports(this.#shared.reports, askedReport)?.onCall(askedReport);
    this.#call.end(trailers === undefined ? this.#ending : withTrailers(this.#ending, trailers));
  }

  #finished(asked: Asked): void {
    this.#asked.remove(asked);
    if (this.#ending !== undefined) this.#endWhenAnswered(this.#ending);
  }
}

/** One request's side of the stream. */
class StreamWire implements Wire<Uint8Array> {
  readonly #call: GrpcCall;
  readonly #receivedAt: number;
  /** Read at once: the message may go to the codec thread. */
  readonly #id: string;
  /** Called once, after the answer or the error was sent. */
  onFinished: () => void = () => undefined;

  constructor(call: GrpcCall, message: Uint8Array, receivedAt: number) {
    this.#call = call;
    this.#receivedAt = receivedAt;
    this.#id = readInferId(message);
  }

  arrival(method: string): RequestArrival {
    const { receivedAt, head } = this.#call;
    const { timeoutMs, peer, client, priority, caller } = head;
    const passedMs = this.#receivedAt - receivedAt;
    return {
      surface: 'grpc',
      method,
      receivedAt: this.#receivedAt,
      timeoutMs: timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - passedMs),
      requestId: caller.requestId,
      peer,
      client,
      userAgent: caller.userAgent,
      caller: caller.name,
      identity: caller.visitor?.identify(caller.token),
      priority,
      callerTrace: caller.trace,
    };
  }

  begun(_exchange: OpenExchange): void {
    // The stream's metadata is sent with its first answer, and is no one request's.
  }

  answer(answer: Uint8Array, context: RequestContext): void {
    context.responseBytes = answer.byteLength;
    this.#call.send(answer);
    this.onFinished();
  }

  refuse(error: ServingError): void {
    this.#call.send(streamError(error.message, this.#id));
    this.onFinished();
  }

  breakOff(): void {
    this.#call.send(streamError('internal error', this.#id));
    this.onFinished();
  }
}

/** The engine no longer charges the call for a message that it has given away. */
function charge(context: RequestContext, bytes: number, { lifecycle }: ExchangeContext): ServingError | undefined {
  if (bytes < ACCOUNTED_FROM_BYTES) return undefined;
  const refusal = lifecycle.memory.hold(context, bytes, bytes);
  if (refusal === undefined) lifecycle.memory.arrived(context);
  return refusal;
}
