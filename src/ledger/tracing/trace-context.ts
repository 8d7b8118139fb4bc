/**
 * A request's place in a distributed trace (W3C Trace Context, https://www.w3.org/TR/trace-context/). Ids are
 * lower-case hex. It is not OpenTelemetry's type, so that other layers need no SDK.
 *
 * Ids are made when a request comes, before any span exists, because the answer's `traceparent` needs them. The spans
 * that are made later have the same ids.
 */
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';

export interface TraceContext {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** The id of the server span of this request: 16 hex digits, not all zero. */
  readonly spanId: string;
  /** The caller's span; undefined when the trace begins here. */
  readonly parentSpanId: string | undefined;
  /** Spans will be exported. Decided once, when the request comes. */
  readonly isSampled: boolean;
  /** The caller's `tracestate`, unchanged. */
  readonly traceState: string | undefined;
  /** The caller's W3C `baggage`, unchanged, for servers that are called on behalf of the request. Absent = none. */
  readonly baggage?: string | undefined;
  /** The caller says that the trace id is random, so that servers may sample by it (W3C, level 2). Absent = it does not. */
  readonly isRandom?: boolean | undefined;
  /** The caller has left the decision to others, and no spans are made here that it could be taken for. Absent = false. */
  readonly isDeferred?: boolean | undefined;
  /** Whatever else the caller's format says, for the headers of servers that are called; its reader alone knows it. */
  readonly extra?: object | undefined;
}

const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;
const ZERO_TRACE_ID = '0'.repeat(TRACE_ID_DIGITS);
const ZERO_SPAN_ID = '0'.repeat(SPAN_ID_DIGITS);

/** True if the id means "none". */
export function isZeroId(id: string): boolean {
  return id === ZERO_TRACE_ID || id === ZERO_SPAN_ID;
}

/** An id of 64 bits, or the last 64 of a trace id, as the decimal number that Datadog knows it by. */
export function decimalId(id: string): string {
  return BigInt(`0x${id.slice(-SPAN_ID_DIGITS)}`).toString();
}

export function newTraceId(): string {
  return newId(TRACE_ID_DIGITS);
}

export function newSpanId(): string {
  return newId(SPAN_ID_DIGITS);
}

/** The context of a new span under `parent`, in the same trace and with the same sampling decision. */
export function childContext(parent: TraceContext): TraceContext {
  return {
    traceId: parent.traceId,
    spanId: newSpanId(),
    parentSpanId: parent.spanId,
    isSampled: parent.isSampled,
    traceState: parent.traceState,
    baggage: parent.baggage,
    isRandom: parent.isRandom,
    isDeferred: parent.isDeferred,
    extra: parent.extra,
  };
}

/** Random hex is made 8,192 digits at a time, from the system's random source, and ids are slices of it. */
const pool = Buffer.allocUnsafe(4096);
let digits = '';
let used = 0;

function newId(length: number): string {
  for (;;) {
    if (used + length > digits.length) {
      digits = randomFillSync(pool).toString('hex');
      used = 0;
    }
    const id = digits.slice(used, used + length);
    used += length;
    if (!isZeroId(id)) return id;
  }
}
