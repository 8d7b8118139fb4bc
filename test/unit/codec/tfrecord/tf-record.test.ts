import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { readTfRecords, recordProblemOf, TfRecordReader } from '../../../../src/codec/tfrecord/tf-record-reader.ts';
import { frameRecord, maskedCrc32c } from '../../../../src/codec/tfrecord/tf-record-writer.ts';
import { ServingError } from '../../../../src/core/errors.ts';

/** An empty record and `half_plus_two`, written by a program of its own with the bitwise form of the checksum. */
const TWO_RECORDS = Buffer.from(
  `000000000000000029039807d8ea82a2${'0d000000000000003c37b83468616c665f706c75735f74776f51d64d75'}`,
  'hex',
);

const LIMITS = { maxRecordBytes: 100 };

async function* chunksOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function readAll(bytes: Uint8Array): Promise<string[]> {
  const texts: string[] = [];
  for await (const { data } of readTfRecords(chunksOf(bytes), LIMITS)) texts.push(Buffer.from(data).toString());
  return texts;
}

describe('masked CRC-32C', () => {
  it('is that of the published vectors (RFC 3720, B.4), masked', () => {
    const unmask = (masked: number): number => {
      const rotated = (masked - 0xa282ead8) >>> 0;
      return ((rotated >>> 17) | (rotated << 15)) >>> 0;
    };
    assert.equal(unmask(maskedCrc32c(Buffer.from('123456789'))), 0xe3069283);
    assert.equal(unmask(maskedCrc32c(Buffer.alloc(32))), 0x8a9136aa);
    assert.equal(unmask(maskedCrc32c(Buffer.alloc(32, 0xff))), 0x62a8ab43);
    assert.equal(unmask(maskedCrc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))), 0x46dd794e);
    assert.equal(unmask(maskedCrc32c(Buffer.alloc(0))), 0);
  });
});

describe('TFRecord', () => {
  it('has the bytes that other programs write', async () => {
    const written = [frameRecord([]), frameRecord([Buffer.from('half_'), Buffer.from('plus_two')])];
    assert.deepEqual(Buffer.concat(written), TWO_RECORDS);
    assert.deepEqual(await readAll(TWO_RECORDS), ['', 'half_plus_two']);
  });

  it('that is cut off gives its whole records and the offset of the rest', () => {
    const reader = new TfRecordReader(LIMITS);
    reader.push(TWO_RECORDS.subarray(0, TWO_RECORDS.length - 1));
    assert.deepEqual(reader.next()?.offset, 0);
    assert.equal(reader.next(), undefined);
    assert.equal(reader.wholeBytes, 16);
    assert.throws(
      () => reader.end(),
      (error) =>
        error instanceof ServingError &&
        recordProblemOf(error) === 'torn' &&
        error.attributes?.['offset'] === 16 &&
        /byte 16 .* the file ends within it/.test(error.message),
    );
  });

  it('of another kind of file is refused at its first byte', async () => {
    await assert.rejects(readAll(Buffer.from('{"instances": [1.0, 2.0]}')), (error) => {
      assert.equal(recordProblemOf(error), 'corrupt');
      assert.match((error as Error).message, /byte 0 .* its length has another checksum/);
      return true;
    });
  });

  it('with changed data is refused with its offset', async () => {
    const changed = Buffer.from(TWO_RECORDS);
    changed[30]! ^= 1;
    await assert.rejects(readAll(changed), /byte 16 .* its data has another checksum/);
  });

  it('over the limit is refused before its bytes have come', () => {
    const reader = new TfRecordReader({ maxRecordBytes: 10 });
    reader.push(frameRecord([Buffer.alloc(11)]).subarray(0, 12));
    assert.throws(
      () => reader.next(),
      (error) =>
        recordProblemOf(error) === 'too_large' && /11 bytes, and 10 are allowed/.test((error as Error).message),
    );
  });

  it('tells its own errors from others', () => {
    assert.equal(recordProblemOf(new Error('torn')), undefined);
    assert.equal(recordProblemOf(new ServingError('invalid_request', 'torn')), undefined);
  });
});
