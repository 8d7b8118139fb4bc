/**
 * Spans as OTLP's bytes (opentelemetry/proto/trace/v1/trace.proto), written as they are told, without an object for any
 * of them. Each goes into the buffer of the queue's open batch:
 *
 *   … │ span │ span │ 12 len  0a 10 trace id  12 08 span id  2a name  …  attributes │  ← being written, taken back
 *                     └ ScopeSpans.spans                                               where it is not ended
 *
 * Limits are the SDK's: attributes past their number are counted and left out, texts are cut, of links and events the
 * last ones stay. Where the queue is full the whole span is left out.
 *
 * Measured (bench/micro/spans.ts): about 0.1 of what the SDK's objects and serializer take.
 */
import { randomFillSync } from 'node:crypto';
import type { Instant } from '../../core/clock.ts';
import { type GrowingWriter, UTF8_BYTES_A_UNIT } from '../../core/growing-writer.ts';
import type { RequestEvent } from '../request-event.ts';
import { AttributeKey, type AttributeValue, type SpanOutput, type SpanRole } from '../span-output.ts';
import type { TraceContext } from '../trace-context.ts';
import { writeKeyValue } from './key-value.ts';
import type { SpanLimits } from './span-limits.ts';
import { UnixNanos } from './unix-nanos.ts';

/** Tags: number << 3 | wire type. Of ScopeSpans, Span, Event, Link and Status; those of two bytes with the second one 1. */
const SPANS = 0x12;
const TRACE_ID = 0x0a;
const SPAN_ID = 0x12;
const TRACE_STATE = 0x1a;
const PARENT_SPAN_ID = 0x22;
const NAME = 0x2a;
const KIND = 0x30;
const START = 0x39;
const END = 0x41;
const ATTRIBUTES = 0x4a;
const DROPPED_ATTRIBUTES = 0x50;
const EVENTS = 0x5a;
const DROPPED_EVENTS = 0x60;
const LINKS = 0x6a;
const DROPPED_LINKS = 0x70;
const STATUS = 0x7a;
const FLAGS = 0x85;
const EVENT_TIME = 0x09;
const EVENT_NAME = 0x12;
const EVENT_ATTRIBUTES = 0x1a;
const EVENT_DROPPED_ATTRIBUTES = 0x20;
const LINK_TRACE_STATE = 0x1a;
const LINK_FLAGS = 0x35;
const STATUS_MESSAGE = 0x12;
const STATUS_CODE = 0x18;

const KIND_INTERNAL = 1;
const KIND_SERVER = 2;
const CODE_ERROR = 2;

const FLAG_SAMPLED = 0x01;
/** Is it known whether the parent is in another process? And is it? */
const FLAG_HAS_IS_REMOTE = 0x100;
const FLAG_IS_REMOTE = 0x200;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
/** More than all fields of a span, an event or a link that have a fixed size. */
const FIXED_BYTES = 160;
/** Of a length: spans without attributes are mostly shorter than 128 bytes, others longer. */
const SHORT_LENGTH = 1;
const LONG_LENGTH = 2;

/** Where spans are written to: SpanQueue. */
export interface SpanRoom {
  /** Where to write a span to, to be followed by `close`; undefined where there is no room for it. */
  open(): GrowingWriter | undefined;
  /** The span is whole. */
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
  readonly #ids = new RandomIds();
  /** Undefined where the begun span is left out. */
  #writer: GrowingWriter | undefined;
  #lengthAt = 0;
  #attributes = 0;
  #flags = 0;

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
    if (writer === undefined) return;
    const { spanId, parentSpanId } = context;
    const isServer = role === 'server';
    this.#open(writer, context, name, LONG_LENGTH);
    writer.varint(SPAN_ID);
    writer.varint(SPAN_ID_BYTES);
    writer.hex(spanId);
    if (parentSpanId !== undefined) writeParent(writer, parentSpanId);
    this.#frame(writer, name, isServer ? KIND_SERVER : KIND_INTERNAL, start, end);
    this.#attributes = 0;
    this.#flags = flagsOf(context) | (isServer && parentSpanId !== undefined ? FLAG_IS_REMOTE : 0);
  }

  set(key: AttributeKey, value: AttributeValue): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#attributes += 1;
    if (this.#attributes <= this.#limits.attributes) writeKeyValue(writer, ATTRIBUTES, key, this.#cut(value));
  }

  link(contexts: readonly TraceContext[]): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const dropped = Math.max(0, contexts.length - this.#limits.links);
    for (let i = dropped; i < contexts.length; i++) writeLink(writer, contexts[i]!);
    writeCount(writer, DROPPED_LINKS, dropped);
  }

  happened(events: readonly RequestEvent[]): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const dropped = Math.max(0, events.length - this.#limits.events);
    for (let i = dropped; i < events.length; i++) this.#writeEvent(writer, events[i]!);
    writeCount(writer, DROPPED_EVENTS, dropped);
  }

  fail(message: string): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writer.reserve(FIXED_BYTES + message.length * UTF8_BYTES_A_UNIT);
    writer.varint(STATUS);
    const at = writer.begin(LONG_LENGTH);
    writer.varint(STATUS_MESSAGE);
    writer.lengthAndText(message);
    writer.varint(STATUS_CODE);
    writer.varint(CODE_ERROR);
    writer.end(at, LONG_LENGTH);
  }

  end(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    writeCount(writer, DROPPED_ATTRIBUTES, Math.max(0, this.#attributes - this.#limits.attributes));
    this.#close(writer, LONG_LENGTH);
    this.#writer = undefined;
  }

  child(parent: TraceContext, name: string, start: Instant, end: Instant, link: TraceContext | undefined): void {
    const writer = this.#queue.open();
    if (writer === undefined) return;
    this.#open(writer, parent, name, SHORT_LENGTH);
    writer.varint(SPAN_ID);
    writer.varint(SPAN_ID_BYTES);
    this.#ids.writeTo(writer);
    writeParent(writer, parent.spanId);
    this.#frame(writer, name, KIND_INTERNAL, start, end);
    this.#flags = flagsOf(parent);
    if (link !== undefined) {
      if (this.#limits.links > 0) writeLink(writer, link);
      else writeCount(writer, DROPPED_LINKS, 1);
    }
    this.#close(writer, SHORT_LENGTH);
  }

  #open(writer: GrowingWriter, { traceId, traceState }: TraceContext, name: string, lengthBytes: number): void {
    writer.reserve(FIXED_BYTES + (name.length + (traceState?.length ?? 0)) * UTF8_BYTES_A_UNIT);
    writer.varint(SPANS);
    this.#lengthAt = writer.begin(lengthBytes);
    writer.varint(TRACE_ID);
    writer.varint(TRACE_ID_BYTES);
    writer.hex(traceId);
    if (traceState === undefined) return;
    writer.varint(TRACE_STATE);
    writer.lengthAndText(traceState);
  }

  /** What it is and when. */
  #frame(writer: GrowingWriter, name: string, kind: number, start: Instant, end: Instant): void {
    const time = this.#time;
    writer.varint(NAME);
    writer.lengthAndText(name);
    writer.varint(KIND);
    writer.varint(kind);
    writer.varint(START);
    time.writeTo(writer, start);
    writer.varint(END);
    time.writeTo(writer, end > start ? end : start);
  }

  #close(writer: GrowingWriter, lengthBytes: number): void {
    writer.reserve(FIXED_BYTES);
    writer.varint(FLAGS);
    writer.fixed32(this.#flags);
    writer.end(this.#lengthAt, lengthBytes);
    this.#queue.close();
  }

  #writeEvent(writer: GrowingWriter, { name, at, attributes }: RequestEvent): void {
    const entries = attributes === undefined ? [] : Object.entries(attributes);
    const kept = entries.slice(0, this.#limits.attributesPerEvent);
    writer.reserve(FIXED_BYTES + name.length * UTF8_BYTES_A_UNIT);
    writer.varint(EVENTS);
    const lengthAt = writer.begin(LONG_LENGTH);
    writer.varint(EVENT_TIME);
    this.#time.writeTo(writer, at);
    writer.varint(EVENT_NAME);
    writer.lengthAndText(name);
    for (const [key, value] of kept) writeKeyValue(writer, EVENT_ATTRIBUTES, new AttributeKey(key), this.#cut(value));
    writeCount(writer, EVENT_DROPPED_ATTRIBUTES, entries.length - kept.length);
    writer.end(lengthAt, LONG_LENGTH);
  }

  #cut(value: AttributeValue): AttributeValue {
    const { textLength } = this.#limits;
    return typeof value === 'string' && value.length > textLength ? value.slice(0, textLength) : value;
  }
}

function flagsOf({ isSampled }: TraceContext): number {
  return (isSampled ? FLAG_SAMPLED : 0) | FLAG_HAS_IS_REMOTE;
}

function writeParent(writer: GrowingWriter, spanId: string): void {
  writer.varint(PARENT_SPAN_ID);
  writer.varint(SPAN_ID_BYTES);
  writer.hex(spanId);
}

function writeLink(writer: GrowingWriter, context: TraceContext): void {
  const { traceState } = context;
  writer.reserve(FIXED_BYTES + (traceState?.length ?? 0) * UTF8_BYTES_A_UNIT);
  writer.varint(LINKS);
  const at = writer.begin(SHORT_LENGTH);
  writer.varint(TRACE_ID);
  writer.varint(TRACE_ID_BYTES);
  writer.hex(context.traceId);
  writer.varint(SPAN_ID);
  writer.varint(SPAN_ID_BYTES);
  writer.hex(context.spanId);
  if (traceState !== undefined) {
    writer.varint(LINK_TRACE_STATE);
    writer.lengthAndText(traceState);
  }
  writer.varint(LINK_FLAGS);
  writer.fixed32(flagsOf(context));
  writer.end(at, SHORT_LENGTH);
}

/** A count that is 0 is left out. */
function writeCount(writer: GrowingWriter, tag: number, count: number): void {
  if (count === 0) return;
  writer.reserve(FIXED_BYTES);
  writer.varint(tag);
  writer.varint(count);
}

/** Span ids that nobody has to know before, from the system's random source, 512 at a time. */
class RandomIds {
  readonly #pool = new Uint8Array(SPAN_ID_BYTES * 512);
  #used = this.#pool.length;

  writeTo(writer: GrowingWriter): void {
    const pool = this.#pool;
    if (this.#used === pool.length) {
      randomFillSync(pool);
      this.#used = 0;
    }
    const { buffer, position } = writer;
    let isZero = true;
    for (let i = 0; i < SPAN_ID_BYTES; i++) {
      const byte = pool[this.#used + i]!;
      buffer[position + i] = byte;
      if (byte !== 0) isZero = false;
    }
    // Zero stands for "none".
    if (isZero) buffer[position] = 1;
    this.#used += SPAN_ID_BYTES;
    writer.position = position + SPAN_ID_BYTES;
  }
}
