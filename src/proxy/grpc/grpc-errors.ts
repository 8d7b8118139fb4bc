/**
 * Maps a ServingError to a gRPC status. An error that says when to try again sends that three times: as
 * `grpc-retry-pushback-ms`, which gRPC clients with a retry policy obey, as google.rpc.RetryInfo in
 * `grpc-status-details-bin`, which application code reads, and as `retry-after`, which proxies read. Refusals are marked
 * for Envoy (refusal-headers.ts).
 */
import { Buffer } from 'node:buffer';
import { varintTag } from '../../codec/protobuf/wire-reader.ts';
import {
  bytesField,
  highOf,
  lengthDelimitedSize,
  varint64Size,
  varintSize,
  WireWriter,
} from '../../codec/protobuf/wire-writer.ts';
import { GrpcStatus, type ServingError, SharedError } from '../../core/errors.ts';
import { envoyMark, retryAfterSeconds } from '../refusal-headers.ts';
import type { CallStatus, MetadataEntries } from './engine.ts';

/** TensorFlow Serving's limit: longer messages are cut, so that proxies accept the trailer. */
export const MAX_STATUS_MESSAGE_BYTES = 1024;
const ASCII = /^[\0-\x7f]*$/;
const TRUNCATED = '...TRUNCATED';

const RETRY_INFO_TYPE_FIELD = bytesField(1, 'type.googleapis.com/google.rpc.RetryInfo');
/** The longest google.protobuf.Duration: 10,000 years. */
const MAX_DELAY_MS = 315_576_000_000_000;

export const OK: CallStatus = { code: GrpcStatus.OK, message: '' };

export function statusOf(error: ServingError): CallStatus {
  if (!(error instanceof SharedError)) return makeStatus(error);
  error.grpcForm ??= { ...makeStatus(error), encoded: { block: undefined } };
  return error.grpcForm as CallStatus;
}

function makeStatus(error: ServingError): CallStatus {
  const code = error.row.grpc;
  const text = truncateMessage(error.message);
  const mark = envoyMark(error);
  const marked: MetadataEntries | undefined = mark === undefined ? undefined : { [mark]: 'true' };
  // NaN and Infinity cannot be written.
  if (error.retryAfterMs === undefined || !Number.isFinite(error.retryAfterMs)) {
    return { code, message: text, ...(marked !== undefined && { trailers: marked }) };
  }
  const delayMs = Math.min(MAX_DELAY_MS, Math.max(0, Math.ceil(error.retryAfterMs)));
  return {
    code,
    message: text,
    trailers: {
      'grpc-retry-pushback-ms': String(delayMs),
      'grpc-status-details-bin': statusWithRetryInfo(code, text, delayMs),
      'retry-after': retryAfterSeconds(delayMs),
      ...marked,
    },
  };
}

/** Keeps 1024 bytes of UTF-8 and a mark, without half characters or lone surrogates, which no header can hold. */
export function truncateMessage(text: string): string {
  if (text.length <= MAX_STATUS_MESSAGE_BYTES && ASCII.test(text)) return text;
  const wellFormed = text.replace(/\p{Surrogate}/gu, '\ufffd');
  if (Buffer.byteLength(wellFormed) <= MAX_STATUS_MESSAGE_BYTES) return wellFormed;
  const bytes = Buffer.from(wellFormed);
  let end = MAX_STATUS_MESSAGE_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + TRUNCATED;
}

/**
 * google.rpc.Status {1 code, 2 message, 3 details: [Any {1 type_url, 2 value: RetryInfo {1 retry_delay: Duration
 * {1 seconds, 2 nanos}}}]}. Written into one buffer, because under overload most answers have one.
 */
function statusWithRetryInfo(code: number, text: string, delayMs: number): Uint8Array {
  const seconds = Math.floor(delayMs / 1000);
  const nanos = (delayMs % 1000) * 1_000_000;
  const secondsSize = seconds === 0 ? 0 : 1 + varint64Size(seconds >>> 0, highOf(seconds));
  const durationSize = secondsSize + (nanos === 0 ? 0 : 1 + varintSize(nanos));
  const retryInfoSize = lengthDelimitedSize(1, durationSize);
  const anySize = RETRY_INFO_TYPE_FIELD.length + lengthDelimitedSize(2, retryInfoSize);
  const textSize = Buffer.byteLength(text);
  const size = 1 + varintSize(code) + lengthDelimitedSize(2, textSize) + lengthDelimitedSize(3, anySize);
  const writer = new WireWriter(size);
  writer.varint(varintTag(1));
  writer.varint(code);
  writer.head(2, textSize);
  writer.text(text, textSize);
  writer.head(3, anySize);
  writer.bytes(RETRY_INFO_TYPE_FIELD);
  writer.head(2, retryInfoSize);
  writer.head(1, durationSize);
  if (seconds !== 0) {
    writer.varint(varintTag(1));
    writer.varint64(seconds >>> 0, highOf(seconds));
  }
  if (nanos !== 0) {
    writer.varint(varintTag(2));
    writer.varint(nanos);
  }
  return writer.buffer;
}
