/**
 * Parses and prints trace context on the wire.
 *
 * - `traceparent` and `tracestate`: W3C Trace Context, the same in HTTP headers and gRPC metadata;
 * - `baggage`: W3C Baggage, passed on unchanged beside a trace and never read;
 * - `grpc-trace-bin`: OpenCensus' binary form in gRPC metadata, which older gRPC clients still send.
 *
 * Parsing is strict and never fails a request. A malformed header counts as absent, so that a new trace begins here, as
 * the standard asks.
 */
import { Buffer } from 'node:buffer';
import type { TraceHeaders } from '../../core/executor.ts';
import type { CallerSpan, CallerTrace } from '../request-record.ts';
import { isZeroId, type TraceContext } from './trace-context.ts';

/** A header's value by its name in lower case; of one that came twice, both joined by a comma. */
export type ReadHeader<Source> = (source: Source, name: string) => string | undefined;

/** Reads the traces of requests, and writes those of requests that are sent on: W3C's, or other formats by a feature. */
export interface Propagation {
  /** The headers that name a trace, in lower case: a request that is sent on has this server's in their place. */
  readonly names: ReadonlySet<string>;
  /**
   * The caller's span. Undefined if no header is well formed; it never throws.
   *
   * @param traceBin the bytes of `grpc-trace-bin`; undefined where the surface has no such header
   */
  read<Source>(
    source: Source,
    header: ReadHeader<Source>,
    traceBin: ((source: Source) => Uint8Array | undefined) | undefined,
  ): CallerTrace | undefined;
  /** The headers that name the span of `context`: of `names` alone. */
  headersOf(context: TraceContext): TraceHeaders;
}

/** `version-traceid-spanid-flags`, 55 characters; a later version may append `-…`. Upper case is refused. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The version that is written. 'ff' is forbidden; other versions are read by the rules of this one. */
const VERSION = '00';
const FORBIDDEN_VERSION = 'ff';

const FLAG_SAMPLED = 1;
/** Level 2: the trace id is random. Whoever gets it passes it on. */
const FLAG_RANDOM = 2;

/**
 * Longest `tracestate` that is passed on. The standard requires at least this length, and lets longer ones be dropped.
 */
const MAX_TRACESTATE_CHARS = 512;
/** Most members of a `tracestate`. */
const MAX_TRACESTATE_MEMBERS = 32;
/** Longest `baggage` that is passed on, as in the standard; a longer one is dropped. */
const MAX_BAGGAGE_CHARS = 8192;
/** Printable ASCII: nothing that could split a header when it is passed on. */
const BAGGAGE = /^[\x20-\x7e\t]+$/;

/** `key=value`, printable: no control characters that could split a header when it is passed on. */
const TRACESTATE_MEMBER = /^[ \t]*([a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256})?[ \t]*$/;

/**
 * The caller's span from the header that it sent; `traceparent` wins. Undefined if no header is present and well
 * formed. Pass a header that came twice as one string joined by a comma: two `traceparent` count as none.
 */
export function callerTrace(
  traceparent: string | undefined,
  tracestate: string | undefined,
  grpcTraceBin: Uint8Array | undefined,
  baggage?: string | undefined,
): CallerSpan | undefined {
  return withBaggage(callerSpan(traceparent, tracestate, grpcTraceBin), baggage);
}

/** The trace with a `baggage` header, if there is a trace and the header is well formed. */
export function withBaggage<T extends CallerTrace>(trace: T | undefined, baggage: string | undefined): T | undefined {
  if (trace === undefined || baggage === undefined) return trace;
  const isSound = baggage.length <= MAX_BAGGAGE_CHARS && BAGGAGE.test(baggage) && baggage.includes('=');
  return isSound ? { ...trace, baggage } : trace;
}

export function callerSpan(
  traceparent: string | undefined,
  tracestate: string | undefined,
  grpcTraceBin: Uint8Array | undefined,
): CallerSpan | undefined {
  if (traceparent !== undefined) {
    const trace = parseTraceparent(traceparent);
    if (trace !== undefined) return tracestate === undefined ? trace : withState(trace, tracestate);
  }
  return grpcTraceBin === undefined ? undefined : parseGrpcTraceBin(grpcTraceBin);
}

/** Undefined if the header is malformed. */
export function parseTraceparent(header: string): CallerSpan | undefined {
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const version = match[1]!;
  const traceId = match[2]!;
  const spanId = match[3]!;
  if (version === FORBIDDEN_VERSION || (version === VERSION && match[5] !== undefined)) return undefined;
  if (isZeroId(traceId) || isZeroId(spanId)) return undefined;
  const flags = Number.parseInt(match[4]!, 16);
  const trace = { traceId, spanId, isSampled: (flags & FLAG_SAMPLED) !== 0, traceState: undefined };
  return (flags & FLAG_RANDOM) === 0 ? trace : { ...trace, isRandom: true };
}

/** The header unchanged, or undefined if it is empty, too long or no list of `key=value`. */
export function parseTracestate(header: string): string | undefined {
  if (header.length === 0 || header.length > MAX_TRACESTATE_CHARS) return undefined;
  const members = header.split(',');
  if (members.length > MAX_TRACESTATE_MEMBERS) return undefined;
  if (!members.every((member) => TRACESTATE_MEMBER.test(member))) return undefined;
  return header.includes('=') ? header : undefined;
}

/**
 * Parses OpenCensus' binary form: a version byte 0, then fields in ascending order, each with its number and its bytes.
 *
 *   0 │ 0 trace id (16) │ 1 span id (8) │ 2 options (1)
 *
 * The options may be missing (not sampled). Bytes after them belong to a later revision and are ignored.
 */
export function parseGrpcTraceBin(bytes: Uint8Array): CallerSpan | undefined {
  const SPAN_FIELD = 18;
  const OPTIONS_FIELD = 27;
  if (bytes.length < OPTIONS_FIELD || bytes[0] !== 0 || bytes[1] !== 0 || bytes[SPAN_FIELD] !== 1) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const traceId = buffer.toString('hex', 2, SPAN_FIELD);
  const spanId = buffer.toString('hex', SPAN_FIELD + 1, OPTIONS_FIELD);
  if (isZeroId(traceId) || isZeroId(spanId)) return undefined;
  const options = bytes[OPTIONS_FIELD] === 2 ? (bytes[OPTIONS_FIELD + 1] ?? 0) : 0;
  return { traceId, spanId, isSampled: (options & FLAG_SAMPLED) !== 0, traceState: undefined };
}

/**
 * True if the answer has a `traceparent`: if the trace is exported, or the caller sent one. The header differs for each
 * answer, so neither HPACK nor a prepared head can contain it.
 */
export function isToldToCaller({ isSampled, parentSpanId }: TraceContext): boolean {
  return isSampled || parentSpanId !== undefined;
}

/** The `traceparent` of a context. In an answer it names this server's span. */
export function formatTraceparent(context: TraceContext): string {
  return `${VERSION}-${context.traceId}-${context.spanId}-0${flagsOf(context)}`;
}

/** The flags of a context, as in the last byte of `traceparent`. */
export function flagsOf({ isSampled, isRandom }: Pick<TraceContext, 'isSampled' | 'isRandom'>): number {
  return (isSampled ? FLAG_SAMPLED : 0) | (isRandom === true ? FLAG_RANDOM : 0);
}

/** Trace Context and Baggage, and `grpc-trace-bin` of older clients: the default of OpenTelemetry. */
export const W3C: Propagation = {
  names: new Set(['traceparent', 'tracestate']),
  read: (source, header, traceBin) =>
    callerTrace(
      header(source, 'traceparent'),
      header(source, 'tracestate'),
      traceBin?.(source),
      header(source, 'baggage'),
    ),
  headersOf: (context) => {
    const { traceState } = context;
    const traceparent = formatTraceparent(context);
    return traceState === undefined ? { traceparent } : { traceparent, tracestate: traceState };
  },
};

/** Headers for a server that is called on behalf of the request. */
export function traceHeadersOf(context: TraceContext, propagation: Propagation): TraceHeaders {
  const { baggage } = context;
  const headers = propagation.headersOf(context);
  return baggage === undefined ? headers : { ...headers, baggage };
}

function withState(trace: CallerSpan, tracestate: string): CallerSpan {
  return { ...trace, traceState: parseTracestate(tracestate) };
}
