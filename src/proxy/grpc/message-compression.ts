/**
 * gzip and deflate of single messages (https://github.com/grpc/grpc/blob/master/doc/compression.md).
 *
 * Small messages are processed synchronously, because a thread costs more than the work. Larger ones are processed on
 * libuv's threads, so that they do not block the event loop. The output is bounded while it is produced
 * (proxy/inflation.ts), so that a decompression bomb takes no more memory than it may have.
 */
import { promisify } from 'node:util';
import { constants, gunzipSync, gzip, gzipSync, inflateSync } from 'node:zlib';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import {
  FREE_BYTES,
  InflationBudget,
  InflationError,
  type InflationGate,
  type InflationLimits,
  inflate,
  MAX_RATIO,
} from '../inflation.ts';
import { ACCOUNTED_FROM_BYTES } from '../memory-budget.ts';
import { tooLarge } from './message-reader.ts';

/** The value of `grpc-accept-encoding`. */
export const ACCEPTED_ENCODINGS = 'identity,gzip,deflate';

/** Larger messages are decompressed asynchronously: 4 KB may become 4 MB, in about 5 ms. */
const MAX_SYNC_BYTES = 4096;
/** The fastest level is used, because the client is near. */
const LEVEL = { level: constants.Z_BEST_SPEED };

const gzipLater = promisify<Uint8Array, { level: number }, Uint8Array>(gzip);

export function canDecompress(encoding: string): boolean {
  return encoding === 'gzip' || encoding === 'deflate' || encoding === 'identity';
}

export interface DecompressLimits extends InflationLimits {
  /** Lets few large messages be decompressed at a time. */
  readonly gate: InflationGate;
  /** The caller's name, as proxy/caller.ts describes it. */
  readonly caller: string;
}

/**
 * A promise if the message is large. Throws or rejects with ServingError: too_large, unsupported, invalid_request, or
 * what `limits.hold` gave.
 */
export function decompress(
  bytes: Uint8Array,
  encoding: string,
  limits: DecompressLimits,
): Uint8Array | Promise<Uint8Array> {
  if (encoding !== 'gzip' && encoding !== 'deflate') throw unknownEncoding(encoding);
  const problem = (error: unknown): never => {
    throw decompressError(error, encoding, limits.maxBytes);
  };
  if (bytes.length > MAX_SYNC_BYTES) {
    const coding = encoding === 'gzip' ? 'gunzip' : 'inflate';
    return limits.gate.run(limits.caller, () => inflate(bytes, [coding], limits)).catch(problem);
  }
  return decompressNow(bytes, encoding, limits, problem);
}

function decompressNow(
  bytes: Uint8Array,
  encoding: 'gzip' | 'deflate',
  { maxBytes, hold }: DecompressLimits,
  problem: (error: unknown) => never,
): Uint8Array {
  const most = Math.min(maxBytes, new InflationBudget(bytes.length).leftBytes);
  let message: Uint8Array;
  try {
    message = (encoding === 'gzip' ? gunzipSync : inflateSync)(bytes, { maxOutputLength: most });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return problem(error);
    return problem(new InflationError(most < maxBytes ? 'ratio' : 'too large'));
  }
  const refusal = message.length > ACCOUNTED_FROM_BYTES ? hold?.(message.length) : undefined;
  if (refusal !== undefined) throw refusal;
  return message;
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
  if (error instanceof ServingError) return error;
  const fault = error instanceof InflationError ? error.fault : 'broken';
  if (fault === 'too large') return tooLarge('a message, decompressed,', maxBytes);
  if (fault === 'ratio') {
    const most = `${FREE_BYTES / 2 ** 20} MiB and ${MAX_RATIO} times what was sent`;
    const text = `a message grows to more than ${most} when it is decompressed; send it uncompressed, or fewer rows`;
    return new ServingError('too_large', text);
  }
  const fix = 'send each message compressed as grpc-encoding says, and whole';
  return new ServingError(
    'invalid_request',
    `a message marked as ${encoding} could not be read: it does not decompress; ${fix}`,
  );
}
