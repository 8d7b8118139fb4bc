/**
 * Encodes spans as OTLP (opentelemetry/proto/trace/v1/trace.proto), without an object for each span. It writes into the
 * buffer of the queue's open batch:
 *
 *   … │ span │ span │ 12 len  0a 10 trace id  12 08 span id  2a name  …  attributes │  ← being written; removed
 *                     └ ScopeSpans.spans                                               if it is not ended
 *
 * Limits are the SDK's: attributes beyond the limit are counted and left out, texts are cut, the last links and events
 * are kept. If the queue is full the whole span is left out.
 *
 * test/features/sdk-exporters/spans-bench.ts compares it with the SDK's objects and serializer.
 */
import { GrowingWriter, UTF8_BYTES_A_UNIT } from '../../codec/protobuf/growing-writer.ts';
import type { Instant } from '../../core/clock.ts';
import type { RequestEvent } from '../../ledger/request-record.ts';
import {
  type AttributeBlock,
  AttributeKey,
  type AttributeValue,
  type SpanOutput,
  type SpanRole,
} from '../../ledger/tracing/span-output.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import { ChildTemplate } from './child-template.ts';
import { writeKeyValue } from './key-value.ts';
import {
  CODE_ERROR,
  EventTag,
  FLAG_IS_REMOTE,
  flagsOf,
  KIND_CLIENT,
  KIND_INTERNAL,
  KIND_SERVER,
  LinkTag,
  SPAN_ID_BYTES,
  SPANS_TAG,
  StatusTag,
  Tag,
  TRACE_ID_BYTES,
} from './span-fields.ts';
import type { SpanLimits } from './span-limits.ts';
import { UnixNanos } from './unix-nanos.ts';

/** An upper bound for all fields of fixed size of a span, an event or a link. */
const FIXED_BYTES = 160;
/** Bytes reserved for a length: spans without attributes are mostly shorter than 128 bytes, others longer. */
const SHORT_LENGTH = 1;
const LONG_LENGTH = 2;

const KINDS: Readonly<Record<SpanRole, number>> = { server: KIND_SERVER, client: KIND_CLIENT, internal: KIND_INTERNAL };

/** The buffer that spans are written to: SpanQueue. */
export interface SpanRoom {
  /** A writer for one span, to be followed by `close`; undefined if there is no room. */
  open(): GrowingWriter | undefined;
  /** The span is complete. */
  close(): void;
}

export interface SpanEncoderOptions {
  readonly queue: SpanRoom;
  readonly limits: SpanLimits;
}

export class SpanEncoder implements SpanOutput {
  readonly #queue: SpanRoom;
  readonly #limits: SpanLimits;
  readonly #time = new UnixNanos();
  readonly #children = new ChildTemplate();
  /** Undefined if the begun span is left out. */
  #writer: GrowingWriter | undefined;
  #lengthAt = 0;
  #attributes = 0;

  constructor({ queue, limits }: SpanEncoderOptions) {
    this.#queue = queue;
    this.#limits = limits;
  }

  startAt(wallAtZero: number): void {
    this.#time.startAt(wallAtZero);
  }

  begin(context: TraceContext, role: SpanRole, name: string, start: Instant, end: Instant): void {
    const writer = this.#queue.open();
    this.#writer = writer;
    this.#attributes = 0;
    if (writer === undefined) return;
    const { parentSpanId, traceState } = context;
    const isServer = role === 'server';
    writer.reserve(FIXED_BYTES + (name.length + (traceState?.length ?? 0)) * UTF8_BYTES_A_UNIT);
    writer.varint(SPANS_TAG);
    this.#lengthAt = writer.begin(LONG_LENGTH);
    writeIds(writer, context);
    if (traceState !== undefined) writeText(writer, Tag.traceState, traceState);
    if (parentSpanId !== undefined) {
      writer.varint(Tag.parentSpanId);
      writer.varint(SPAN_ID_BYTES);
      writer.hex(parentSpanId);
    }
    writeText(writer, Tag.name, name);
    writer.varint(Tag.kind);
    writer.varint(KINDS[role]);
    writer.varint(Tag.start);
    this.#time.writeTo(writer, start);
    writer.varint(Tag.end);
    this.#time.writeTo(writer, end > start ? end : start);
    writer.varint(Tag.flags);
    writer.fixed32(flagsOf(context) | (isServer && parentSpanId !== undefined ? FLAG_IS_REMOTE : 0));
  }

  set(key: AttributeKey, value: AttributeValue): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#attributes += 1;
    if (this.#attributes <= this.#limits.attributes) writeKeyValue(writer, Tag.attributes, key, this.#cut(value));
  }

  setAll(block: AttributeBlock): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const { entries } = block;
    if (this.#attributes + entries.length > this.#limits.attributes) {
      for (const [key, value] of entries) this.set(key, value);
      return;
    }
    this.#attributes += entries.length;
    block.encoded ??= this.#encode(entries);
    writer.reserve(block.encoded.length);
    writer.bytes(block.encoded);
  }

  addLinks(contexts: readonly TraceContext[]): void {
    const writer = this.#writer;
    if (writer !== undefined) this.#writeLinks(writer, contexts);
  }

  addEvents(events: readonly RequestEvent[]): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const dropped = Math.max(0, events.length - this.#limits.events);
    for (let i = dropped; i < events.length; i++) this.#writeEvent(writer, events[i]!);
    writeCount(writer, Tag.droppedEvents, dropped);
  }

  fail(message: string): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writer.reserve(FIXED_BYTES + message.length * UTF8_BYTES_A_UNIT);
    writer.varint(Tag.status);
    const at = writer.begin(LONG_LENGTH);
    writeText(writer, StatusTag.message, message);
    writer.varint(StatusTag.code);
    writer.varint(CODE_ERROR);
    writer.end(at, LONG_LENGTH);
  }

  end(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writeCount(writer, Tag.droppedAttributes, Math.max(0, this.#attributes - this.#limits.attributes));
    writer.reserve(FIXED_BYTES);
    writer.end(this.#lengthAt, LONG_LENGTH);
    this.#queue.close();
    this.#writer = undefined;
  }

  child(parent: TraceContext, name: string, start: Instant, end: Instant, link: TraceContext | undefined): void {
    const writer = this.#queue.open();
    if (writer === undefined) return;
    const { traceState } = parent;
    writer.reserve(FIXED_BYTES + (name.length + (traceState?.length ?? 0)) * UTF8_BYTES_A_UNIT);
    writer.varint(SPANS_TAG);
    const lengthAt = writer.begin(SHORT_LENGTH);
    this.#children.writeTo(writer, parent, start, end > start ? end : start, this.#time);
    writeText(writer, Tag.name, name);
    if (traceState !== undefined) writeText(writer, Tag.traceState, traceState);
    if (link !== undefined) this.#writeLinks(writer, [link]);
    writer.reserve(FIXED_BYTES);
    writer.end(lengthAt, SHORT_LENGTH);
    this.#queue.close();
  }

  #writeLinks(writer: GrowingWriter, contexts: readonly TraceContext[]): void {
    const dropped = Math.max(0, contexts.length - this.#limits.links);
    for (let i = dropped; i < contexts.length; i++) writeLink(writer, contexts[i]!);
    writeCount(writer, Tag.droppedLinks, dropped);
  }

  #writeEvent(writer: GrowingWriter, { name, at, attributes }: RequestEvent): void {
    const entries = attributes === undefined ? [] : Object.entries(attributes);
    const kept = entries.slice(0, this.#limits.attributesPerEvent);
    writer.reserve(FIXED_BYTES + name.length * UTF8_BYTES_A_UNIT);
    writer.varint(Tag.events);
    const lengthAt = writer.begin(LONG_LENGTH);
    writer.varint(EventTag.time);
    this.#time.writeTo(writer, at);
    writeText(writer, EventTag.name, name);
    for (const [key, value] of kept)
      writeKeyValue(writer, EventTag.attributes, new AttributeKey(key), this.#cut(value));
    writeCount(writer, EventTag.droppedAttributes, entries.length - kept.length);
    writer.reserve(FIXED_BYTES);
    writer.end(lengthAt, LONG_LENGTH);
  }

  #encode(entries: AttributeBlock['entries']): Uint8Array {
    const writer = new GrowingWriter(FIXED_BYTES);
    for (const [key, value] of entries) writeKeyValue(writer, Tag.attributes, key, this.#cut(value));
    return writer.buffer.subarray(0, writer.position);
  }

  #cut(value: AttributeValue): AttributeValue {
    const { textLength } = this.#limits;
    return typeof value === 'string' && value.length > textLength ? value.slice(0, textLength) : value;
  }
}

function writeText(writer: GrowingWriter, tag: number, text: string): void {
  writer.varint(tag);
  writer.lengthAndText(text);
}

/** Spans and links have the same field numbers here. */
function writeIds(writer: GrowingWriter, { traceId, spanId }: TraceContext): void {
  writer.varint(LinkTag.traceId);
  writer.varint(TRACE_ID_BYTES);
  writer.hex(traceId);
  writer.varint(LinkTag.spanId);
  writer.varint(SPAN_ID_BYTES);
  writer.hex(spanId);
}

function writeLink(writer: GrowingWriter, context: TraceContext): void {
  const { traceState } = context;
  writer.reserve(FIXED_BYTES + (traceState?.length ?? 0) * UTF8_BYTES_A_UNIT);
  writer.varint(Tag.links);
  const at = writer.begin(SHORT_LENGTH);
  writeIds(writer, context);
  if (traceState !== undefined) writeText(writer, LinkTag.traceState, traceState);
  writer.varint(LinkTag.flags);
  writer.fixed32(flagsOf(context));
  writer.end(at, SHORT_LENGTH);
}

/** Writes a count unless it is 0. */
function writeCount(writer: GrowingWriter, tag: number, count: number): void {
  if (count === 0) return;
  writer.reserve(FIXED_BYTES);
  writer.varint(tag);
  writer.varint(count);
}
