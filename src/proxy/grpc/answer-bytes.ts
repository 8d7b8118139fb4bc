/**
 * The bytes of gRPC answers. Header blocks that do not vary are encoded once.
 *
 *   headers   :status 200, content-type, (grpc-encoding), metadata          ┐ both in one block if there is no message
 *   messages  flag, length, the message (message-reader.ts)                 │ ("trailers only")
 *   trailers  grpc-status, (grpc-message), metadata                         ┘
 */
import { Buffer } from 'node:buffer';
import { encodeHeaders, type HeaderBlock } from '../http2/hpack/hpack-encoder.ts';
import { type CallStatus, MESSAGE_HEAD_BYTES, type MetadataEntries } from './engine.ts';
import { OK } from './grpc-errors.ts';
import { compress } from './message-compression.ts';

type Fields = (readonly [name: string, value: string])[];

const HEAD: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const GZIP: Fields = [['grpc-encoding', 'gzip']];

const OK_HEAD = encodeHeaders(HEAD);
const OK_GZIP_HEAD = encodeHeaders([...HEAD, ...GZIP]);
export const OK_TRAILERS = encodeHeaders([['grpc-status', '0']]);

/** Headers of an answer with messages. */
export function answerHead(metadata: MetadataEntries | undefined, isGzip: boolean): HeaderBlock {
  if (metadata === undefined) return isGzip ? OK_GZIP_HEAD : OK_HEAD;
  return encodeHeaders([...HEAD, ...(isGzip ? GZIP : []), ...metadataFields(metadata)]);
}

export function answerTrailers(status: CallStatus): HeaderBlock {
  if (status === OK) return OK_TRAILERS;
  const { encoded } = status;
  if (encoded === undefined) return encodeHeaders(statusFields(status));
  encoded.trailers ??= encodeHeaders(statusFields(status));
  return encoded.trailers;
}

/** Headers and trailers of an answer without a message. */
export function trailersOnly(metadata: MetadataEntries | undefined, status: CallStatus): HeaderBlock {
  const { encoded } = status;
  if (encoded === undefined || metadata !== undefined) return encodeTrailersOnly(metadata, status);
  encoded.block ??= encodeTrailersOnly(undefined, status);
  return encoded.block;
}

function encodeTrailersOnly(metadata: MetadataEntries | undefined, status: CallStatus): HeaderBlock {
  return encodeHeaders([...HEAD, ...metadataFields(metadata), ...statusFields(status)]);
}

function statusFields({ code, message, trailers }: CallStatus): Fields {
  const fields: Fields = [['grpc-status', String(code)]];
  if (message !== '') fields.push(['grpc-message', percentEncode(message)]);
  fields.push(...metadataFields(trailers));
  return fields;
}

function metadataFields(metadata: MetadataEntries | undefined): Fields {
  const fields: Fields = [];
  for (const name in metadata) {
    const value = metadata[name]!;
    fields.push([name, typeof value === 'string' ? value : base64(value)]);
  }
  return fields;
}

/** Base64 without padding, as gRPC requires of senders. */
function base64(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  const padded = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  return padded.slice(0, Math.ceil((byteLength * 4) / 3));
}

/** Encodes each UTF-8 byte as %XX, except printable ASCII other than `%`. */
export function percentEncode(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** A message up to this size is copied behind its head; a larger one is sent without a copy. */
const COPY_LIMIT_BYTES = 8192;

/** Returns the one or two buffers to send, in order. */
export function frameMessage(message: Uint8Array): readonly Uint8Array[] {
  const length = message.byteLength;
  const isSmall = length <= COPY_LIMIT_BYTES;
  const first = Buffer.allocUnsafe(MESSAGE_HEAD_BYTES + (isSmall ? length : 0));
  writeMessageHead(first, length, false);
  if (!isSmall) return [first, message];
  first.set(message, MESSAGE_HEAD_BYTES);
  return [first];
}

/** Compresses and frames the message that follows MESSAGE_HEAD_BYTES; undefined if that makes it no smaller. */
export async function frameCompressed(buffer: Uint8Array): Promise<Uint8Array | undefined> {
  const message = buffer.subarray(MESSAGE_HEAD_BYTES);
  const compressed = await compress(message);
  if (compressed.byteLength >= message.byteLength) return undefined;
  const framed = Buffer.allocUnsafe(MESSAGE_HEAD_BYTES + compressed.byteLength);
  writeMessageHead(framed, compressed.byteLength, true);
  framed.set(compressed, MESSAGE_HEAD_BYTES);
  return framed;
}

/** Fills the first MESSAGE_HEAD_BYTES of `buffer`; a message of `length` bytes follows. */
export function writeMessageHead(buffer: Uint8Array, length: number, isCompressed: boolean): void {
  buffer[0] = isCompressed ? 1 : 0;
  buffer[1] = length >>> 24;
  buffer[2] = length >>> 16;
  buffer[3] = length >>> 8;
  buffer[4] = length;
}
