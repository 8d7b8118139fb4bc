/**
 * What SpanMaker makes spans with: bytes of OTLP (otlp/span-encoder.ts), or the SDK's objects (sdk-spans.ts) where an
 * exporter of the SDK's is asked for. A span is begun, said something of, and ended, before the next one is begun.
 */

import { messageField } from '../../codec/protobuf/wire-writer.ts';
import type { Instant } from '../../core/clock.ts';
import type { RequestEvent } from '../request-event.ts';
import type { TraceContext } from './trace-context.ts';

export type AttributeValue = string | number | boolean;

/** An attribute's name, with the bytes that it is on the wire: made once for names that many spans have. */
export class AttributeKey {
  readonly name: string;
  /** The field `key` of OTLP's KeyValue, tag and length included. */
  readonly bytes: Uint8Array;

  constructor(name: string) {
    this.name = name;
    this.bytes = messageField(1, name);
  }
}

/** Attributes that many spans have alike. */
export class AttributeBlock {
  readonly entries: readonly (readonly [AttributeKey, AttributeValue])[];
  /** Whoever takes it may keep here what it made of it. One process has one kind of output. */
  encoded: Uint8Array | undefined = undefined;

  constructor(entries: readonly (readonly [AttributeKey, AttributeValue])[]) {
    this.entries = entries;
  }
}

/** Takes attributes; each key at most once a span. */
export interface AttributeSink {
  set(key: AttributeKey, value: AttributeValue): void;
  setAll(block: AttributeBlock): void;
}

/** Whose span it is: a caller's request, or a part of the server's work. */
export type SpanRole = 'server' | 'internal';

export interface SpanOutput extends AttributeSink {
  /** Of the spans that follow: wall time in ms since 1970 at monotonic 0. */
  startAt(wallAtZero: number): void;
  /**
   * Begins the span whose ids `context` has, under `context`'s parent; that one is in another process for a server's.
   * It lasts from `start` to `end`, or no time where `end` is before `start`.
   */
  begin(context: TraceContext, role: SpanRole, name: string, start: Instant, end: Instant): void;
  /** Of the begun span, in order; once at most. */
  link(contexts: readonly TraceContext[]): void;
  /** Of the begun span, in order; once at most. */
  happened(events: readonly RequestEvent[]): void;
  /** The begun span has failed, and the server is to blame. */
  fail(message: string): void;
  end(): void;
  /** A whole span without attributes, with an id of its own under the span of `parent`. */
  child(parent: TraceContext, name: string, start: Instant, end: Instant, link: TraceContext | undefined): void;
}
