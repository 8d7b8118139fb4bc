/**
 * Makes spans as objects of OpenTelemetry's SDK, for the exporters that need them (otel-sdk.ts). This costs much more
 * than OTLP's bytes (docs/adr/0022-otlp-from-records.md).
 *
 * The ids of the spans exist already. So the SDK's Tracer gets an IdGenerator that returns preset ids. ReadableSpan
 * objects of our own would not have the SDK's span limits and its resource, which resolves late.
 */
import {
  type Attributes,
  type Context,
  createTraceState,
  type HrTime,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Instant } from '../../core/clock.ts';
import type { RequestEvent } from '../../ledger/request-record.ts';
import { flagsOf } from '../../ledger/tracing/propagation.ts';
import type {
  AttributeBlock,
  AttributeKey,
  AttributeValue,
  SpanOutput,
  SpanRole,
} from '../../ledger/tracing/span-output.ts';
import { newSpanId, newTraceId, type TraceContext } from '../../ledger/tracing/trace-context.ts';

/** An id generator for the SDK that returns the ids that were set just before startSpan, in one synchronous step. */
export class PresetIds {
  #traceId: string | undefined;
  #spanId: string | undefined;

  /** Ids of the next span. */
  preset(traceId: string, spanId: string): void {
    this.#traceId = traceId;
    this.#spanId = spanId;
  }

  generateTraceId(): string {
    return this.#traceId ?? newTraceId();
  }

  generateSpanId(): string {
    const id = this.#spanId ?? newSpanId();
    this.#spanId = undefined;
    return id;
  }
}

const KINDS: Readonly<Record<SpanRole, SpanKind>> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

export interface SdkSpansOptions {
  readonly tracer: Tracer;
  /** The id generator of `tracer`'s provider. */
  readonly ids: PresetIds;
  /** Times have whole microseconds: Zipkin refuses every span of a request with a fraction of one. */
  readonly inWholeMicros?: boolean;
}

/** The begun span so far. */
interface SpanFacts {
  readonly context: TraceContext;
  readonly name: string;
  readonly under: Context;
  readonly kind: SpanKind;
  readonly start: Instant;
  readonly end: Instant;
  readonly attributes: Attributes;
  links: Link[];
  events: readonly RequestEvent[];
  fault: string | undefined;
}

export class SdkSpans implements SpanOutput {
  readonly #tracer: Tracer;
  readonly #ids: PresetIds;
  /** Nanoseconds that times are multiples of. */
  readonly #unitNanos: number;
  #wallAtZero = 0;
  #begun: SpanFacts | undefined;
  /** Shared by all children of a span: it costs more than the rest of a small span. */
  #parent: { readonly span: TraceContext; readonly under: Context } | undefined;

  constructor({ tracer, ids, inWholeMicros }: SdkSpansOptions) {
    this.#tracer = tracer;
    this.#ids = ids;
    this.#unitNanos = inWholeMicros === true ? 1000 : 1;
  }

  startAt(wallAtZero: number): void {
    this.#wallAtZero = wallAtZero;
  }

  begin(context: TraceContext, role: SpanRole, name: string, start: Instant, end: Instant): void {
    const under = underParentOf(context, role === 'server');
    const kind = KINDS[role];
    const said = { attributes: {}, links: [], events: [], fault: undefined };
    this.#begun = { context, name, under, kind, start, end, ...said };
  }

  set({ name }: AttributeKey, value: AttributeValue): void {
    this.#begun!.attributes[name] = value;
  }

  setAll({ entries }: AttributeBlock): void {
    for (const [key, value] of entries) this.set(key, value);
  }

  addLinks(contexts: readonly TraceContext[]): void {
    this.#begun!.links = contexts.map((context) => ({ context: spanContextOf(context) }));
  }

  addEvents(events: readonly RequestEvent[]): void {
    this.#begun!.events = events;
  }

  fail(message: string): void {
    this.#begun!.fault = message;
  }

  end(): void {
    const { context, name, under, kind, start, end, attributes, links, events, fault } = this.#begun!;
    this.#ids.preset(context.traceId, context.spanId);
    const span = this.#tracer.startSpan(name, { kind, attributes, links, startTime: this.#timeOf(start) }, under);
    for (const event of events) span.addEvent(event.name, event.attributes, this.#timeOf(event.at));
    if (fault !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: fault });
    span.end(this.#timeOf(Math.max(start, end)));
  }

  child(parent: TraceContext, name: string, start: Instant, end: Instant, link: TraceContext | undefined): void {
    if (this.#parent?.span !== parent) this.#parent = { span: parent, under: underSpan(spanContextOf(parent)) };
    this.#ids.preset(parent.traceId, newSpanId());
    const links = link === undefined ? [] : [{ context: spanContextOf(link) }];
    const options = { kind: SpanKind.INTERNAL, links, startTime: this.#timeOf(start) };
    this.#tracer.startSpan(name, options, this.#parent.under).end(this.#timeOf(Math.max(start, end)));
  }

  /**
   * [seconds, nanoseconds] since 1970. Split before they are added: a double of ms since 1970 is exact only to 0.2 µs.
   */
  #timeOf(instant: Instant): HrTime {
    const wholeMs = Math.floor(this.#wallAtZero) + Math.floor(instant);
    const restMs = (this.#wallAtZero % 1) + (instant % 1);
    const seconds = Math.floor(wholeMs / 1000);
    const allNanos = (wholeMs - seconds * 1000) * 1e6 + Math.round(restMs * 1e6);
    const nanos = allNanos - (allNanos % this.#unitNanos);
    return nanos < 1e9 ? [seconds, nanos] : [seconds + 1, nanos - 1e9];
  }
}

/** The SDK context of a span that has the same parent as `context`. */
function underParentOf(context: TraceContext, isRemote: boolean): Context {
  if (context.parentSpanId === undefined) return ROOT_CONTEXT;
  return underSpan({ ...spanContextOf(context), spanId: context.parentSpanId, isRemote });
}

function underSpan(parent: SpanContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

function spanContextOf(context: TraceContext): SpanContext {
  const { traceId, spanId, traceState } = context;
  const traceFlags = flagsOf(context);
  if (traceState === undefined) return { traceId, spanId, traceFlags };
  return { traceId, spanId, traceFlags, traceState: createTraceState(traceState) };
}
