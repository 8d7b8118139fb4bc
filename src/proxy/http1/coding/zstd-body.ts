/**
 * Decodes zstd bodies: with Node, on libuv's threads, from 22.15 and 23.8 on; else with libzstd as WebAssembly, loaded
 * at the first such body, on the event loop.
 *
 * zstd-frames.ts finds the frames first: Node decodes only the first frame and accepts one that is cut off; the
 * WebAssembly needs the decoded size. The WebAssembly's memory grows to the largest body, at most MAX_WASM_BYTES; after
 * one of more than KEPT_WASM_BYTES it is given up, because it cannot shrink.
 */
import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import type { ZSTDDecoder } from 'zstddec';
import type { ServingError } from '../../../core/errors.ts';
import { type ZstdFrame, zstdFrames } from './zstd-frames.ts';

export type ZstdOutcome = Buffer | 'too large' | 'invalid';

/** Decodes one frame to at most `capacity` bytes. */
export type DecodeFrame = (frame: Buffer, capacity: number) => Promise<ZstdOutcome>;

type ZstdDecompress = (
  body: Buffer,
  options: { maxOutputLength: number },
  done: (error: NodeJS.ErrnoException | null, decoded: Buffer) => void,
) => void;

/** The types are those of Node 20. */
const { zstdDecompress } = zlib as { zstdDecompress?: ZstdDecompress };

const MAX_WASM_BYTES = 256 * 2 ** 20;
const KEPT_WASM_BYTES = 8 * 2 ** 20;

/**
 * Does not reject for anything in the body, but with what `hold` gives: it is asked for all that the decoding may need.
 * Tests set `decodeFrame`, to cover both ways on every Node.
 */
export async function decodeZstd(
  body: Buffer,
  maxBytes: number,
  hold?: (bytes: number) => ServingError | undefined,
  decodeFrame: DecodeFrame = zstdDecompress === undefined ? decodeByWasm : decodeByNode,
): Promise<ZstdOutcome> {
  const frames = zstdFrames(body);
  if (frames === undefined) return 'invalid';
  const known = frames.reduce((sum, { contentBytes }) => sum + (contentBytes ?? 0), 0);
  if (known > maxBytes) return 'too large';
  const most = frames.reduce((sum, { contentBytes, atMostBytes }) => sum + (contentBytes ?? atMostBytes), 0);
  // Decoded, and once more: in the WebAssembly's memory, or as frames that are joined.
  const refusal = hold?.(2 * Math.min(most, maxBytes));
  if (refusal !== undefined) throw refusal;
  const parts: Buffer[] = [];
  let left = maxBytes;
  for (const frame of frames) {
    const part = await decodeOne(body, frame, left, decodeFrame);
    if (!Buffer.isBuffer(part)) return part;
    left -= part.length;
    parts.push(part);
  }
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  hold?.(whole.length);
  return whole;
}

async function decodeOne(
  body: Buffer,
  { start, end, contentBytes, atMostBytes }: ZstdFrame,
  left: number,
  decodeFrame: DecodeFrame,
): Promise<ZstdOutcome> {
  if (atMostBytes === 0) return contentBytes === undefined || contentBytes === 0 ? Buffer.alloc(0) : 'invalid';
  if (left === 0) return 'too large';
  const capacity = Math.min(contentBytes ?? atMostBytes, left);
  const decoded = await decodeFrame(body.subarray(start, end), Math.max(1, capacity));
  if (!Buffer.isBuffer(decoded)) return contentBytes === undefined && atMostBytes > left ? decoded : 'invalid';
  return contentBytes === undefined || decoded.length === contentBytes ? decoded : 'invalid';
}

/** Decodes on libuv's threads. */
export const decodeByNode: DecodeFrame = (frame, capacity) =>
  new Promise((resolve) => {
    zstdDecompress!(frame, { maxOutputLength: capacity }, (error, decoded) => {
      if (error === null) resolve(decoded);
      else resolve(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'invalid');
    });
  });

let loading: Promise<ZSTDDecoder> | undefined;

/** Decodes on the event loop. The decoder does not tell a broken frame from a frame too large, which is likelier. */
export const decodeByWasm: DecodeFrame = async (frame, capacity) => {
  if (frame.length + capacity > MAX_WASM_BYTES) return 'too large';
  loading ??= loadWasm();
  const decoder = await loading;
  const { buffer, byteOffset, byteLength } = decoder.decode(frame, capacity);
  if (frame.length + capacity > KEPT_WASM_BYTES) loading = undefined;
  return byteLength === 0 ? 'too large' : Buffer.from(buffer, byteOffset, byteLength);
};

async function loadWasm(): Promise<ZSTDDecoder> {
  const { ZSTDDecoder } = await import('zstddec');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decoder;
}
