/**
 * HTTP/2 frames as a client makes and reads them, written apart from the engine so that a mistake there is not made
 * twice.
 */
import { Buffer } from 'node:buffer';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const T = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const F = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
}

export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const entries = Object.entries(values).map(([id, value]) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(Number(id));
    bytes.writeUInt32BE(value, 2);
    return bytes;
  });
  return frame(T.SETTINGS, 0, 0, Buffer.concat(entries));
}

export const settingsAck = (): Buffer => frame(T.SETTINGS, F.ACK, 0);
export const ping = (text = 'ping1234'): Buffer => frame(T.PING, 0, 0, Buffer.from(text));
export const windowUpdate = (id: number, increment: number): Buffer => frame(T.WINDOW_UPDATE, 0, id, uint32(increment));
export const reset = (id: number, code: number): Buffer => frame(T.RST_STREAM, 0, id, uint32(code));

export type Fields = readonly (readonly [string, string])[];

export const POST: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/echo'],
  [':authority', 'localhost'],
];

/** The header fields of a gRPC call. */
export const callFields = (path: string, authority = 'localhost'): Fields => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', authority],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];

/** All that a client must say before its first request. */
export const greeting = (ownSettings: Readonly<Record<number, number>> = {}): Buffer =>
  Buffer.concat([PREFACE, settings(ownSettings), settingsAck()]);

export function headers(id: number, fields: Fields = POST, flags: number = F.END_HEADERS): Buffer {
  return frame(T.HEADERS, flags, id, encodeHeaders(fields));
}

export function data(id: number, text: string | Uint8Array, isEnd = false): Buffer {
  return frame(T.DATA, isEnd ? F.END_STREAM : 0, id, typeof text === 'string' ? Buffer.from(text) : text);
}

/** A whole request. */
export function request(id: number, body: string | Uint8Array, fields: Fields = POST): Buffer {
  return Buffer.concat([headers(id, fields), data(id, body, true)]);
}

/** Whole frames only; what is cut short at the end is an error. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new Error(`frame cut short at byte ${at}`);
    const payload = bytes.subarray(at + 9, end);
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, id: bytes.readUInt32BE(at + 5), payload });
    at = end;
  }
  return frames;
}
