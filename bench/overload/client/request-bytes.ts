/**
 * One request's frames, ready but for the stream's number and the timeout: sending it is a copy and a few writes.
 *
 *   HEADERS ─ method, scheme, path, authority, content-type, te, grpc-timeout: 8 digits of µs ─┐ patched
 *   DATA ──── gRPC's five bytes, the message (in frames of at most 16 KiB)                     ┘
 *
 * As gRPC clients do, what repeats stands in the connection's HPACK table and the timeout, which never repeats, is sent
 * as it is. The first request of a connection fills the table and is therefore another: `isFirst`.
 */
import { Buffer } from 'node:buffer';
import { END_HEADERS, END_STREAM, FRAME_HEAD, Type, writeFrameHead } from './frames.ts';

const MAX_FRAME = 16_384;
const TIMEOUT_DIGITS = 8;
const MAX_TIMEOUT_US = 10 ** TIMEOUT_DIGITS - 1;
/** Indices of the static table (RFC 7541, appendix A). */
const STATIC = { AUTHORITY: 1, METHOD_POST: 3, PATH: 4, SCHEME_HTTP: 6, CONTENT_TYPE: 31 } as const;
/** Indices of the dynamic table once the first request has filled it: the last one put in is 62. */
const DYNAMIC = { TIMEOUT: 62, TE: 63, CONTENT_TYPE: 64, AUTHORITY: 65, PATH: 66 } as const;

export interface RequestParts {
  readonly path: string;
  readonly authority: string;
  readonly message: Uint8Array;
  /** Further metadata, in lower case, sent as it is with each request. */
  readonly metadata?: Metadata | undefined;
}

/** One name and its value. */
export type Metadata = readonly [name: string, value: string];

export class RequestBytes {
  readonly byteLength: number;
  /** The bytes that count against the peer's windows. */
  readonly dataBytes: number;
  readonly #bytes: Buffer;
  readonly #timeoutAt: number;
  /** The offsets of the stream's numbers. */
  readonly #streamsAt: readonly number[];

  /** @param isFirst of its connection: fills the peer's HPACK table */
  constructor({ path, authority, message, metadata }: RequestParts, isFirst: boolean) {
    const further = metadata === undefined ? Buffer.alloc(0) : notKept(metadata);
    const block = isFirst ? firstBlock(path, authority, further) : laterBlock(further);
    const framed = Buffer.concat([Buffer.from([0]), uint32(message.length), message]);
    const frames = [frameOf(Type.HEADERS, END_HEADERS, block)];
    for (let at = 0; at < framed.length; at += MAX_FRAME) {
      const isLast = at + MAX_FRAME >= framed.length;
      frames.push(frameOf(Type.DATA, isLast ? END_STREAM : 0, framed.subarray(at, at + MAX_FRAME)));
    }
    this.#bytes = Buffer.concat(frames);
    this.byteLength = this.#bytes.length;
    this.dataBytes = framed.length;
    // The block ends in the timeout's digits and its unit.
    this.#timeoutAt = FRAME_HEAD + block.length - TIMEOUT_DIGITS - 1;
    let start = 0;
    this.#streamsAt = frames.map(({ length }) => {
      start += length;
      return start - length + 5;
    });
  }

  /** Copies it to `into` from `at` on, which must have room. A timeout below 1 µs is sent as 1 µs. Returns the end. */
  write(into: Buffer, at: number, stream: number, timeoutMs: number): number {
    this.#bytes.copy(into, at);
    for (const offset of this.#streamsAt) into.writeUInt32BE(stream, at + offset);
    let micros = Math.min(MAX_TIMEOUT_US, Math.max(1, Math.floor(timeoutMs * 1000)));
    for (let i = at + this.#timeoutAt + TIMEOUT_DIGITS - 1; i >= at + this.#timeoutAt; i--) {
      into[i] = 0x30 + (micros % 10);
      micros = Math.floor(micros / 10);
    }
    return at + this.byteLength;
  }
}

function frameOf(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  writeFrameHead(head, 0, { type, flags, stream: 0, length: payload.length });
  return Buffer.concat([head, payload]);
}

function firstBlock(path: string, authority: string, further: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([0x80 | STATIC.METHOD_POST, 0x80 | STATIC.SCHEME_HTTP]),
    kept(STATIC.PATH, path),
    kept(STATIC.AUTHORITY, authority),
    kept(STATIC.CONTENT_TYPE, 'application/grpc'),
    kept('te', 'trailers'),
    further,
    kept('grpc-timeout', `${'0'.repeat(TIMEOUT_DIGITS)}u`),
  ]);
}

function laterBlock(further: Buffer): Buffer {
  const repeated = [DYNAMIC.PATH, DYNAMIC.AUTHORITY, DYNAMIC.CONTENT_TYPE, DYNAMIC.TE].map((index) => 0x80 | index);
  // A literal that is not kept, its name by index in a prefix of four bits.
  const timeout = [0x0f, DYNAMIC.TIMEOUT - 15, TIMEOUT_DIGITS + 1];
  return Buffer.concat([
    Buffer.from([0x80 | STATIC.METHOD_POST, 0x80 | STATIC.SCHEME_HTTP, ...repeated]),
    further,
    Buffer.from(timeout),
    Buffer.from(`${'0'.repeat(TIMEOUT_DIGITS)}u`),
  ]);
}

/** A literal that goes into the table. */
function kept(name: number | string, value: string): Buffer {
  const head = typeof name === 'number' ? [Buffer.from([0x40 | name])] : [Buffer.from([0x40]), textOf(name)];
  return Buffer.concat([...head, textOf(value)]);
}

/** A literal that leaves the table as it is. */
function notKept([name, value]: Metadata): Buffer {
  return Buffer.concat([Buffer.from([0]), textOf(name), textOf(value)]);
}

/** The text without Huffman coding; an address or a path stays below 127 bytes. */
function textOf(value: string): Buffer {
  if (value.length > 126) throw new Error(`"${value}" is too long for a header here: at most 126 bytes`);
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
