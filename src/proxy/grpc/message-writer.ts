/**
 * Frames outgoing messages: a flag and a length before each (see message-reader.ts).
 */
import { Buffer } from 'node:buffer';
import { MESSAGE_HEAD_BYTES } from './engine.ts';
import { compress } from './message-compression.ts';

/** A message up to this size is copied behind its head; a larger one is sent without a copy. */
const COPY_LIMIT_BYTES = 8192;

/** Returns the one or two buffers to send, in order. */
export function frameMessage(message: Uint8Array): readonly Uint8Array[] {
  const length = message.byteLength;
  const isSmall = length <= COPY_LIMIT_BYTES;
  const first = Buffer.allocUnsafe(MESSAGE_HEAD_BYTES + (isSmall ? length : 0));
  writeHead(first, length, false);
  if (!isSmall) return [first, message];
  first.set(message, MESSAGE_HEAD_BYTES);
  return [first];
}

/** Fills the first MESSAGE_HEAD_BYTES of `buffer`, which the message follows. */
export function frameInPlace(buffer: Uint8Array): void {
  writeHead(buffer, buffer.byteLength - MESSAGE_HEAD_BYTES, false);
}

/** Compresses and frames the message in such a buffer; undefined if that makes it no smaller. */
export async function frameCompressed(buffer: Uint8Array): Promise<Uint8Array | undefined> {
  const message = buffer.subarray(MESSAGE_HEAD_BYTES);
  const compressed = await compress(message);
  if (compressed.byteLength >= message.byteLength) return undefined;
  const framed = Buffer.allocUnsafe(MESSAGE_HEAD_BYTES + compressed.byteLength);
  writeHead(framed, compressed.byteLength, true);
  framed.set(compressed, MESSAGE_HEAD_BYTES);
  return framed;
}

function writeHead(buffer: Uint8Array, length: number, isCompressed: boolean): void {
  buffer[0] = isCompressed ? 1 : 0;
  buffer[1] = length >>> 24;
  buffer[2] = length >>> 16;
  buffer[3] = length >>> 8;
  buffer[4] = length;
}
