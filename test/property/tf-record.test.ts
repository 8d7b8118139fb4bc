/** TFRecord: however the bytes are cut, the same records come out; a changed or missing byte never makes a wrong one. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { recordProblemOf, TfRecordReader } from '../../src/codec/tfrecord/tf-record-reader.ts';
import { frameRecord } from '../../src/codec/tfrecord/tf-record-writer.ts';

const recordsArbitrary = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 });

interface Outcome {
  readonly records: readonly Buffer[];
  readonly error: unknown;
}

function readInPieces(bytes: Uint8Array, cuts: readonly number[]): Outcome {
  const reader = new TfRecordReader({ maxRecordBytes: 1000 });
  const records: Buffer[] = [];
  try {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = cuts[i % cuts.length]!;
      reader.push(bytes.subarray(at, at + size));
      at += size;
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        records.push(Buffer.from(record.data));
      }
    }
    reader.end();
    return { records, error: undefined };
  } catch (error) {
    return { records, error };
  }
}

const cutsArbitrary = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });
const asBuffers = (records: readonly Uint8Array[]): Buffer[] => records.map((record) => Buffer.from(record));

test('any cutting gives the records that were written', () => {
  return fc.assert(
    fc.property(recordsArbitrary, cutsArbitrary, (written, cuts) => {
      const { records, error } = readInPieces(Buffer.concat(written.map((data) => frameRecord([data]))), cuts);
      assert.equal(error, undefined);
      assert.deepEqual(records, asBuffers(written));
    }),
  );
});

test('one changed byte is an error after the records before it', () => {
  return fc.assert(
    fc.property(
      recordsArbitrary,
      cutsArbitrary,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (written, cuts, at, bits) => {
        const bytes = Buffer.concat(written.map((data) => frameRecord([data])));
        fc.pre(bytes.length > 0);
        const changed = at % bytes.length;
        bytes[changed]! ^= bits;
        const { records, error } = readInPieces(bytes, cuts);
        let whole = 0;
        for (let end = 0; end <= changed; whole++) end += written[whole]!.length + 16;
        assert.equal(recordProblemOf(error), 'corrupt');
        assert.deepEqual(records, asBuffers(written.slice(0, whole - 1)));
      },
    ),
    { numRuns: 500 },
  );
});

test('a file that ends early gives its whole records, and an error unless it ends between two', () => {
  return fc.assert(
    fc.property(recordsArbitrary, cutsArbitrary, fc.nat(), (written, cuts, at) => {
      const bytes = Buffer.concat(written.map((data) => frameRecord([data])));
      const kept = at % (bytes.length + 1);
      const { records, error } = readInPieces(bytes.subarray(0, kept), cuts);
      let end = 0;
      const whole = written.filter((data) => {
        end += data.length + 16;
        return end <= kept;
      });
      const isBetween = kept === whole.reduce((sum, data) => sum + data.length + 16, 0);
      assert.equal(recordProblemOf(error), isBetween ? undefined : 'torn');
      assert.deepEqual(records, asBuffers(whole));
    }),
    { numRuns: 500 },
  );
});
