import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { TfRecordReader } from '../../../src/codec/tfrecord/tf-record-reader.ts';
import { frameRecord } from '../../../src/codec/tfrecord/tf-record-writer.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

function readAll(bytes: Buffer, pieceBytes: number): unknown {
  const reader = new TfRecordReader({ maxRecordBytes: 4096 });
  const records: string[] = [];
  const end = orRefusal(() => {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      reader.push(Buffer.from(bytes.subarray(at, at + pieceBytes)));
      for (let record = reader.next(); record !== undefined; record = reader.next())
        records.push(Buffer.from(record.data).toString('latin1'));
    }
    reader.end();
  });
  return [records, reader.wholeBytes, end instanceof ServingError ? end.message : 'whole'];
}

export const target: FuzzTarget = {
  says: 'TFRecord files: the same records, however the bytes come',
  maxBytes: 512,
  words: [frameRecord([Buffer.from('a')]), frameRecord([])],
  seeds: [Buffer.concat([frameRecord([Buffer.from('abc')]), frameRecord([]), frameRecord([Buffer.alloc(40)])])],
  run(bytes) {
    const whole = readAll(bytes, Math.max(1, bytes.length));
    for (const pieceBytes of [1, 7]) assert.deepEqual(readAll(bytes, pieceBytes), whole);
  },
};
