/**
 * gzip and deflate of single messages (https://github.com/grpc/grpc/blob/master/doc/compression.md).
 *
 * Small messages are processed synchronously, because a thread costs more than the work. Larger ones are processed on
 * libuv's threads, so that they do not block the event loop. The output is bounded while it is produced, so that a
 * decompression bomb cannot take more memory than the limit.
 */
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync, gzip, gzipSync, inflate, inflateSync } from 'node:zlib';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { tooLarge } from './message-reader.ts';

/** The value of `grpc-accept-encoding`. */
export const ACCEPTED_ENCODINGS = 'identity,gzip,deflate';

/** 4 KB may become 4 MB, in about 5 ms. */
const MAX_SYNC_BYTES = 4096;
/** The fastest: the client is near. */
const LEVEL = { level: constants.Z_BEST_SPEED };

const gunzipLater = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(gunzip);
const inflateLater = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(inflate);
const gzipLater = promisify<Uint8Array, { level: number }, Uint8Array>(gzip);

export function canDecompress(encoding: string): boolean {
  return encoding === 'gzip' || encoding === 'deflate' || encoding === 'identity';
}

/** A promise if the message is large. Throws or rejects with ServingError (too_large, unsupported, invalid_request). */
export function decompress(bytes: Uint8Array, encoding: string, maxBytes: number): Uint8Array | Promise<Uint8Array> {
  const options = { maxOutputLength: maxBytes };
  const problem = (error: unknown): never => {
    throw decompressError(error, encoding, maxBytes);
  };
  if (encoding !== 'gzip' && encoding !== 'deflate') throw unknownEncoding(encoding);
  if (bytes.length > MAX_SYNC_BYTES) {
    return (encoding === 'gzip' ? gunzipLater : inflateLater)(bytes, options).catch(problem);
  }
  try {
    return (encoding === 'gzip' ? gunzipSync : inflateSync)(bytes, options);
  } catch (error) {
    return problem(error);
  }
}

/** A promise if the message is large. */
export function compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return bytes.length > MAX_SYNC_BYTES ? gzipLater(bytes, LEVEL) : gzipSync(bytes, LEVEL);
}

function unknownEncoding(encoding: string): ServingError {
  if (encoding === 'identity') {
    return new ServingError(
      'invalid_request',
      'a message is marked as compressed, but grpc-encoding does not say how; send grpc-encoding: gzip or deflate',
    );
  }
  return new ServingError(
    'unsupported',
    `this server does not know grpc-encoding ${quoteName(encoding)}; send one of ${ACCEPTED_ENCODINGS}`,
  );
}

function decompressError(error: unknown, encoding: string, maxBytes: number): ServingError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge('a message, decompressed,', maxBytes);
  return new ServingError(
    'invalid_request',
    `a message marked as ${encoding} could not be read: it does not decompress (${message}); send each message compressed as grpc-encoding says, and whole`,
  );
}
