/**
 * One request and its answer, whatever the transport and protocol: the whole path, from the first header to the last
 * byte.
 *
 *   begin ─▶ body ─▶ decode ─▶ resolve ─▶ check ─▶ submit ─┄ queue, batch, execute, split ┄─▶ encode ─▶ finish
 *     │       │        │          │         │        │                                          │         ▲
 *     └───────┴────────┴──────────┴─────────┴────────┴─ an error, a passed deadline, ───────────┴─ fail ──┘
 *                                                       a client that leaves
 *
 * With access control (access-control.ts) `admit` follows on begin, and `authorize` on decode.
 *
 * Each step is a line below, under its name; docs/why/life-of-a-request.md describes the same steps and lists their
 * files.
 *
 *   Wire      the transport: reads the first header, writes the answer or the error (http1/http-wire.ts,
 *             grpc/grpc-wire.ts)
 *   Method    the protocol: turns a message into a call, and a result into bytes (rest-predict.ts and
 *             prediction-service.ts in protocols/tensorflow-serving/, …)
 *   Call      the work, for every transport and protocol: finds the model, checks the inputs, runs it (handlers/)
 *
 * A refusal for overload may be held for a while before it is written (refusal-hold.ts).
 *
 * An exchange begins and finishes the request's lifecycle exactly once, and answers once, whatever happens in between.
 */
import type { AccessMethod } from '../core/access-method.ts';
import type { CancelListener } from '../core/cancel.ts';
import { type ServingError, toServingError } from '../core/errors.ts';
import type { ModelSpec } from '../core/model-spec.ts';
import { STAGE_DECODE, STAGE_ENCODE } from '../ledger/stage-clock.ts';
import { type AccessControl, type Identity, permit } from './access-control.ts';
import type { AnswerReports } from './answer-reports.ts';
import type { Call, Permit } from './call.ts';
import type { Held } from './refusal-hold.ts';
import type { RequestArrival, RequestContext } from './request-context.ts';
import type { RequestLifecycle } from './request-lifecycle.ts';

/**
 * How an exchange writes to its transport. The transport calls the exchange's `onMessage` and `onAbort` in turn; it
 * need not read the message of an exchange that is finished.
 */
export interface Wire<Bytes extends Uint8Array, Answer = Bytes> {
  /** Reads the first header. */
  arrival(method: string): RequestArrival;
  /** The request has begun; it may already be refused. */
  begun(exchange: OpenExchange): void;
  /** Prepares an answer, say compresses it; undefined: it can be written now. The promise may never settle. */
  prepare?(answer: Answer): Promise<void> | undefined;
  /** Writes the answer and takes it over. The request's message is not read any more. */
  answer(answer: Answer, context: RequestContext): void;
  /**
   * An error will be written later: lets go of the request's message. Absent: no error waits.
   */
  hold?(): void;
  /** Writes the error. `isUnkept`: nothing refers to the request's message any more. */
  refuse(error: ServingError, context: RequestContext, isUnkept: boolean): void;
  /** Ends the request without an answer, after neither answer nor error could be written. */
  breakOff(): void;
}

/** One method of a protocol. */
export interface Method<
  Bytes extends Uint8Array,
  Result = unknown,
  Request extends Call<Result> = Call<Result>,
  Answer = Bytes,
> {
  /** The name in records: 'Predict'. */
  readonly name: string;
  /** The permission that its callers need; undefined: it gives nothing away, and any known caller may ask. */
  readonly access: AccessMethod | undefined;
  /** Its requests have no body: nothing is decoded, and no stage is measured. Default false. */
  readonly hasNoBody?: boolean;
  /**
   * `path`: the model that the request's target names, if it names one. The body is lent until this exchange has
   * submitted, unless the transport says otherwise. A large body, which is nobody else's, may be taken over and decoded
   * later, on the codec thread. Throws or rejects with ServingError.
   */
  decode(body: Bytes, path: ModelSpec, context: RequestContext): Request | Promise<Request>;
  /**
   * The refusal of a request that need not be decoded, as its model refuses all such requests now; undefined: decode it.
   * `permit`: asked for a refusal of a model that the body names. Throws `permission_denied`.
   */
  refusal?(body: Bytes, path: ModelSpec, context: RequestContext, permit: Permit): ServingError | undefined;
  /** A large result is written later, on the codec thread. Throws or rejects with ServingError if it cannot be written. */
  encode(result: Result, call: Request): Answer | Promise<Answer>;
}

/** Shared by all exchanges of one server. */
export interface ExchangeContext {
  readonly lifecycle: RequestLifecycle;
  /** Undefined: everybody may ask everything. */
  readonly access?: AccessControl | undefined;
  /** Absent: no answer carries a report. */
  readonly reports?: AnswerReports | undefined;
  /** Logs the cause of an `internal` error, which the caller does not get. */
  readonly onInternalError: (error: unknown, context: RequestContext) => void;
}

/** The part of an exchange that its transport calls. */
export interface OpenExchange {
  readonly context: RequestContext;
  /** Ends the request with this error. Has no effect after the answer. */
  fail(thrown: unknown): void;
  /** The client left, or sent something that cannot be read: cancels the request. */
  onAbort(error: ServingError): void;
}

/**
 * A client whose own timer fires closes its request, which looks as if it had left. So near the deadline this is taken
 * for the deadline, which the lifecycle's timer then reports.
 */
const DEADLINE_SLACK_MS = 5;

/** `Bytes`: the transport's type of bodies; `Answer`: what it writes. */
export class Exchange<Bytes extends Uint8Array, Answer = Bytes> implements OpenExchange, CancelListener, Permit {
  readonly context: RequestContext;
  readonly #wire: Wire<Bytes, Answer>;
  readonly #method: Method<Bytes, unknown, Call<unknown>, Answer>;
  readonly #path: ModelSpec;
  readonly #shared: ExchangeContext;
  /** Pending until it is known who sent the request. */
  #admitting: Promise<void> | undefined;
  /** A refusal that is held: whatever ends the request meanwhile, this is its answer. */
  #held: (Held & { readonly error: ServingError }) | undefined;
  #hasArrived = false;
  /** True once the request was answered, or broken off. */
  isFinished = false;

  /** Begins it. Check `isFinished` afterwards: a request that came too late, or has a bad header, has been answered. */
  constructor(
    wire: Wire<Bytes, Answer>,
    method: Method<Bytes, unknown, Call<unknown>, Answer>,
    path: ModelSpec,
    shared: ExchangeContext,
  ) {
    this.#wire = wire;
    this.#method = method;
    this.#path = path;
    this.#shared = shared;
    // begin: arms the deadline and counts the request as in flight. Then this exchange listens to the cancel signal.
    const arrival = wire.arrival(method.name);
    const context = shared.lifecycle.begin(arrival);
    this.context = context;
    wire.begun(this);
    if (context.cancel.reason !== undefined) {
      this.fail(context.cancel.reason);
      return;
    }
    context.cancel.listener = this;
    if (shared.access !== undefined) this.#admit(arrival.identity);
  }

  /** body: it has arrived completely. */
  onMessage(body: Bytes): void {
    if (this.isFinished) return;
    if (this.#admitting !== undefined) {
      // The body is lent for this turn.
      const kept = Uint8Array.prototype.slice.call(body) as Bytes;
      void this.#admitting.then(() => this.onMessage(kept));
      return;
    }
    const { context } = this;
    const method = this.#method;
    this.#hasArrived = true;
    context.requestBytes = body.byteLength;
    let call: Call<unknown> | Promise<Call<unknown>>;
    try {
      const { lifecycle } = this.#shared;
      const now = context.now();
      if (method.hasNoBody !== true) lifecycle.callerLimits?.takeRequest(context);
      // refusal: nothing is decoded that its model would refuse.
      const refusal = lifecycle.isRefusing(now) ? method.refusal?.(body, this.#path, context, this) : undefined;
      if (refusal !== undefined) {
        this.#finish(undefined, refusal, true);
        return;
      }
      // decode: the message becomes a call.
      if (method.hasNoBody !== true) context.stages.enter(STAGE_DECODE, now);
      call = method.decode(body, this.#path, context);
    } catch (thrown) {
      this.#finish(undefined, toServingError(thrown), true);
      return;
    }
    if (call instanceof Promise) this.#runLater(call);
    else this.#run(call);
  }

  /** Asks for permission for `Call.authorize` and `Method.refusal`. Throws `permission_denied`. */
  permit(model: string): void {
    const { principal, surface } = this.context;
    const { access } = this.#method;
    if (access !== undefined && this.#shared.access !== undefined) permit(principal, access, surface, model);
  }

  fail(thrown: unknown): void {
    this.#finish(undefined, toServingError(thrown));
  }

  onCancel(reason: ServingError): void {
    this.fail(reason);
  }

  onAbort(error: ServingError): void {
    const { context } = this;
    if (this.isFinished) return;
    if (error.kind === 'cancelled' && context.now() >= context.deadline - DEADLINE_SLACK_MS) return;
    // The holder of the request listens to the signal; while the body arrives, that is this exchange.
    context.cancel.cancel(error);
  }

  #runLater(decoding: Promise<Call<unknown>>): void {
    decoding.then(
      (call) => {
        if (this.isFinished) call.abandon();
        else this.#run(call);
      },
      (thrown: unknown) => this.fail(thrown),
    );
  }

  #run(call: Call<unknown>): void {
    try {
      // authorize: its caller may ask this of each model that it names.
      if (this.#shared.access !== undefined) call.authorize(this);
      // resolve: the version that answers is borrowed.
      call.resolve();
      // check: the inputs are checked against its signature.
      call.check();
      this.#shared.lifecycle.callerLimits?.takeRows(this.context);
      // submit: the scheduler takes it through queue, batch, execute and split.
      const result = call.submit();
      if (result instanceof Promise) this.#encodeLater(result, call);
      else this.#encode(result, call);
    } catch (thrown) {
      call.abandon();
      this.#finish(undefined, toServingError(thrown), true);
    }
  }

  /** admit: who sent it, before its body is read; and whether they may, where the path names the model. */
  #admit(identity: Identity | Promise<Identity> | undefined): void {
    if (identity instanceof Promise) {
      this.#admitting = identity.then((settled) => {
        this.#admitting = undefined;
        if (!this.isFinished) this.#admit(settled);
      });
      return;
    }
    try {
      this.context.admit(identity);
      if (this.#path.name !== '') this.permit(this.#path.name);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  #encodeLater(result: Promise<unknown>, call: Call<unknown>): void {
    // A `.catch` behind it would make one more promise for each request.
    result.then(
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

  /** encode: the result becomes the bytes of the answer. */
  #encode(result: unknown, call: Call<unknown>): void {
    const { context } = this;
    // It may have been cancelled in the same turn.
    context.cancel.throwIfCancelled();
    const method = this.#method;
    if (method.hasNoBody !== true) context.stages.enter(STAGE_ENCODE, context.now());
    const answer = method.encode(result, call);
    if (answer instanceof Promise) {
      context.cancel.listener = this;
      answer.then((whole) => this.#answer(whole)).catch((thrown: unknown) => this.fail(thrown));
    } else this.#answer(answer);
  }

  #answer(answer: Answer): void {
    const preparing = this.isFinished ? undefined : this.#wire.prepare?.(answer);
    if (preparing === undefined) {
      this.#finish(answer);
      return;
    }
    this.context.cancel.listener = this;
    preparing.then(
      () => this.#finish(answer),
      (thrown: unknown) => this.fail(thrown),
    );
  }

  /** True: the refusal is written later, and all that the request holds has been given back. */
  #isHeld(error: ServingError): boolean {
    const { refusals } = this.#shared.lifecycle;
    if (refusals === undefined || this.#held !== undefined || !this.#hasArrived) return false;
    if (this.#wire.hold === undefined) return false;
    const { context } = this;
    const { startedAt } = context.stages;
    const held = refusals.hold(error, { startedAt, deadline: context.deadline }, () => this.#finish(undefined, error));
    if (held === undefined) return false;
    this.#held = { ...held, error };
    context.cancel.listener = this;
    this.#wire.hold();
    this.#shared.lifecycle.giveBack(context, error);
    return true;
  }

  /** finish: writes the answer or the error, and records the request. Only the first call counts. */
  #finish(answer: Answer | undefined, thrown?: ServingError, isUnkept = false): void {
    if (this.isFinished) return;
    const error = this.#held?.error ?? thrown;
    if (error !== undefined && this.#isHeld(error)) return;
    this.isFinished = true;
    this.#held?.leave();
    const { context } = this;
    const { lifecycle, access, onInternalError } = this.#shared;
    context.cancel.listener = undefined;
    if (error?.kind === 'internal') onInternalError(error.cause ?? error, context);
    if (error !== undefined) access?.noteFailure(context, error);
    try {
      if (error === undefined) this.#wire.answer(answer!, context);
      else this.#wire.refuse(lifecycle.toldAs?.(error) ?? error, context, isUnkept);
    } catch (thrown) {
      // An answer that cannot be written must neither leave its request open nor end the process.
      onInternalError(thrown, context);
      this.#wire.breakOff();
    } finally {
      lifecycle.finish(context, error);
    }
  }
}
