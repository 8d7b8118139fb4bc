/**
 * TFRecord, written: the container of TensorFlow's data files. A file is a sequence of records, little-endian:
 *
 *     uint64 length │ uint32 masked CRC-32C of those 8 bytes │ data │ uint32 masked CRC-32C of data
 *
 * CRC-32C has Castagnoli's polynomial (RFC 3720, B.4). The mask is for data that contains such checksums itself.
 */
import { Buffer } from 'node:buffer';
import crc32c from 'crc-32/crc32c.js';

/** The length and its checksum. */
export const RECORD_HEAD_BYTES = 12;
/** The checksum of the data. */
export const RECORD_TAIL_BYTES = 4;
/** The length alone. */
export const RECORD_LENGTH_BYTES = 8;

const MASK_DELTA = 0xa282ead8;
const TWO_TO_32 = 2 ** 32;

/** The masked checksum of `bytes`. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/** One record whose data is a copy of the joined `parts`. */
export function frameRecord(parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const record = Buffer.allocUnsafe(RECORD_HEAD_BYTES + length + RECORD_TAIL_BYTES);
  record.writeUInt32LE(length % TWO_TO_32, 0);
  record.writeUInt32LE(Math.floor(length / TWO_TO_32), 4);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, RECORD_LENGTH_BYTES)), RECORD_LENGTH_BYTES);
  let position = RECORD_HEAD_BYTES;
  for (const part of parts) {
    record.set(part, position);
    position += part.byteLength;
  }
  record.writeUInt32LE(maskedCrc32c(record.subarray(RECORD_HEAD_BYTES, position)), position);
  return record;
}
