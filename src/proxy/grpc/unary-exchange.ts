/**
 * A unary call of ours from first header to last byte: opens the request's lifecycle, hands the message to the method's
 * own function, answers, and closes the lifecycle exactly once, whatever happens in between.
 *
 *   start ──▶ lifecycle.begin ──▶ (body arrives) ──▶ onMessage ──▶ method.handle ──▶ answer ──▶ lifecycle.finish
 *               │ draining, expired      │ deadline, client left        │ throws, cancelled          ▲
 *               └────────────────────────┴──────────────────────────────┴──────── #fail ─────────────┘
 */
import type { CancelListener } from '../../core/cancel.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { formatTraceparent, isToldToCaller } from '../../telemetry/propagation.ts';
import { STAGE_DECODE } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import type { RequestLifecycle } from '../request-lifecycle.ts';
import { SERVED_BY_HEADER, servedBy } from '../served-by.ts';
import { REQUEST_ID, TRACEPARENT } from './caller.ts';
import { type CallReader, type GrpcCall, type GrpcMethod, MESSAGE_HEAD_BYTES, type MetadataEntries } from './engine.ts';
import { statusOf } from './grpc-errors.ts';

/** What the methods of all services share. */
export interface UnarySurroundings {
  readonly lifecycle: RequestLifecycle;
  /** A cause that the caller is not told. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
}

/** How a handler answers later without a promise of its own for the encoding, for what is asked most. */
export interface UnaryReply {
  /** Answers with what `encode` makes of the value, or fails with why there is none, or with what `encode` throws. */
  answerWith<T>(value: Promise<T>, encode: (value: T) => Uint8Array): void;
}

/**
 * Message in, message out, the latter behind MESSAGE_HEAD_BYTES bytes of room; undefined if `reply` was asked to answer.
 * Called only for requests that are still wanted; throws or rejects with ServingError. One that throws has kept nothing of
 * the message.
 */
export type UnaryHandler = (
  message: Uint8Array,
  context: RequestContext,
  reply: UnaryReply,
) => Uint8Array | Promise<Uint8Array> | undefined;

/**
 * A client whose own timer fires resets the stream, and that looks like its leaving. This near the deadline it is the
 * deadline: then the lifecycle's timer, due within that time, says so.
 */
const DEADLINE_SLACK_MS = 5;

export function unaryMethod(
  service: string,
  name: string,
  surroundings: UnarySurroundings,
  handle: UnaryHandler,
): GrpcMethod {
  return {
    path: `/${service}/${name}`,
    isClientStream: false,
    enforcesDeadline: true,
    start: (call) => new UnaryExchange(call, name, surroundings, handle),
  };
}

/** A method that is part of the service's definition and not built: answers UNIMPLEMENTED, saying what there is. */
export function unbuiltMethod(
  service: string,
  name: string,
  surroundings: UnarySurroundings,
  instead: string,
): GrpcMethod {
  return unaryMethod(service, name, surroundings, () => {
    throw new ServingError('unsupported', `this server does not have ${service}.${name}; ${instead}`);
  });
}

class UnaryExchange implements CallReader, CancelListener, UnaryReply {
  readonly #call: GrpcCall;
  readonly #context: RequestContext;
  readonly #surroundings: UnarySurroundings;
  readonly #handle: UnaryHandler;
  readonly #headers: MetadataEntries | undefined;
  #isFinished = false;

  constructor(call: GrpcCall, method: string, surroundings: UnarySurroundings, handle: UnaryHandler) {
    this.#call = call;
    this.#surroundings = surroundings;
    this.#handle = handle;
    const { priority, caller } = call;
    const { requestId } = caller;
    const context = surroundings.lifecycle.begin({
      surface: 'grpc',
      method,
      receivedAt: call.receivedAt,
      timeoutMs: call.timeoutMs,
      requestId,
      peer: call.peer,
      priority: priority instanceof ServingError ? undefined : priority,
      callerTrace: caller.trace,
    });
    this.#context = context;
    this.#headers = answerHeaders(context, requestId);
    if (this.#headers !== undefined) call.setHeaders(this.#headers);
    if (context.cancel.reason !== undefined) this.#fail(context.cancel.reason);
    else if (priority instanceof ServingError) this.#fail(priority);
    else context.cancel.listener = this;
  }

  onMessage(message: Uint8Array): void {
    if (this.#isFinished) return;
    const context = this.#context;
    context.requestBytes = message.byteLength;
    context.stages.enter(STAGE_DECODE, context.now());
    try {
      const answer = this.#handle(message, context, this);
      if (answer instanceof Uint8Array) this.#answer(answer);
      else if (answer !== undefined) this.answerWith(answer, asItIs);
    } catch (thrown) {
      // It was refused before anybody kept anything of it.
      this.#fail(thrown, true);
    }
  }

  answerWith<T>(value: Promise<T>, encode: (value: T) => Uint8Array): void {
    // Not `.catch` behind it: that is a promise more for each request.
    value.then(
      (settled) => this.#answerLate(settled, encode),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  onCancel(reason: ServingError): void {
    this.#fail(reason);
  }

  onAbort(error: ServingError): void {
    if (this.#isFinished) return;
    const context = this.#context;
    if (error.kind === 'cancelled' && context.now() >= context.deadline - DEADLINE_SLACK_MS) return;
    // Whoever holds the request learns it from the signal; while the body arrives that is this class.
    context.cancel.cancel(error);
  }

  #answerLate<T>(value: T, encode: (value: T) => Uint8Array): void {
    try {
      this.#answer(encode(value));
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #answer(answer: Uint8Array): void {
    const context = this.#context;
    // The runner may have answered a request that was cancelled meanwhile: nobody is there to read it.
    context.cancel.throwIfCancelled();
    context.responseBytes = answer.byteLength - MESSAGE_HEAD_BYTES;
    const by = servedBy(context);
    if (by !== undefined) this.#call.setHeaders({ ...this.#headers, [SERVED_BY_HEADER]: by });
    this.#call.answer(answer);
    this.#finish(undefined);
  }

  #fail(thrown: unknown, isUnkept = false): void {
    if (this.#isFinished) return;
    const error = toServingError(thrown);
    if (error.kind === 'internal') this.#surroundings.onInternalError(error.cause ?? error, this.#context);
    if (isUnkept) this.#call.refuse(statusOf(error));
    else this.#call.end(statusOf(error));
    this.#finish(error);
  }

  #finish(error: ServingError | undefined): void {
    this.#isFinished = true;
    this.#context.cancel.listener = undefined;
    this.#surroundings.lifecycle.finish(this.#context, error);
  }
}

function asItIs(answer: Uint8Array): Uint8Array {
  return answer;
}

function answerHeaders(context: RequestContext, requestId: string | undefined): MetadataEntries | undefined {
  const trace = context.trace !== undefined && isToldToCaller(context.trace) ? context.trace : undefined;
  if (requestId === undefined && trace === undefined) return undefined;
  const headers: Record<string, string> = {};
  if (requestId !== undefined) headers[REQUEST_ID] = requestId;
  if (trace !== undefined) headers[TRACEPARENT] = formatTraceparent(trace);
  return headers;
}
