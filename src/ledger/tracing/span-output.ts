/**
 * The interface with which SpanMaker makes spans: bytes of OTLP (features/otlp), or the SDK's objects
 * (features/sdk-exporters) for an exporter of the SDK. A span is begun, filled and ended before the next one is begun.
 */
import { messageField } from '../../codec/protobuf/wire-writer.ts';
import type { Instant } from '../../core/clock.ts';
import { plainIPv4 } from '../plain-ipv4.ts';
import type { RequestEvent } from '../request-record.ts';
import type { TraceContext } from './trace-context.ts';

export type AttributeValue = string | number | boolean;

/** An attribute's name and its bytes on the wire. Made once for names that many spans have. */
export class AttributeKey {
  readonly name: string;
  /** The field `key` of OTLP's KeyValue, tag and length included. */
  readonly bytes: Uint8Array;

  constructor(name: string) {
    this.name = name;
    this.bytes = messageField(1, name);
  }
}

/** Attributes that many spans share. */
export class AttributeBlock {
  readonly entries: readonly (readonly [AttributeKey, AttributeValue])[];
  /** The output may keep the encoded block here. One process has one kind of output. */
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

/** `server`: a caller's request; `client`: a request to another server; `internal`: a part of the server's work. */
export type SpanRole = 'server' | 'client' | 'internal';

export interface SpanOutput extends AttributeSink {
  /** Sets the wall time at monotonic 0, in ms since 1970, for the spans that follow. */
  startAt(wallAtZero: number): void;
  /**
   * Begins the span that has the ids of `context`, under its parent, which is in another process if the role is
   * `server`. The span lasts from `start` to `end`; 0 ms if `end` is before `start`.
   */
  begin(context: TraceContext, role: SpanRole, name: string, start: Instant, end: Instant): void;
  /** Adds links to the begun span, in order. Called at most once. */
  addLinks(contexts: readonly TraceContext[]): void;
  /** Adds events to the begun span, in order. Called at most once. */
  addEvents(events: readonly RequestEvent[]): void;
  /** Sets the begun span's status to error: the server was at fault. */
  fail(message: string): void;
  end(): void;
  /** Makes a whole span without attributes, with a new id, under the span of `parent`. */
  child(parent: TraceContext, name: string, start: Instant, end: Instant, link: TraceContext | undefined): void;
}

const PEER_ADDRESS = new AttributeKey('network.peer.address');
const CLIENT_ADDRESS = new AttributeKey('client.address');
const PEER_PORT = new AttributeKey('network.peer.port');

/** 'host:port' or '[v6]:port'. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/;

/**
 * 'host:port' or '[v6]:port' in two attributes; an address alone, or anything else, in one. `client`: for whom the peer
 * asks, where that is known.
 */
export function setPeer(span: AttributeSink, peer: string, client?: string): void {
  const [, v6, host, port] = WITH_PORT.exec(peer) ?? [];
  span.set(PEER_ADDRESS, plainIPv4(v6 ?? host ?? peer));
  if (port !== undefined) span.set(PEER_PORT, Number(port));
  if (client !== undefined) span.set(CLIENT_ADDRESS, client);
}
