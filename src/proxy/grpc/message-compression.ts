/**
 * gzip and deflate of single messages, each whole by itself (https://github.com/grpc/grpc/blob/master/doc/compression.md).
 *
 * Small ones are done at once: handing them to a thread costs more than the work. Larger ones are done on libuv's
 * threads, so that they do not hold up the event loop. What comes out is bounded while it is made, so that a bomb of a
 * few KB cannot take more memory than the limit.
 */
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync, gzip, gzipSync, inflate, inflateSync } from 'node:zlib';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { tooLarge } from './message-reader.ts';

/** For `grpc-accept-encoding`. */
export const ACCEPTED_ENCODINGS = 'identity,gzip,deflate';

/** 4 KB may become 4 MB, and that takes about 5 ms. */
const MAX_SYNC_BYTES = 4096;
/** The fastest: the other side is near, or its network would be the first to gain from a smaller model. */
const LEVEL = { level: constants.Z_BEST_SPEED };

const gunzipLater = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(gunzip);
const inflateLater = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(inflate);
const gzipLater = promisify<Uint8Array, { level: number }, Uint8Array>(gzip);

export function canDecompress(encoding: string): boolean {
  return encoding === 'gzip' || encoding === 'deflate' || encoding === 'identity';
}

/** At once or later. Throws or rejects with ServingError (too_large, unsupported, invalid_request). */
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

/** At once or later. */
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
