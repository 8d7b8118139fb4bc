/**
 * zstd bodies, decoded: by Node, on libuv's threads, where it can (from 22.15 and 23.8 on); else by libzstd as
 * WebAssembly, loaded at the first such body, on the event loop.
 *
 * The frames are told apart beforehand (zstd-frames.ts): Node decodes only the first, and takes one that is cut off for
 * whole; the WebAssembly wants to know how large one becomes.
 *
 * Limits of the WebAssembly: its memory grows to the largest body and stays, and it takes MAX_WASM_BYTES at most.
 */
import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import type { ZSTDDecoder } from 'zstddec';
import { type ZstdFrame, zstdFrames } from './zstd-frames.ts';

export type ZstdOutcome = Buffer | 'too large' | 'invalid';

/** Decodes one frame, which its header or its blocks say to have at most `capacity` bytes. */
export type DecodeFrame = (frame: Buffer, capacity: number) => Promise<ZstdOutcome>;

type ZstdDecompress = (
  body: Buffer,
  options: { maxOutputLength: number },
  done: (error: NodeJS.ErrnoException | null, decoded: Buffer) => void,
) => void;

/** The types are those of Node 20. */
const { zstdDecompress } = zlib as { zstdDecompress?: ZstdDecompress };

const MAX_WASM_BYTES = 256 * 2 ** 20;

/** Never rejects for what is in the body. `decodeFrame` is for tests: each way on every Node. */
export async function decodeZstd(
  body: Buffer,
  maxBytes: number,
  decodeFrame: DecodeFrame = zstdDecompress === undefined ? decodeByWasm : decodeByNode,
): Promise<ZstdOutcome> {
  const frames = zstdFrames(body);
  if (frames === undefined) return 'invalid';
  const known = frames.reduce((sum, { contentBytes }) => sum + (contentBytes ?? 0), 0);
  if (known > maxBytes) return 'too large';
  const parts: Buffer[] = [];
  let left = maxBytes;
  for (const frame of frames) {
    const part = await decodeOne(body, frame, left, decodeFrame);
    if (!Buffer.isBuffer(part)) return part;
    left -= part.length;
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
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

/** On libuv's threads. */
export const decodeByNode: DecodeFrame = (frame, capacity) =>
  new Promise((resolve) => {
    zstdDecompress!(frame, { maxOutputLength: capacity }, (error, decoded) => {
      if (error === null) resolve(decoded);
      else resolve(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'invalid');
    });
  });

let loading: Promise<ZSTDDecoder> | undefined;

/** On the event loop. What does not fit and what is broken look alike to it: the first is more likely. */
export const decodeByWasm: DecodeFrame = async (frame, capacity) => {
  if (frame.length + capacity > MAX_WASM_BYTES) return 'too large';
  loading ??= loadWasm();
  const decoder = await loading;
  const { buffer, byteOffset, byteLength } = decoder.decode(frame, capacity);
  return byteLength === 0 ? 'too large' : Buffer.from(buffer, byteOffset, byteLength);
};

async function loadWasm(): Promise<ZSTDDecoder> {
  const { ZSTDDecoder } = await import('zstddec');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decoder;
}
