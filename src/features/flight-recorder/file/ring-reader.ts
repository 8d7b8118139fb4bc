/** Reads the records of a ring, in slices, so that requests are answered in between. */
import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { decodeRecord, MOST_RECORD_BYTES, nextMagic, type RingPlace, type RingRecord, UNIT } from './ring-format.ts';

/** Bytes that are read at once: decoding them takes about a millisecond. */
const CHUNK = 128 * 2 ** 10;

/** A sound record, with the byte of the ring after it. */
export interface FoundRecord extends RingRecord {
  readonly end: number;
}

/** The sound records in the order of their places, which after the ring's first round is not that of time. */
export async function* readRing(file: Pick<FileHandle, 'read'>, place: RingPlace): AsyncGenerator<FoundRecord> {
  const bytes = Buffer.allocUnsafe(CHUNK + MOST_RECORD_BYTES);
  let at = 0;
  while (at < place.length) {
    const wanted = Math.min(bytes.length, place.length - at);
    const { bytesRead } = await file.read(bytes, 0, wanted, place.start + at);
    const read = bytes.subarray(0, bytesRead);
    // A record that begins in the chunk is whole in what was read, unless the file ends.
    const chunk = Math.min(CHUNK, bytesRead);
    let inside = 0;
    while (inside < chunk) {
      const found = decodeRecord(read, inside);
      // A file that is not full yet is mostly empty.
      inside = found === undefined ? nextMagic(read, inside + UNIT) : inside + found.size;
      if (found !== undefined) yield { ...found.record, end: at + inside };
    }
    at += inside;
    if (bytesRead < wanted) return;
  }
}
