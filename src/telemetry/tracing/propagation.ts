/**
 * Trace context on the wire: what a caller sends, and what we answer.
 *
 * - `traceparent` and `tracestate`: W3C Trace Context, HTTP headers and gRPC metadata alike;
 * - `baggage`: W3C Baggage, carried as it came beside a trace and never read;
 * - `grpc-trace-bin`: OpenCensus' binary form in gRPC metadata, still sent by older gRPC clients.
 *
 * Parsing is strict and never fails a request: what is not well formed is as if it had not been sent, so a new trace
 * begins here, as the standard asks.
 */
import { Buffer } from 'node:buffer';
import type { TraceHeaders } from '../../core/executor.ts';
import type { CallerTrace } from '../request-record.ts';
import { isZeroId, type TraceContext } from './trace-context.ts';

/** `version-traceid-spanid-flags`, 55 characters; a later version may append `-…`. Upper case is refused. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The one version that we speak; 'ff' is forbidden, others are read by this one's rules. */
const VERSION = '00';
const FORBIDDEN_VERSION = 'ff';

const FLAG_SAMPLED = 1;

/** Longest `tracestate` that is carried. The standard wants at least this much kept, and lets us drop what is longer. */
const MAX_TRACESTATE_CHARS = 512;
/** Members that a `tracestate` may have. */
const MAX_TRACESTATE_MEMBERS = 32;
/** Longest `baggage` that is carried, as the standard has it; a longer one is left out whole. */
const MAX_BAGGAGE_CHARS = 8192;
/** Printable ASCII: nothing that could split a header sent on. */
const BAGGAGE = /^[\x20-\x7e\t]*=[\x20-\x7e\t]*$/;

/** `key=value` as far as it matters to us: printable, no control characters that could split a header sent on. */
const TRACESTATE_MEMBER = /^[ \t]*([a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256})?[ \t]*$/;

/**
 * The caller's span, from whichever header it sent; `traceparent` wins. Undefined where none is there or well formed.
 * Pass a header that came twice as one string joined by a comma: two `traceparent` are none.
 */
export function callerTrace(
  traceparent: string | undefined,
  tracestate: string | undefined,
  grpcTraceBin: Uint8Array | undefined,
  baggage?: string | undefined,
): CallerTrace | undefined {
  const trace = callerSpan(traceparent, tracestate, grpcTraceBin);
  if (trace === undefined || baggage === undefined) return trace;
  return baggage.length <= MAX_BAGGAGE_CHARS && BAGGAGE.test(baggage) ? { ...trace, baggage } : trace;
}

function callerSpan(
  traceparent: string | undefined,
  tracestate: string | undefined,
  grpcTraceBin: Uint8Array | undefined,
): CallerTrace | undefined {
  if (traceparent !== undefined) {
    const trace = parseTraceparent(traceparent);
    if (trace !== undefined) return tracestate === undefined ? trace : withState(trace, tracestate);
  }
  return grpcTraceBin === undefined ? undefined : parseGrpcTraceBin(grpcTraceBin);
}

/** Undefined if not well formed. */
export function parseTraceparent(header: string): CallerTrace | undefined {
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const version = match[1]!;
  const traceId = match[2]!;
  const spanId = match[3]!;
  if (version === FORBIDDEN_VERSION || (version === VERSION && match[5] !== undefined)) return undefined;
  if (isZeroId(traceId) || isZeroId(spanId)) return undefined;
  const isSampled = (Number.parseInt(match[4]!, 16) & FLAG_SAMPLED) !== 0;
  return { traceId, spanId, isSampled, traceState: undefined };
}

/** The header as it came, or undefined where it is empty, too long or no list of `key=value`. */
export function parseTracestate(header: string): string | undefined {
  if (header.length === 0 || header.length > MAX_TRACESTATE_CHARS) return undefined;
  const members = header.split(',');
  if (members.length > MAX_TRACESTATE_MEMBERS) return undefined;
  if (!members.every((member) => TRACESTATE_MEMBER.test(member))) return undefined;
  return header.includes('=') ? header : undefined;
}

/**
 * OpenCensus' binary form: a version byte 0, then fields in ascending order, each its number and its bytes.
 *
 *   0 │ 0 trace id (16) │ 1 span id (8) │ 2 options (1)
 *
 * The options may be missing (not sampled); bytes after them are of a later revision and are left unread.
 */
export function parseGrpcTraceBin(bytes: Uint8Array): CallerTrace | undefined {
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
 * Does an answer say where its trace is? Only where there is one to look at, or a caller who knows of it: each such header
 * is a text of its own, which neither HPACK nor a prepared head can have ready.
 */
export function isToldToCaller({ isSampled, parentSpanId }: TraceContext): boolean {
  return isSampled || parentSpanId !== undefined;
}

/** The `traceparent` of a context: of an answer it names our server span. */
export function formatTraceparent(context: TraceContext): string {
  return `${VERSION}-${context.traceId}-${context.spanId}-${context.isSampled ? '01' : '00'}`;
}

/** What a server that is asked on the request's behalf is told of it. */
export function traceHeadersOf(context: TraceContext): TraceHeaders {
  const { traceState, baggage } = context;
  return {
    traceparent: formatTraceparent(context),
    ...(traceState !== undefined && { tracestate: traceState }),
    ...(baggage !== undefined && { baggage }),
  };
}

function withState(trace: CallerTrace, tracestate: string): CallerTrace {
  return { ...trace, traceState: parseTracestate(tracestate) };
}
