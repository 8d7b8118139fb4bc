/** Field tags, enums and flags of opentelemetry/proto/trace/v1/trace.proto. */
import { flagsOf as traceFlagsOf } from '../../ledger/tracing/propagation.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';

/** Tags of Span: number << 3 | wire type. */
export const Tag = {
  traceId: 0x0a,
  spanId: 0x12,
  traceState: 0x1a,
  parentSpanId: 0x22,
  name: 0x2a,
  kind: 0x30,
  start: 0x39,
  end: 0x41,
  attributes: 0x4a,
  droppedAttributes: 0x50,
  events: 0x5a,
  droppedEvents: 0x60,
  links: 0x6a,
  droppedLinks: 0x70,
  status: 0x7a,
  flags: 0x85,
} as const;

/** Tags of Event. */
export const EventTag = { time: 0x09, name: 0x12, attributes: 0x1a, droppedAttributes: 0x20 } as const;

/** Tags of Link. */
export const LinkTag = { traceId: 0x0a, spanId: 0x12, traceState: 0x1a, flags: 0x35 } as const;

/** Tags of Status. */
export const StatusTag = { message: 0x12, code: 0x18 } as const;

/** ScopeSpans.spans. */
export const SPANS_TAG = 0x12;

export const KIND_INTERNAL = 1;
export const KIND_SERVER = 2;
export const KIND_CLIENT = 3;
export const CODE_ERROR = 2;

export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** FLAG_IS_REMOTE is meaningful. */
const FLAG_HAS_IS_REMOTE = 0x100;
/** The parent is in another process. */
export const FLAG_IS_REMOTE = 0x200;

/** Flags of a span whose parent is in this process. */
export function flagsOf(context: TraceContext): number {
  return traceFlagsOf(context) | FLAG_HAS_IS_REMOTE;
}
