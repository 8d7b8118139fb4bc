/**
 * Finds the frames of a zstd body (RFC 8878) without decoding them: where each begins and ends, and how large it may
 * become. It detects what decoders do not: a body that is cut off or has bytes after its end, and a frame that asks for
 * too much memory.
 *
 *   body = frame…        frame = magic, header, block…, checksum?      or a skippable frame, which is ignored
 */
import type { Buffer } from 'node:buffer';

export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  /** Decoded size by its header; undefined if the header does not say. */
  readonly contentBytes: number | undefined;
  /** Upper bound on the decoded size of its blocks. */
  readonly atMostBytes: number;
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** HTTP's limit (RFC 9659). */
const MAX_WINDOW_BYTES = 8 * 2 ** 20;
const MAX_BLOCK_BYTES = 128 * 1024;
/** One is usual; each costs a trip to another thread. */
const MAX_FRAMES = 1000;

/** Block types; 0 is raw. */
const RLE = 1;
const COMPRESSED = 2;

/** Pure. Undefined if the body is not a whole number of frames, or one of them asks for too much. */
export function zstdFrames(body: Buffer): readonly ZstdFrame[] | undefined {
  const frames: ZstdFrame[] = [];
  let at = 0;
  for (let count = 0; at < body.length || count === 0; count++) {
    if (count === MAX_FRAMES || at + 8 > body.length) return undefined;
    if ((body.readUInt32LE(at) & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + body.readUInt32LE(at + 4);
      if (at > body.length) return undefined;
      continue;
    }
    const frame = readFrame(body, at);
    if (frame === undefined) return undefined;
    frames.push(frame);
    at = frame.end;
  }
  return frames;
}

interface Header {
  readonly end: number;
  readonly contentBytes: number | undefined;
  readonly hasChecksum: boolean;
  readonly blockBytes: number;
}

function readFrame(body: Buffer, start: number): ZstdFrame | undefined {
  const header = readHeader(body, start);
  if (header === undefined) return undefined;
  let at = header.end;
  let atMostBytes = 0;
  for (let isLast = false; !isLast; ) {
    if (at + 3 > body.length) return undefined;
    const block = body.readUIntLE(at, 3);
    isLast = (block & 1) === 1;
    const type = (block >> 1) & 3;
    const size = block >> 3;
    // No encoder makes larger blocks or other types.
    if (size > MAX_BLOCK_BYTES || type > COMPRESSED) return undefined;
    at += 3 + (type === RLE ? 1 : size);
    atMostBytes += type === COMPRESSED ? header.blockBytes : size;
  }
  const end = at + (header.hasChecksum ? 4 : 0);
  return end > body.length ? undefined : { start, end, contentBytes: header.contentBytes, atMostBytes };
}

function readHeader(body: Buffer, start: number): Header | undefined {
  if (body.readUInt32LE(start) !== MAGIC) return undefined;
  const flags = body[start + 4]!;
  const isSingleSegment = (flags & 0x20) !== 0;
  // Dictionaries are not supported; the other bit is reserved.
  if ((flags & 0x03) !== 0 || (flags & 0x08) !== 0) return undefined;
  const sizeFlag = flags >> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
  const sizeAt = start + 5 + (isSingleSegment ? 0 : 1);
  const end = sizeAt + sizeBytes;
  if (end > body.length) return undefined;
  const contentBytes = sizeBytes === 0 ? undefined : readContentBytes(body, sizeAt, sizeBytes);
  const windowBytes = isSingleSegment ? contentBytes! : readWindowBytes(body[start + 5]!);
  if (windowBytes > MAX_WINDOW_BYTES) return undefined;
  return {
    end,
    contentBytes,
    hasChecksum: (flags & 0x04) !== 0,
    blockBytes: Math.min(windowBytes, MAX_BLOCK_BYTES),
  };
}

function readContentBytes(body: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(body.readBigUInt64LE(at));
  return body.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

function readWindowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
