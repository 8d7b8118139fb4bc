/**
 * What crosses the socket pair between the server and a child process that hosts sessions.
 *
 *     | kind u32 | session u32 | meta bytes u32 | body bytes u32 |  meta, padded to 8  |  body: tensors' bytes, each padded to 8  |
 *     └───────────────────────── head ───────────────────────────┘
 *
 *     server                                 child
 *       ── START  (what to load) ──────────▶  loads
 *       ◀── READY | LOAD_FAILED ───────────
 *       ── RUN  (tensors) ─────────────────▶  runs (one at a time for each session)
 *       ◀── DONE (tensors) | FAILED ───────
 *       ── CLOSE ──────────────────────────▶  frees the session
 *       ◀── CLOSED | LOST (why) ───────────   LOST: the session's thread ended by itself
 *
 * All of it is of one session, whose number the server chose. RUN and DONE are laid out by tensor-frames.ts. What is said
 * once in a life, and errors, are values in V8's own serialization. Little-endian. A child with one session reads and
 * writes by turns with the server (sync-frames.ts), so neither can block the other; otherwise both sides are in their
 * event loops, and what a full socket does not take waits in the stream: a frame for each session at most.
 */
import { Buffer } from 'node:buffer';
import { deserialize, serialize } from 'node:v8';
import { ServingError } from '../../../core/errors.ts';

export const FRAME = {
  start: 1,
  run: 2,
  close: 3,
  ready: 4,
  loadFailed: 5,
  done: 6,
  failed: 7,
  closed: 8,
  lost: 9,
} as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** File descriptors of the child: frames, and pulses (pulse.ts). */
export const FRAME_FD = 3;
export const PULSE_FD = 4;

export const HEAD_BYTES = 16;
/** Of meta and body together: what Node reads or writes at once ends at 2 GiB. */
export const MAX_FRAME_BYTES = 2 ** 31 - 2 ** 20;
const LAST_KIND = FRAME.lost;

/** A frame that has arrived. Its bytes are the reader's to lend or give (frame-reader.ts, sync-frames.ts). */
export interface Frame {
  readonly kind: FrameKind;
  /** Number of the session that it is of. */
  readonly session: number;
  readonly meta: Buffer;
  /** Begins at a multiple of 8 in its ArrayBuffer. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Where meta and body lie, as a head says. */
export interface FrameSizes {
  readonly kind: FrameKind;
  readonly session: number;
  readonly metaBytes: number;
  /** Of the meta with its padding. */
  readonly bodyStart: number;
  /** All that follows the head. */
  readonly restBytes: number;
}

/** Throws a plain Error where the bytes cannot be a head: the other side is broken. */
export function readHead(head: Buffer): FrameSizes {
  const kind = head.readUInt32LE(0);
  const session = head.readUInt32LE(4);
  const metaBytes = head.readUInt32LE(8);
  const bodyBytes = head.readUInt32LE(12);
  const bodyStart = padded(metaBytes);
  const restBytes = bodyStart + bodyBytes;
  if (kind < 1 || kind > LAST_KIND || restBytes > MAX_FRAME_BYTES) {
    throw new Error(`not a frame: kind ${kind}, ${metaBytes} bytes of meta, ${bodyBytes} of body`);
  }
  return { kind: kind as FrameKind, session, metaBytes, bodyStart, restBytes };
}

/** The frame in `rest`, which holds all that follows the head. */
export function frameOf(
  { kind, session, metaBytes, bodyStart, restBytes }: FrameSizes,
  rest: Buffer<ArrayBuffer>,
): Frame {
  const body = new Uint8Array(rest.buffer, rest.byteOffset + bodyStart, restBytes - bodyStart);
  return { kind, session, meta: rest.subarray(0, metaBytes), body };
}

/** Head and padded meta as one piece, in front of `bodyBytes` of body. Throws `too_large`. */
export function frameFront(kind: FrameKind, session: number, meta: Uint8Array, bodyBytes: number): Buffer {
  const metaEnd = padded(meta.byteLength);
  if (metaEnd + bodyBytes > MAX_FRAME_BYTES) {
    const text = `tensors of ${bodyBytes} bytes are over the ${MAX_FRAME_BYTES} that go to a model's process at once`;
    throw new ServingError('too_large', `${text}; send fewer rows`);
  }
  const front = Buffer.alloc(HEAD_BYTES + metaEnd);
  front.writeUInt32LE(kind, 0);
  front.writeUInt32LE(session, 4);
  front.writeUInt32LE(meta.byteLength, 8);
  front.writeUInt32LE(bodyBytes, 12);
  front.set(meta, HEAD_BYTES);
  return front;
}

/** A frame whose meta is a value that survives a structured clone. */
export function valueFrame(kind: FrameKind, session: number, value?: unknown): Buffer {
  return frameFront(kind, session, serialize(value), 0);
}

/** The value of such a frame; the caller knows its type by the kind. */
export function readValue({ meta }: Frame): unknown {
  return deserialize(meta);
}

/** The next multiple of 8. */
export function padded(byteLength: number): number {
  return Math.ceil(byteLength / 8) * 8;
}
