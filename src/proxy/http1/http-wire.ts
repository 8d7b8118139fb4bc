/**
 * The HTTP side of an exchange: turns its answer or error into a head and a body, compressed if the client accepts it.
 * A client that leaves cancels its request. A Transport reads and writes the bytes.
 */
import type { Buffer } from 'node:buffer';
import { clientLeft } from '../../core/cancel.ts';
import { type ServingError, SharedError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { formatTraceparent, isToldToCaller } from '../../ledger/tracing/propagation.ts';
import type { AnswerForm } from '../answer-form.ts';
import { wantedReports } from '../answer-reports.ts';
import type { ExchangeContext, OpenExchange, Wire } from '../exchange.ts';
import { envoyMark, retryAfterSeconds } from '../refusal-headers.ts';
import type { RequestArrival, RequestContext } from '../request-context.ts';
import { SERVED_BY_HEADER, servedBy } from '../served-by.ts';
import { type HttpBody, SlicedBody } from '../sliced-body.ts';
import { JSON_TYPE } from './answer-head.ts';
import { ANSWER_CODINGS, type Coding, chooseCoding, compressAnswer, compressSlices } from './coding/answer-coding.ts';
import { CodingNotTaken, TAKEN_CODINGS } from './coding/content-coding.ts';
import { CHALLENGE, errorBody } from './http-errors.ts';
import type { OpenRequest } from './open-request.ts';
import type { Transport } from './transport.ts';

/** Shared by the requests of one server. */
export interface RestContext extends ExchangeContext {
  /** Limit of a body as sent, and decompressed. */
  readonly maxBodyBytes: number;
  /** Answers of this size and above are compressed for clients that accept it. Infinity = none. */
  readonly compressFromBytes: number;
}

const OK = 200;

const NO_WISHES = { timeout: undefined, priority: undefined, step: undefined };

interface Compressed {
  readonly body: HttpBody;
  readonly coding: Coding;
}

/** The part of a request's route that its answer depends on. */
interface AnsweredRoute {
  readonly kind: string;
  /** The model in the path. */
  readonly spec: ModelSpec;
  /** The path's methods, for `Allow` in an error about the method. */
  readonly allow: string | undefined;
  /** Why there is no such route; undefined if there is one. */
  readonly error: ServingError | undefined;
}

export class HttpWire implements Wire<Buffer, HttpBody>, OpenRequest {
  readonly #transport: Transport;
  readonly #route: AnsweredRoute;
  readonly #form: AnswerForm;
  readonly #shared: RestContext;
  readonly #open: OpenRequest[];
  #exchange: OpenExchange | undefined;
  #compressed: Compressed | undefined;
  /** The connection ends after this answer. */
  #endsConnection = false;

  /** `form` of an answer. `open`: the connection's requests that have no answer yet. */
  constructor(transport: Transport, route: AnsweredRoute, form: AnswerForm, open: OpenRequest[], shared: RestContext) {
    this.#transport = transport;
    this.#route = route;
    this.#form = form;
    this.#open = open;
    this.#shared = shared;
  }

  /** A fault of the path or its method is reported before one of a header: no deadline makes it right. */
  arrival(method: string): RequestArrival {
    const { fields, peer, client, visitor } = this.#transport;
    const { requestId, userAgent, line, callerTrace, caller = this.#transport.unnamedCaller } = fields;
    const { timeout, priority, step } = this.#route.error === undefined ? fields : NO_WISHES;
    const receivedAt = this.#shared.lifecycle.clock.nowMs();
    return {
      surface: 'rest',
      method,
      receivedAt,
      timeoutMs: timeout,
      requestId,
      peer,
      client,
      userAgent,
      line,
      caller,
      identity: visitor?.identify(fields.token),
      priority,
      step,
      callerTrace,
    };
  }

  begun(exchange: OpenExchange): void {
    this.#exchange = exchange;
    this.#open.push(this);
  }

  prepare(answer: HttpBody): Promise<void> | undefined {
    if (bytesOf(answer) < this.#shared.compressFromBytes) return undefined;
    const { codings } = this.#form;
    const available = codings === undefined ? ANSWER_CODINGS : ANSWER_CODINGS.filter((each) => codings.includes(each));
    const coding = chooseCoding(this.#transport.fields.acceptEncoding, available);
    if (coding === undefined) return undefined;
    if (!(answer instanceof SlicedBody)) return this.#compress(answer, coding);
    this.#compressed = { body: new SlicedBody(compressSlices(answer, coding), answer.heldBytes), coding };
    return undefined;
  }

  answer(answer: HttpBody, context: RequestContext): void {
    const { kind, spec } = this.#route;
    const { fallback } = context;
    const compressed = this.#compressed;
    // A status describes all versions, or the one in the path.
    const version = kind === 'status' ? (spec.version?.toString() ?? '') : context.version;
    const extras = echoedHeaders(context);
    if (fallback !== undefined) extras.push(SERVED_BY_HEADER, servedBy(context, fallback));
    if (compressed !== undefined) extras.push('content-encoding', compressed.coding);
    const { contentType, headers } = this.#form;
    extras.push(...headers);
    this.#transport.recycleBody?.();
    this.#send(context, OK, contentType, compressed?.body ?? answer, version, extras);
  }

  hold(): void {
    this.#transport.stopBody();
  }

  refuse(error: ServingError, context: RequestContext, isUnkept: boolean): void {
    if (isUnkept) this.#transport.recycleBody?.();
    const { allow, error: noRoute } = this.#route;
    const extras = echoedHeaders(context);
    if (allow !== undefined && error === noRoute) extras.push('allow', allow);
    if (error.kind === 'unauthenticated') extras.push('www-authenticate', CHALLENGE);
    if (error instanceof CodingNotTaken) extras.push('accept-encoding', TAKEN_CODINGS);
    const { retryAfterMs } = error;
    if (retryAfterMs !== undefined && Number.isFinite(retryAfterMs)) {
      extras.push('retry-after', retryAfterSeconds(retryAfterMs));
    }
    const mark = envoyMark(error);
    if (mark !== undefined) extras.push(mark, 'true');
    const body = this.#form.errorBody?.(error) ?? bodyOf(error);
    this.#send(context, error.row.http, JSON_TYPE, body, context.version, extras);
  }

  breakOff(): void {
    this.#transport.destroy();
  }

  /** The connection has closed. */
  onClientGone(): void {
    const exchange = this.#exchange!;
    exchange.onAbort(clientLeft(exchange.context.stages.reached));
  }

  /** No more bytes can be read. A request that is incomplete is answered with the error. */
  onUnreadable(error: ServingError): void {
    this.#endsConnection = true;
    if (!this.#transport.hasRequest) this.#exchange!.fail(error);
  }

  async #compress(answer: Buffer, coding: Coding): Promise<void> {
    const body = await compressAnswer(answer, coding);
    if (body.length < answer.length) this.#compressed = { body, coding };
  }

  #send(
    context: RequestContext,
    status: number,
    contentType: string,
    body: HttpBody,
    version: string,
    extras: string[],
  ): void {
    const transport = this.#transport;
    const { askedReport } = transport.fields;
    const report = wantedReports(this.#shared.reports, askedReport)?.onHttp(askedReport);
    if (report !== undefined) extras.push(...report);
    this.#open.splice(this.#open.indexOf(this), 1);
    context.requestBytes = transport.receivedBytes;
    transport.stopBody();
    if (!transport.isOpen) return;
    context.responseBytes = bytesOf(body);
    const endsConnection = this.#endsConnection;
    const { stages } = context;
    transport.send({ status, contentType, body, version, stages, now: context.now(), extras, endsConnection });
  }
}

/** A sliced body counts as what it is made of: its own size is known when the last slice is made. */
function bytesOf(body: HttpBody): number {
  return body instanceof SlicedBody ? body.heldBytes : body.length;
}

/** Made once of an error that many requests get: nothing changes a body that is sent. */
function bodyOf(error: ServingError): Buffer {
  if (!(error instanceof SharedError)) return errorBody(error.message);
  error.httpForm ??= errorBody(error.message);
  return error.httpForm as Buffer;
}

/** Headers of every answer that repeat the request's ids: names and values in turn. */
function echoedHeaders({ callerId, trace }: RequestContext): string[] {
  const headers: string[] = [];
  if (callerId !== undefined) headers.push('x-request-id', callerId);
  if (trace !== undefined && isToldToCaller(trace)) headers.push('traceparent', formatTraceparent(trace));
  return headers;
}
