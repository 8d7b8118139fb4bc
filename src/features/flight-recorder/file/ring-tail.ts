/** Finds a ring's newest record, and the place of the next one. */
import { MOST_RECORD_BYTES, type ReadRecord, type RingPlace, type RingRecord, UNIT } from './ring-format.ts';
import { type FoundRecord, type ReadableFile, readForward } from './ring-reader.ts';

export type NewestRecord = Omit<RingRecord, 'text'>;

/** The place of the next record of a ring, its sequence, and the record before it; undefined = the ring is empty. */
export interface RingTail {
  at: number;
  sequence: number;
  newest?: NewestRecord;
}

/** A stretch of a ring that is read whole. */
const SEARCHED_BYTES = 2 * MOST_RECORD_BYTES;

/**
 * Finds the newest record. The ring's round in progress begins at its start, and what follows it is older than its first
 * record: so its end is searched for by halves, and a large ring does not hold up a start.
 */
export async function tailOf(file: ReadableFile, place: RingPlace): Promise<RingTail> {
  const first = await soundFrom(file, place, 0, place.length);
  if (first === undefined) return { at: 0, sequence: 0 };
  let low = 0;
  let high = place.length;
  while (high - low > SEARCHED_BYTES) {
    const middle = Math.floor((low + high) / 2 / UNIT) * UNIT;
    // Nothing of this round begins at `high` or after it.
    const found = await soundFrom(file, place, middle, high);
    if (found !== undefined && found.record.sequence >= first.record.sequence) low = middle;
    else high = middle;
  }
  let newest = { ...factsOf(first.record), end: first.end };
  for await (const { record, end } of recordsFrom(file, place, low, high)) {
    if (record.sequence < newest.sequence) break;
    newest = { ...factsOf(record), end };
  }
  return { at: newest.end, sequence: newest.sequence + 1, newest };
}

function factsOf({ kind, wallMs, sequence }: ReadRecord): NewestRecord {
  return { kind, wallMs, sequence };
}

/** The first sound record that begins at a byte of the ring or after it, and before `to`. */
async function soundFrom(
  file: ReadableFile,
  place: RingPlace,
  at: number,
  to: number,
): Promise<FoundRecord | undefined> {
  for await (const record of recordsFrom(file, place, at, to)) return record;
  return undefined;
}

/** The sound records that begin in a stretch of the ring; perhaps the next one, too. */
function recordsFrom(file: ReadableFile, place: RingPlace, at: number, to: number): AsyncGenerator<FoundRecord> {
  return readForward(file, place, at, Math.min(place.length, to + MOST_RECORD_BYTES));
}
