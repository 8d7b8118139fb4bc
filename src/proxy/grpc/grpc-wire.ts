/**
 * The gRPC side of an exchange: writes its answer or status to a unary call, with the answer's metadata.
 */
import { ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { formatTraceparent, isToldToCaller } from '../../ledger/tracing/propagation.ts';
import { type AnswerReports, wantedReports } from '../answer-reports.ts';
import { Exchange, type ExchangeContext, type Method, type OpenExchange, type Wire } from '../exchange.ts';
import type { RequestArrival, RequestContext } from '../request-context.ts';
import { SERVED_BY_HEADER, servedBy } from '../served-by.ts';
import { REQUEST_ID, TRACEPARENT } from './caller.ts';
import { type GrpcCall, type GrpcMethod, MESSAGE_HEAD_BYTES, type MetadataEntries } from './engine.ts';
import { OK, statusOf } from './grpc-errors.ts';
import { withTrailers } from './shared-trailers.ts';

/** The path of a call names no model. */
const NO_MODEL: ModelSpec = { name: '' };

/** A unary method for the engine. Its encoded answers begin with MESSAGE_HEAD_BYTES free bytes. */
export function unaryMethod(service: string, method: Method<Uint8Array>, shared: ExchangeContext): GrpcMethod {
  return {
    path: `/${service}/${method.name}`,
    isClientStream: false,
    enforcesDeadline: true,
    start: (call) => new Exchange(new GrpcWire(call, shared.reports), method, NO_MODEL, shared),
  };
}

/** A method of the service that is not implemented: it answers UNIMPLEMENTED, and `instead` says what to use. */
export function unbuiltMethod(service: string, name: string, shared: ExchangeContext, instead: string): GrpcMethod {
  const refuse = (): never => {
    throw new ServingError('unsupported', `this server does not have ${service}.${name}; ${instead}`);
  };
  return unaryMethod(service, { name, access: undefined, decode: refuse, encode: refuse }, shared);
}

class GrpcWire implements Wire<Uint8Array> {
  readonly #call: GrpcCall;
  readonly #reports: AnswerReports | undefined;
  #asked: string | undefined;
  #headers: MetadataEntries | undefined;

  constructor(call: GrpcCall, reports: AnswerReports | undefined) {
    this.#call = call;
    this.#reports = reports;
  }

  arrival(method: string): RequestArrival {
    const { receivedAt, head } = this.#call;
    const { timeoutMs, peer, client, priority, step, caller } = head;
    this.#asked = caller.askedReport;
    return {
      surface: 'grpc',
      method,
      receivedAt,
      timeoutMs,
      requestId: caller.requestId,
      peer,
      client,
      userAgent: caller.userAgent,
      caller: caller.name,
      identity: caller.visitor?.identify(caller.token),
      priority,
      step,
      callerTrace: caller.trace,
    };
  }

  begun({ context }: OpenExchange): void {
    const { callerId } = context;
    const trace = context.trace !== undefined && isToldToCaller(context.trace) ? context.trace : undefined;
    if (callerId === undefined && trace === undefined) return;
    const headers: Record<string, string> = {};
    if (callerId !== undefined) headers[REQUEST_ID] = callerId;
    if (trace !== undefined) headers[TRACEPARENT] = formatTraceparent(trace);
    this.#headers = headers;
    this.#call.setHeaders(headers);
  }

  answer(answer: Uint8Array, context: RequestContext): void {
    context.responseBytes = answer.byteLength - MESSAGE_HEAD_BYTES;
    const { fallback } = context;
    if (fallback !== undefined) {
      this.#call.setHeaders({ ...this.#headers, [SERVED_BY_HEADER]: servedBy(context, fallback) });
    }
    const trailers = wantedReports(this.#reports, this.#asked)?.onCall(this.#asked);
    this.#call.answer(answer, trailers && withTrailers(OK, trailers));
  }

  hold(): void {
    this.#call.forget();
  }

  refuse(error: ServingError, _context: RequestContext, isUnkept: boolean): void {
    const trailers = wantedReports(this.#reports, this.#asked)?.onCall(this.#asked);
    if (trailers !== undefined) this.#call.setHeaders({ ...this.#headers, ...trailers.entries });
    if (isUnkept) this.#call.refuse(statusOf(error));
    else this.#call.end(statusOf(error));
  }

  breakOff(): void {
    this.#call.end(statusOf(new ServingError('internal', 'internal error')));
  }
}
