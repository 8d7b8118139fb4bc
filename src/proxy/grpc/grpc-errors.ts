/**
 * ServingError → gRPC status, with what a client needs to retry well.
 *
 * An error that says when to try again carries that twice: as `grpc-retry-pushback-ms`, which a gRPC client with a retry
 * policy obeys by itself, and as google.rpc.RetryInfo in `grpc-status-details-bin`, which application code reads.
 */
import { Buffer } from 'node:buffer';
import { GrpcStatus, type ServingError } from '../../core/errors.ts';
import { bytesField, message, messageField, varintField } from '../../core/wire-writer.ts';
import type { CallStatus } from './engine.ts';

/** TensorFlow Serving's: longer messages are cut, so that a trailer fits into what proxies allow. */
export const MAX_STATUS_MESSAGE_BYTES = 1024;
const TRUNCATED = '...TRUNCATED';

const RETRY_INFO_TYPE = 'type.googleapis.com/google.rpc.RetryInfo';

export const OK: CallStatus = { code: GrpcStatus.OK, message: '' };

export function statusOf(error: ServingError): CallStatus {
  const code = error.row.grpc;
  const text = truncateMessage(error.message);
  // Not a number or endless: there is no instant to name, and no way to write it.
  if (error.retryAfterMs === undefined || !Number.isFinite(error.retryAfterMs)) return { code, message: text };
  const delayMs = Math.max(0, Math.ceil(error.retryAfterMs));
  return {
    code,
    message: text,
    trailers: {
      'grpc-retry-pushback-ms': String(delayMs),
      'grpc-status-details-bin': statusWithRetryInfo(code, text, delayMs),
    },
  };
}

/** At most 1024 bytes of UTF-8 and the mark; never half a character, never a lone surrogate (no header can hold one). */
export function truncateMessage(text: string): string {
  const wellFormed = text.replace(/\p{Surrogate}/gu, '\ufffd');
  if (Buffer.byteLength(wellFormed) <= MAX_STATUS_MESSAGE_BYTES) return wellFormed;
  const bytes = Buffer.from(wellFormed);
  let end = MAX_STATUS_MESSAGE_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + TRUNCATED;
}

/** google.rpc.Status {1 code, 2 message, 3 details: [Any {1 type_url, 2 value: RetryInfo {1 retry_delay}}]}. */
function statusWithRetryInfo(code: number, text: string, delayMs: number): Uint8Array {
  const duration = message(varintField(1, Math.floor(delayMs / 1000)), varintField(2, (delayMs % 1000) * 1_000_000));
  const any = message(bytesField(1, RETRY_INFO_TYPE), bytesField(2, messageField(1, duration)));
  return message(varintField(1, code), bytesField(2, text), messageField(3, any));
}
