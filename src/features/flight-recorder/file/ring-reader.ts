/**
 * Reads the records of a ring in parts, so that requests are answered in between: from the newest part to the oldest.
 *
 *   │ 2 ◀── 1 ◀── tail │ 5 ◀── 4 ◀── 3 │       the numbers are the order in which the parts are read
 *     the last round     the round before
 *
 * Who has found enough stops, and pays for no more. A record belongs to the part in which it begins.
 */
import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { decodeRecord, MOST_RECORD_BYTES, nextMagic, type ReadRecord, type RingPlace, UNIT } from './ring-format.ts';

/** Bytes that are read at once: decoding them takes about a millisecond. */
const PART = 128 * 2 ** 10;

/** A file, as far as it is read here. */
export type ReadableFile = Pick<FileHandle, 'read'>;

/** A sound record, and the byte of the ring after it. */
export interface FoundRecord {
  readonly record: ReadRecord;
  readonly end: number;
}

/** The sound records that begin in a part of the ring, in the order of their places. */
export async function readPart(
  file: ReadableFile,
  place: RingPlace,
  from: number,
  to: number,
  into: Buffer,
): Promise<FoundRecord[]> {
  const wanted = Math.min(place.length, to + MOST_RECORD_BYTES) - from;
  const { bytesRead } = await file.read(into, 0, wanted, place.start + from);
  const bytes = into.subarray(0, bytesRead);
  const found: FoundRecord[] = [];
  for (let at = 0; at < Math.min(bytesRead, to - from); ) {
    const sound = decodeRecord(bytes, at);
    // A file that is not full yet is mostly empty.
    at = sound === undefined ? nextMagic(bytes, at + UNIT) : at + sound.size;
    if (sound !== undefined) found.push({ record: sound.record, end: from + at });
  }
  return found;
}

/** A buffer for `readPart` with parts of at most so many bytes. */
export function partBuffer(bytes = PART): Buffer {
  return Buffer.allocUnsafe(bytes + MOST_RECORD_BYTES);
}

/** The sound records that begin in a stretch of the ring, in the order of their places. */
export async function* readForward(
  file: ReadableFile,
  place: RingPlace,
  from: number,
  to: number,
): AsyncGenerator<FoundRecord> {
  const buffer = partBuffer();
  for (let at = from; at < to; at += PART) yield* await readPart(file, place, at, Math.min(to, at + PART), buffer);
}

/** The records of a part, with the first one first. They are valid until the next part is asked for. */
export type Part = readonly ReadRecord[];

export interface NewestFirst {
  /** The byte at which the next record will begin. */
  readonly tail: number;
  /** Parts whose first record is of a later time may be left out. Default: none. */
  readonly notAfterMs?: number | undefined;
}

/** The parts that have records, the newest first. */
export async function* readNewestFirst(
  file: ReadableFile,
  place: RingPlace,
  { tail, notAfterMs = Infinity }: NewestFirst,
): AsyncGenerator<Part> {
  const buffer = partBuffer();
  const parts = partsOf(place, tail);
  const read = async (i: number): Promise<Part> => {
    const { from, to } = parts(i);
    return (await readPart(file, place, from, to, buffer)).map(({ record }) => record);
  };
  const count = parts(0).count;
  const first = notAfterMs === Infinity ? 0 : await firstPart(count, notAfterMs, read);
  for (let i = first; i < count; i++) {
    const part = await read(i);
    if (part.length > 0) yield part;
    // The round before has its end there: the ring was not full yet.
    else if (i === parts(0).newer) return;
  }
}

interface PartPlace {
  readonly from: number;
  readonly to: number;
  /** Parts in all, and in the last round. */
  readonly count: number;
  readonly newer: number;
}

/** The nth part, counted from the newest. */
function partsOf({ length }: RingPlace, tail: number): (i: number) => PartPlace {
  const newer = Math.ceil(tail / PART);
  const count = newer + Math.ceil((length - tail) / PART);
  return (i) => {
    const to = i < newer ? tail - i * PART : length - (i - newer) * PART;
    return { from: Math.max(i < newer ? 0 : tail, to - PART), to, count, newer };
  };
}

/** The newest part that does not begin after a time, by halves: parts without records count as older. */
async function firstPart(count: number, notAfterMs: number, read: (i: number) => Promise<Part>): Promise<number> {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [first] = await read(middle);
    if (first !== undefined && first.wallMs > notAfterMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
