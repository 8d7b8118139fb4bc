/**
 * The fields of fixed size of a span without attributes, ready to be copied. Most spans are children of one span, and
 * differ in their ids and instants alone (docs/adr/0024).
 *
 *   0a 10 trace id │ 12 08 id │ 22 08 parent id │ 30 01 │ 39 start │ 41 end │ 85 01 flags │ 2a name …
 *                         ✎                                 ✎          ✎                    written by the caller
 */
import { randomFillSync } from 'node:crypto';
import { GrowingWriter } from '../../codec/protobuf/growing-writer.ts';
import type { Instant } from '../../core/clock.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import { flagsOf, KIND_INTERNAL, SPAN_ID_BYTES, Tag, TRACE_ID_BYTES } from './span-fields.ts';
import type { UnixNanos } from './unix-nanos.ts';

const SPAN_ID_AT = 20;
const START_AT = 41;
const END_AT = 50;
const SIZE = 64;

/** How many span ids are drawn from the system's random source at a time. */
const IDS_AT_ONCE = 1024;

export class ChildTemplate {
  readonly #writer = new GrowingWriter(SIZE);
  readonly #ids = new Uint8Array(SPAN_ID_BYTES * IDS_AT_ONCE);
  #usedIds = this.#ids.length;
  #parent: TraceContext | undefined;

  /** Writes the fields, with a new span id. The writer must have reserved SIZE bytes. */
  writeTo(writer: GrowingWriter, parent: TraceContext, start: Instant, end: Instant, time: UnixNanos): void {
    if (parent !== this.#parent) this.#fill(parent);
    const own = this.#writer;
    this.#drawId(own.buffer);
    own.position = START_AT;
    time.writeTo(own, start);
    own.position = END_AT;
    time.writeTo(own, end);
    writer.bytes(own.buffer);
  }

  #fill(parent: TraceContext): void {
    const own = this.#writer;
    own.position = 0;
    own.varint(Tag.traceId);
    own.varint(TRACE_ID_BYTES);
    own.hex(parent.traceId);
    own.varint(Tag.spanId);
    own.varint(SPAN_ID_BYTES);
    own.position += SPAN_ID_BYTES;
    own.varint(Tag.parentSpanId);
    own.varint(SPAN_ID_BYTES);
    own.hex(parent.spanId);
    own.varint(Tag.kind);
    own.varint(KIND_INTERNAL);
    own.buffer[START_AT - 1] = Tag.start;
    own.buffer[END_AT - 1] = Tag.end;
    own.position = END_AT + 8;
    own.varint(Tag.flags);
    own.fixed32(flagsOf(parent));
    this.#parent = parent;
  }

  #drawId(into: Uint8Array): void {
    const ids = this.#ids;
    if (this.#usedIds === ids.length) {
      randomFillSync(ids);
      this.#usedIds = 0;
    }
    const from = this.#usedIds;
    let any = 0;
    for (let i = 0; i < SPAN_ID_BYTES; i++) {
      const byte = ids[from + i]!;
      into[SPAN_ID_AT + i] = byte;
      any |= byte;
    }
    // An id of zeros means "none".
    if (any === 0) into[SPAN_ID_AT] = 1;
    this.#usedIds = from + SPAN_ID_BYTES;
  }
}
