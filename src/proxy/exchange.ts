/**
 * One request and its answer, whatever it came by: this is the path, from its first header to its last byte.
 *
 *   begin ─▶ body ─▶ decode ─▶ resolve ─▶ check ─▶ submit ─┄ queue, batch, execute, split ┄─▶ encode ─▶ finish
 *     │       │        │          │         │        │                                          │         ▲
 *     └───────┴────────┴──────────┴─────────┴────────┴─ anything thrown, a deadline that passes,┴─ fail ──┘
 *                                                       a client that leaves
 *
 * Each step is a line below, under its name; docs/life-of-a-request.md tells of the same ones. Who does them:
 *
 *   Wire      a transport: what the first header says, how an answer or an error is written (http1/http-wire.ts,
 *             grpc/grpc-wire.ts)
 *   Method    a protocol: how a message becomes a call, and what comes of it bytes (rest-predict.ts and
 *             prediction-service.ts in protocols/tensorflow-serving/, …)
 *   Call      neither: the model, the checks, the run (handlers/)
 *
 * It opens and closes the request's lifecycle exactly once, and answers once, whatever happens in between.
 */
import type { CancelListener } from '../core/cancel.ts';
import { type ServingError, toServingError } from '../core/errors.ts';
import type { ModelSpec } from '../core/model-spec.ts';
import { STAGE_DECODE, STAGE_ENCODE } from '../telemetry/stage-clock.ts';
import type { Call } from './call.ts';
import type { RequestContext } from './request-context.ts';
import type { RequestArrival, RequestLifecycle } from './request-lifecycle.ts';

/**
 * One request's way out of a transport. Its way in is the exchange's `onMessage` and `onAbort`, which the transport calls:
 * a request whose exchange wants no message need not be read.
 */
export interface Wire<Bytes extends Uint8Array> {
  /** What the first header says. */
  arrival(method: string): RequestArrival;
  /** The request has begun; it may already be refused. */
  begun(exchange: OpenExchange): void;
  /** Gets an answer ready that takes a while to; undefined = it may be written now. Its end may be waited for in vain. */
  prepare?(answer: Bytes): Promise<void> | undefined;
  /** Writes the answer, which belongs to the transport from then on. Nobody reads the request's message any more. */
  answer(answer: Bytes, context: RequestContext): void;
  /** Writes the error instead. `isUnkept`: nobody has kept anything of the request's message. */
  refuse(error: ServingError, context: RequestContext, isUnkept: boolean): void;
  /** Neither could be written. */
  breakOff(): void;
}

/** What a protocol knows of one of its methods. */
export interface Method<Bytes extends Uint8Array, Given = unknown, Asked extends Call<Given> = Call<Given>> {
  /** As records have it: 'Predict'. */
  readonly name: string;
  /** Its requests have none: there is nothing to decode, and they go through no stages. Absent = they have. */
  readonly hasNoBody?: boolean;
  /**
   * `path`: the model that the request's target names, where it names one. The body is only lent until this exchange has
   * submitted, unless the transport says otherwise. Throws ServingError.
   */
  decode(body: Bytes, path: ModelSpec, context: RequestContext): Asked;
  /** Throws ServingError where there is no way to write it. */
  encode(given: Given, asked: Asked): Bytes;
}

/** What the exchanges of one server share. */
export interface ExchangeContext {
  readonly lifecycle: RequestLifecycle;
  /** A cause that the caller is not told. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
}

/** What a transport needs of it. */
export interface OpenExchange {
  readonly context: RequestContext;
  /** Something went wrong with the request. Without effect once it has its answer. */
  fail(thrown: unknown): void;
  /** The client left, or what it sent cannot be read: whoever holds the request hears of it. */
  onAbort(error: ServingError): void;
}

/**
 * A client whose own timer fires closes its request, and that looks like its leaving. This near the deadline it is the
 * deadline: then the lifecycle's timer, due within that time, says so.
 */
const DEADLINE_SLACK_MS = 5;

/** `Bytes`: how the transport has bodies, either way. */
export class Exchange<Bytes extends Uint8Array> implements OpenExchange, CancelListener {
  readonly context: RequestContext;
  readonly #wire: Wire<Bytes>;
  readonly #method: Method<Bytes>;
  readonly #path: ModelSpec;
  readonly #shared: ExchangeContext;
  #isFinished = false;

  /** Begins it. Check `isFinished` afterwards: what came too late, or with a bad header, has its answer already. */
  constructor(wire: Wire<Bytes>, method: Method<Bytes>, path: ModelSpec, shared: ExchangeContext) {
    this.#wire = wire;
    this.#method = method;
    this.#path = path;
    this.#shared = shared;
    // begin: the deadline is armed, the request counted; from now on it is this that hears when it is not wanted any more.
    const context = shared.lifecycle.begin(wire.arrival(method.name));
    this.context = context;
    wire.begun(this);
    if (context.cancel.reason === undefined) context.cancel.listener = this;
    else this.fail(context.cancel.reason);
  }

  /** It has its answer, or needs none. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** body: it is there, whole. */
  onMessage(body: Bytes): void {
    if (this.#isFinished) return;
    const { context } = this;
    const method = this.#method;
    context.requestBytes = body.byteLength;
    let call: Call<unknown> | undefined;
    try {
      // decode: what the message asks for.
      if (method.hasNoBody !== true) context.stages.enter(STAGE_DECODE, context.now());
      call = method.decode(body, this.#path, context);
      // resolve: the version that is to answer, borrowed.
      call.resolve();
      // check: the inputs against its signature.
      call.check();
      // submit: the scheduler's from here on: queue, batch, execute, split.
      const given = call.submit();
      if (given instanceof Promise) this.#encodeLater(given, call);
      else this.#encode(given, call);
    } catch (thrown) {
      call?.abandon();
      this.#finish(undefined, toServingError(thrown), true);
    }
  }

  fail(thrown: unknown): void {
    this.#finish(undefined, toServingError(thrown));
  }

  onCancel(reason: ServingError): void {
    this.fail(reason);
  }

  onAbort(error: ServingError): void {
    const { context } = this;
    if (this.#isFinished) return;
    if (error.kind === 'cancelled' && context.now() >= context.deadline - DEADLINE_SLACK_MS) return;
    // Whoever holds the request learns it from the signal; while the body arrives that is this class.
    context.cancel.cancel(error);
  }

  #encodeLater(given: Promise<unknown>, call: Call<unknown>): void {
    // Not `.catch` behind it: that is a promise more for each request.
    given.then(
      (settled) => {
        try {
          this.#encode(settled, call);
        } catch (thrown) {
          this.fail(thrown);
        }
      },
      (thrown: unknown) => this.fail(thrown),
    );
  }

  /** encode: what came of it, as the bytes of the answer. */
  #encode(given: unknown, call: Call<unknown>): void {
    const { context } = this;
    // It may have been cancelled in the same turn: nobody is there to read the answer.
    context.cancel.throwIfCancelled();
    const method = this.#method;
    if (method.hasNoBody !== true) context.stages.enter(STAGE_ENCODE, context.now());
    const answer = method.encode(given, call);
    const preparing = this.#wire.prepare?.(answer);
    if (preparing === undefined) {
      this.#finish(answer);
      return;
    }
    context.cancel.listener = this;
    preparing.then(
      () => this.#finish(answer),
      (thrown: unknown) => this.fail(thrown),
    );
  }

  /** finish: the answer goes out, or the error; the request is closed and recorded. Only the first time counts. */
  #finish(answer: Bytes | undefined, error?: ServingError, isUnkept = false): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { context } = this;
    const { lifecycle, onInternalError } = this.#shared;
    context.cancel.listener = undefined;
    if (error?.kind === 'internal') onInternalError(error.cause ?? error, context);
    try {
      if (error === undefined) this.#wire.answer(answer!, context);
      else this.#wire.refuse(error, context, isUnkept);
    } catch (thrown) {
      // Never seen; but an answer that cannot be written must not leave its request open, nor end the process.
      onInternalError(thrown, context);
      this.#wire.breakOff();
    } finally {
      lifecycle.finish(context, error);
    }
  }
}
