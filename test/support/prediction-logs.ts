/**
 * Records of requests for tests: PredictionLog by an independent protobuf library, in TFRecord files.
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Message } from '@bufbuild/protobuf';
import { TfRecordReader } from '../../src/codec/tfrecord/tf-record-reader.ts';
import { frameRecord } from '../../src/codec/tfrecord/tf-record-writer.ts';
import { decode, encode, type Fields } from './proto-registry.ts';

const DT_FLOAT = 1;

/** A TensorProto of float32 [values.length] in float_val. */
export function floats(...values: number[]): Fields {
  return { dtype: DT_FLOAT, tensorShape: { dim: [{ size: BigInt(values.length) }] }, floatVal: values };
}

export interface PredictLogSpec {
  readonly name?: string;
  readonly signatureName?: string;
  readonly inputs: Fields;
  readonly outputFilter?: readonly string[];
  readonly outputs?: Fields;
}

/** A PredictionLog's bytes; without `outputs` it has no response. */
export function predictLog({ name = 'm', signatureName = '', inputs, outputFilter = [], outputs }: PredictLogSpec) {
  const request = { modelSpec: { name, signatureName }, inputs, outputFilter };
  const predict = outputs === undefined ? { request } : { request, response: { outputs } };
  return encode('tensorflow.serving.PredictionLog', { logType: { case: 'predictLog', value: predict } });
}

/** A log of another kind, such as `classifyLog`. */
export function otherLog(kind: string): Uint8Array {
  return encode('tensorflow.serving.PredictionLog', { logType: { case: kind, value: {} } });
}

export function writeRecords(path: string, ...records: readonly Uint8Array[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat(records.map((record) => frameRecord([record]))));
}

/** The bytes of the first record in a file's. */
export function recordBytes(bytes: Uint8Array): Uint8Array {
  const reader = new TfRecordReader({ maxRecordBytes: 2 ** 26 });
  reader.push(bytes);
  return reader.next()!.data;
}

/** The messages in a file's bytes, all of which are whole. */
export function parseRecords(bytes: Uint8Array): (Message & Fields)[] {
  const reader = new TfRecordReader({ maxRecordBytes: 2 ** 26 });
  reader.push(bytes);
  const logs: (Message & Fields)[] = [];
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    logs.push(decode('tensorflow.serving.PredictionLog', record.data));
  }
  reader.end();
  return logs;
}

export function readRecords(path: string): (Message & Fields)[] {
  return parseRecords(readFileSync(path));
}
