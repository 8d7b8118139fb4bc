/**
 * PredictionLog (proto/tensorflow_serving/apis/prediction_log.proto) around the bytes of a request and its answer,
 * which are neither parsed nor copied here.
 */
import { Buffer } from 'node:buffer';
import { lengthDelimited, WIRE_FIXED64, WireReader } from '../protobuf/wire-reader.ts';
import { lengthDelimitedSize, message, messageField, varintField, WireWriter } from '../protobuf/wire-writer.ts';
import { encodeRequestedSpec } from './model-spec-codec.ts';

/** Kinds of requests and their field numbers in PredictionLog. */
export const LOG_TYPES = {
  classify: 2,
  regress: 3,
  multi_inference: 4,
  session_run: 5,
  predict: 6,
  predict_streamed: 7,
} as const;
export type LogType = keyof typeof LOG_TYPES;

export interface PredictionLog {
  /** Undefined if the record has no request of a known kind. */
  readonly type: LogType | undefined;
  /** The request's message; empty if there is none. A view of the record. */
  readonly request: Uint8Array;
  /** The answer's message, if there is one. A view of the record. */
  readonly response: Uint8Array | undefined;
}

/** The fields of LogMetadata. */
export interface LogMetadata {
  /** The version and signature that answered. */
  readonly name: string;
  readonly version: bigint;
  readonly signatureName: string;
  /** The share of the requests that are recorded, 0 to 1. */
  readonly samplingRate: number;
  /** The time of the answer, in ms since 1970. */
  readonly wallMs: number;
}

const LOG_METADATA = 1;
const REQUEST = 1;
const RESPONSE = 2;
const TYPE_OF_TAG: ReadonlyMap<number, LogType> = new Map(
  Object.entries(LOG_TYPES).map(([type, field]) => [lengthDelimited(field), type as LogType]),
);
const NONE = new Uint8Array(0);

/** Throws ServingError `invalid_request` if the record is no PredictionLog. */
export function readPredictionLog(record: Uint8Array): PredictionLog {
  const reader = new WireReader(record, 'PredictionLog');
  let type: LogType | undefined;
  let requests: Uint8Array[] = [];
  let responses: Uint8Array[] = [];
  while (reader.next()) {
    const next = TYPE_OF_TAG.get(reader.tag);
    if (next === undefined) {
      reader.skip();
      continue;
    }
    if (next !== type) [requests, responses] = [[], []];
    type = next;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.tag === lengthDelimited(REQUEST)) requests.push(reader.bytesField());
      else if (reader.tag === lengthDelimited(RESPONSE)) responses.push(reader.bytesField());
      else reader.skip();
    }
    reader.leave(outer);
  }
  return { type, request: merged(requests) ?? NONE, response: merged(responses) };
}

/** The record in parts, which the caller joins. */
export function predictionLogParts(
  metadata: LogMetadata,
  type: LogType,
  request: Uint8Array,
  response: Uint8Array | undefined,
): readonly Uint8Array[] {
  const size =
    lengthDelimitedSize(REQUEST, request.byteLength) +
    (response === undefined ? 0 : lengthDelimitedSize(RESPONSE, response.byteLength));
  const parts = [messageField(LOG_METADATA, writeMetadata(metadata)), headOf(LOG_TYPES[type], size)];
  parts.push(headOf(REQUEST, request.byteLength), request);
  if (response !== undefined) parts.push(headOf(RESPONSE, response.byteLength), response);
  return parts;
}

/** A message in several parts is the parts joined, as protobuf merges them. */
function merged(parts: readonly Uint8Array[]): Uint8Array | undefined {
  return parts.length > 1 ? Buffer.concat(parts) : parts[0];
}

function headOf(field: number, length: number): Uint8Array {
  const writer = new WireWriter(lengthDelimitedSize(field, length) - length);
  writer.head(field, length);
  return writer.buffer;
}

/** LogMetadata {1 model_spec, 2 sampling_config {1 sampling_rate}, 4 timestamp_secs}. */
function writeMetadata({ name, version, signatureName, samplingRate, wallMs }: LogMetadata): Uint8Array {
  return message(
    messageField(1, encodeRequestedSpec({ name, version, signatureName })),
    messageField(2, doubleField(1, samplingRate)),
    varintField(4, Math.floor(wallMs / 1000)),
  );
}

function doubleField(field: number, value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = (field << 3) | WIRE_FIXED64;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}
