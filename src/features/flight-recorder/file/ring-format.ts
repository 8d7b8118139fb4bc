/**
 * The bytes of the file of requests. A head of 4 KiB is followed by two rings: traffic by version, and single requests,
 * so that a flood of the one does not push out the other.
 *
 *   │ head │ traffic: a quarter of the rest │ requests: the rest of it │
 *
 * A ring is records in units of 16 bytes. A record begins with two units, and its text is filled up to whole ones:
 *
 *   magic 4 │ length 4 │ checksum 4 │ sequence 4 ‖ wall time 8 │ kind 1 │ 7 × 0 ‖ text, JSON in UTF-8 …
 *
 * A record that does not fit before a ring's end is written at its beginning. It overwrites older ones, of which a rest
 * may stay. A process may die in the middle of a write. So a reader looks at each unit: what has no magic, no sound
 * length or no right checksum is skipped. The magic has bytes that no UTF-8 has: no text of a caller can pass for a
 * record.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';

export type RingName = 'traffic' | 'requests';

export type RecordKind = 'start' | 'end' | 'traffic' | 'request';

export interface RingRecord {
  readonly kind: RecordKind;
  /** Ms since 1970: the record is of what was until then. */
  readonly wallMs: number;
  /** Rises by one with each record of a ring. */
  readonly sequence: number;
  readonly text: string;
}

/** A part of the file, in bytes. */
export interface RingPlace {
  readonly start: number;
  readonly length: number;
}

export type RingHead = Readonly<Record<RingName, RingPlace>>;

export const HEAD_BYTES = 4096;
export const UNIT = 16;
const RECORD_HEAD = 2 * UNIT;
/** The most bytes of a text; a longer one is not written. */
export const MOST_TEXT_BYTES = 16_384;
/** The most bytes of a record. */
export const MOST_RECORD_BYTES = RECORD_HEAD + MOST_TEXT_BYTES;

const MAGIC = 0xff5072fe;
const MAGIC_BYTES = Buffer.of(0xff, 0x50, 0x72, 0xfe);
const KINDS: readonly RecordKind[] = ['start', 'end', 'traffic', 'request'];
const FIRST_LINE = 'pillion requests 1\n';

/** @param bytes of the whole file */
export function encodeHead(bytes: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(`${FIRST_LINE}${JSON.stringify({ bytes })}\n`);
  return head;
}

/** The head of a file; undefined if it is none. */
export function decodeHead(head: Buffer): RingHead | undefined {
  const text = head.toString('latin1', 0, HEAD_BYTES);
  if (head.length < HEAD_BYTES || !text.startsWith(FIRST_LINE)) return undefined;
  const found = /^\{"bytes":(\d{5,15})\}\n\0/.exec(text.slice(FIRST_LINE.length));
  if (found === null) return undefined;
  const bytes = found[1];
  const left = Number(bytes) - HEAD_BYTES;
  const quarter = Math.floor(left / 4 / UNIT) * UNIT;
  if (quarter < MOST_RECORD_BYTES) return undefined;
  const start = HEAD_BYTES + quarter;
  return {
    traffic: { start: HEAD_BYTES, length: quarter },
    requests: { start, length: Math.floor((Number(bytes) - start) / UNIT) * UNIT },
  };
}

/** The record's bytes, in whole units; undefined if its text is too long. */
export function encodeRecord({ kind, wallMs, sequence, text }: RingRecord): Buffer | undefined {
  const length = Buffer.byteLength(text);
  if (length > MOST_TEXT_BYTES) return undefined;
  const bytes = Buffer.alloc(RECORD_HEAD + Math.ceil(length / UNIT) * UNIT);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(sequence >>> 0, 12);
  bytes.writeDoubleLE(wallMs, 16);
  bytes.writeUInt8(KINDS.indexOf(kind), 24);
  bytes.write(text, RECORD_HEAD);
  bytes.writeUInt32LE(checksum(bytes), 8);
  return bytes;
}

/** A sound record, with its text as it stands in the bytes that were read: they are others after the next reading. */
export class ReadRecord implements RingRecord {
  readonly kind: RecordKind;
  readonly wallMs: number;
  readonly sequence: number;
  readonly bytes: Buffer;

  constructor(kind: RecordKind, whole: Buffer, length: number) {
    this.kind = kind;
    this.wallMs = whole.readDoubleLE(16);
    this.sequence = whole.readUInt32LE(12);
    this.bytes = whole.subarray(RECORD_HEAD, RECORD_HEAD + length);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

/** The sound record at a place, and the number of its bytes; undefined if there is none. */
export function decodeRecord(
  bytes: Buffer,
  at: number,
): { readonly record: ReadRecord; readonly size: number } | undefined {
  if (at + RECORD_HEAD > bytes.length || bytes.readUInt32BE(at) !== MAGIC) return undefined;
  const length = bytes.readUInt32LE(at + 4);
  const size = RECORD_HEAD + Math.ceil(length / UNIT) * UNIT;
  const kind = KINDS[bytes.readUInt8(at + 24)];
  if (length > MOST_TEXT_BYTES || at + size > bytes.length || kind === undefined) return undefined;
  const whole = bytes.subarray(at, at + size);
  if (checksum(whole) !== bytes.readUInt32LE(at + 8)) return undefined;
  return { record: new ReadRecord(kind, whole, length), size };
}

/** The place of the next unit from `at` on that has the magic; the end of the bytes if there is none. */
export function nextMagic(bytes: Buffer, at: number): number {
  let found = bytes.indexOf(MAGIC_BYTES, at);
  while (found !== -1 && found % UNIT !== 0) found = bytes.indexOf(MAGIC_BYTES, found + 1);
  return found === -1 ? bytes.length : found;
}

/** Covers all bytes but the checksum's own. */
function checksum(record: Buffer): number {
  return crc32(record.subarray(12), crc32(record.subarray(0, 8)));
}
