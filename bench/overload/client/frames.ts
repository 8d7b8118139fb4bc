/** The few HTTP/2 frames that a load generator's client writes and reads (RFC 9113). */
import { Buffer } from 'node:buffer';

/** Frame types. */
export const Type = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Bytes before a payload. */
export const FRAME_HEAD = 9;
/** Flags. */
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
/** The bytes that either side may send before anything was said about it. */
export const INITIAL_WINDOW = 65_535;
const MAX_WINDOW = 2 ** 31 - 1;

export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly length: number;
}

/** Returns where the payload starts. */
export function writeFrameHead(into: Buffer, at: number, { type, flags, stream, length }: FrameHead): number {
  into.writeUIntBE(length, at, 3);
  into[at + 3] = type;
  into[at + 4] = flags;
  into.writeUInt32BE(stream, at + 5);
  return at + FRAME_HEAD;
}

/** The preface, no push, the largest windows. */
export function preface(): Buffer {
  const text = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const bytes = Buffer.alloc(text.length + FRAME_HEAD + 12 + FRAME_HEAD + 4);
  let at = text.copy(bytes);
  at = writeFrameHead(bytes, at, { type: Type.SETTINGS, flags: 0, stream: 0, length: 12 });
  for (const [id, value] of [
    [2, 0],
    [4, MAX_WINDOW],
  ] as const) {
    at = bytes.writeUInt16BE(id, at);
    at = bytes.writeUInt32BE(value, at);
  }
  at = writeFrameHead(bytes, at, { type: Type.WINDOW_UPDATE, flags: 0, stream: 0, length: 4 });
  bytes.writeUInt32BE(MAX_WINDOW - INITIAL_WINDOW, at);
  return bytes;
}
