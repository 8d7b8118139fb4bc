/**
 * The frames on the socket pair between the server and a child process that hosts sessions.
 *
 *     | kind u32 | session u32 | meta bytes u32 | body bytes u32 | meta | body: the tensors' bytes |
 *     └───────────────────────── head ───────────────────────────┘  the meta and each tensor are padded to 8 bytes
 *
 *     server                                 child
 *       ── START  (what to load) ──────────▶  loads
 *       ◀── READY | LOAD_FAILED ───────────
 *       ── RUN  (tensors) ─────────────────▶  runs (one at a time for each session)
 *       ◀── DONE (tensors) | FAILED ───────
 *       ── CLOSE ──────────────────────────▶  frees the session
 *       ◀── CLOSED | LOST (why) ───────────   LOST: the session's thread ended by itself
 *       ◀── NOTES ─────────────────────────   at any time before the last: what the backend tells
 *
 * Each frame belongs to one session, whose number the server chose. tensor-frames.ts lays out RUN and DONE. The others
 * carry a value in V8's serialization. Numbers are little-endian. A child with one session and the server take turns to
 * read and write (sync-frames.ts), so neither can block the other. Otherwise both sides use their event loops, and the
 * stream keeps what a full socket does not take: one frame for each session at most.
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
  notes: 10,
} as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** File descriptors of the child: frames, and heartbeats (heartbeat.ts). */
export const FRAME_FD = 3;
export const HEARTBEAT_FD = 4;

export const HEAD_BYTES = 16;
/** Largest meta and body together: Node reads and writes less than 2 GiB at once. */
const MAX_FRAME_BYTES = 2 ** 31 - 2 ** 20;
const LAST_KIND = FRAME.notes;

/** A frame that has arrived. Its reader says how long its bytes are valid (stream-frames.ts, sync-frames.ts). */
export interface Frame {
  readonly kind: FrameKind;
  /** The session's number. */
  readonly session: number;
  readonly meta: Buffer;
  /** Begins at a multiple of 8 in its ArrayBuffer. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The sizes and places of meta and body, as read from a head. */
export interface FrameSizes {
  readonly kind: FrameKind;
  readonly session: number;
  readonly metaBytes: number;
  /** Length of the meta with its padding. */
  readonly bodyStart: number;
  /** Length of everything after the head. */
  readonly restBytes: number;
}

/** Throws a plain Error when the bytes cannot be a head: the other side is broken. */
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

/** The frame in `rest`, which holds everything after the head. */
export function frameOf(
  { kind, session, metaBytes, bodyStart, restBytes }: FrameSizes,
  rest: Buffer<ArrayBuffer>,
): Frame {
  const body = new Uint8Array(rest.buffer, rest.byteOffset + bodyStart, restBytes - bodyStart);
  return { kind, session, meta: rest.subarray(0, metaBytes), body };
}

/** Head and padded meta in one buffer; `bodyBytes` bytes of body follow. Throws `too_large`. */
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

/** The value of such a frame; its kind tells the type. */
export function readValue({ meta }: Frame): unknown {
  return deserialize(meta);
}

/** The next multiple of 8. */
export function padded(byteLength: number): number {
  return Math.ceil(byteLength / 8) * 8;
}
