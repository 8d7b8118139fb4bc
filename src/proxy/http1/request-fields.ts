/**
 * The request headers that the server uses, beside those that frame the body. Read once for each head, because the
 * plain lane remembers heads (plain-request.ts) and looking up headers that are absent is slow.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { ServingError } from '../../core/errors.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { PRIORITY_HEADER, type PriorityClass } from '../../core/priority.ts';
import type { CallerTrace, RequestLine } from '../../ledger/request-record.ts';
import { type Callers, callerInHeader, type ToldClient } from '../caller.ts';
import { readPriority } from '../priority-header.ts';
import { API_KEY, AUTHORIZATION, type SentToken, sentToken } from '../sent-token.ts';
import { readSequenceStep, SEQUENCE_ID_HEADER } from '../sequence-header.ts';
import { clientTimeout } from './deadline-headers.ts';

/** The media types of protobuf over HTTP. None is registered, so all that are in use are accepted. */
const PROTOBUF_TYPES: readonly string[] = [
  'application/x-protobuf',
  'application/protobuf',
  'application/vnd.google.protobuf',
];

/** The header of the Open Inference Protocol's binary tensor data extension. */
const INFERENCE_HEADER = 'inference-header-content-length';

export interface RequestFields {
  /** Milliseconds from the request's arrival; undefined if the client set none; a ServingError if it cannot be read. */
  readonly timeout: number | undefined | ServingError;
  /** The value of `x-pillion-priority`; undefined if there is none; a ServingError if it cannot be read. */
  readonly priority: PriorityClass | undefined | ServingError;
  /** The value of `x-pillion-sequence-id`; undefined if there is none; a ServingError if it cannot be read. */
  readonly step: SequenceStep | undefined | ServingError;
  /** The caller that the header of `--caller_header` names; undefined without it. */
  readonly caller: string | undefined;
  /** The client that the headers tell, which counts if the peer is a trusted proxy; undefined without such proxies. */
  readonly client: ToldClient | undefined;
  /** The caller's credential; undefined without access control. */
  readonly token: SentToken;
  /** `x-request-id`. */
  readonly requestId: string | undefined;
  /** `user-agent`. */
  readonly userAgent: string | undefined;
  readonly line: RequestLine | undefined;
  /** The span of the caller, of `traceparent` or what OTEL_PROPAGATORS names. */
  readonly callerTrace: CallerTrace | undefined;
  /** `accept-encoding`. */
  readonly acceptEncoding: string | undefined;
  /** `inference-header-content-length`: the bytes of the JSON in a body with tensors behind it, not read. */
  readonly inferenceHeader: string | undefined;
  /** The header that asks for a report on the answer; undefined if it asks for none. */
  readonly askedReport: string | undefined;
  /** The media type of a protobuf body and of its answer; undefined = JSON. */
  readonly protobufType: string | undefined;
}

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Reads headers by their lower-case names. `distinct` has all values of each name; in `headers`, node leaves out the
 * second of some.
 */
export function readFields(
  headers: IncomingHttpHeaders,
  { header: callerHeader, access, reportHeader, propagation, proxies }: Callers,
  line?: RequestLine,
  distinct: () => Values = () => headers,
): RequestFields {
  const isStep = headers[SEQUENCE_ID_HEADER] !== undefined;
  return {
    timeout: clientTimeout(headers),
    priority: readPriority(textOf(headers[PRIORITY_HEADER])),
    step: isStep ? readSequenceStep((name) => textOf(headers[name])) : undefined,
    caller: callerHeader === undefined ? undefined : callerInHeader(textOf(headers[callerHeader])),
    client: proxies?.clientIn((name) => textOf(headers[name])),
    token: access && tokenIn(distinct()),
    requestId: textOf(headers['x-request-id']),
    userAgent: textOf(headers['user-agent']),
    line,
    callerTrace: propagation.read(headers, valueIn, undefined),
    acceptEncoding: textOf(headers['accept-encoding']),
    inferenceHeader: textOf(headers[INFERENCE_HEADER]),
    askedReport: reportHeader === undefined ? undefined : textOf(headers[reportHeader]),
    protobufType: protobufTypeOf(headers['content-type']),
  };
}

/**
 * Pure. The media type if it is one of protobuf, without parameters (`; proto=…`). Any other Content-Type is ignored,
 * as in TensorFlow Serving: the body is JSON.
 */
export function protobufTypeOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined;
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  return PROTOBUF_TYPES.includes(type) ? type : undefined;
}

function tokenIn(headers: Values): SentToken {
  return sentToken(textOf(headers[AUTHORIZATION]), textOf(headers[API_KEY]));
}

function valueIn(headers: Values, name: string): string | undefined {
  return textOf(headers[name]);
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.join(',');
}
