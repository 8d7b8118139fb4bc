/**
 * The file of requests (ring-format.ts), opened by the server that writes it.
 *
 *   open: no link, a plain file, ours alone ──▶ lock ──▶ head ──▶ where each ring goes on
 *
 * Nothing of it is on the path of a request: records are appended in batches, one write at a time.
 */
import { Buffer } from 'node:buffer';
import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import process from 'node:process';
import { systemDisk } from '../../../files/disk.ts';
import { createFile, FILE_MODE, fileError, openOwnFile } from '../../../files/own-file.ts';
import type { WrittenStart } from './file-query.ts';
import {
  decodeHead,
  encodeHead,
  encodeRecord,
  HEAD_BYTES,
  MOST_RECORD_BYTES,
  type RingHead,
  type RingName,
  type RingPlace,
  type RingRecord,
  UNIT,
} from './ring-format.ts';
import { lock } from './ring-lock.ts';
import { type FoundRecord, readRing } from './ring-reader.ts';

/** The place of the next record of a ring, and its sequence. */
interface Tail {
  at: number;
  sequence: number;
}

/** A part of a ring that is read whole. */
const SEARCHED_BYTES = 2 * MOST_RECORD_BYTES;

/** The newest record of a ring, and where the next one goes. */
interface FoundTail extends Tail {
  newest?: FoundRecord;
}

export type NewRecord = Omit<RingRecord, 'sequence'>;

export class RingFile {
  readonly #file: FileHandle;
  readonly #head: RingHead;
  readonly #tails: Readonly<Record<RingName, Tail>>;
  readonly #unlock: () => void;
  /** The last sign of the run that wrote it before; undefined = the file is new. */
  readonly before: WrittenStart['before'];

  private constructor(file: FileHandle, head: RingHead, tails: Record<RingName, FoundTail>, unlock: () => void) {
    this.#file = file;
    this.#head = head;
    this.#tails = tails;
    this.#unlock = unlock;
    this.before = beforeOf(tails);
  }

  /**
   * Opens a file, or makes it with `bytes`; one that is there keeps its size. Rejects with the system's error, or one
   * that says what the path is instead of such a file, or that another process writes it.
   */
  static async open(path: string, bytes: number): Promise<RingFile> {
    const file = await openOrMake(resolve(path));
    let unlock: (() => void) | undefined;
    try {
      const found = await requireOurs(file, path);
      unlock = await lock(`${found.dev}-${found.ino}`);
      if (unlock === undefined) throw fileError(path, `another process writes ${path}; give each a file of its own`);
      if (found.size === 0) await file.write(encodeHead(bytes), 0, HEAD_BYTES, 0);
      const head = await readHead(file);
      if (head === undefined) throw fileError(path, `${path} is no file of requests; remove it or name another one`);
      // Nobody else may read what is written from now on.
      if ((found.mode & 0o777) !== FILE_MODE) await file.chmod(FILE_MODE);
      const tails = { traffic: await tailOf(file, head.traffic), requests: await tailOf(file, head.requests) };
      return new RingFile(file, head, tails, unlock);
    } catch (error) {
      unlock?.();
      await file.close();
      throw error;
    }
  }

  /** The bytes that it may have. */
  get bytes(): number {
    const { start, length } = this.#head.requests;
    return start + length;
  }

  read(ring: RingName): AsyncGenerator<FoundRecord> {
    return readRing(this.#file, this.#head[ring]);
  }

  /** Writes records; one that is too long is left out. Call it again when it has settled. Rejects with the disk's error. */
  async append(ring: RingName, records: readonly NewRecord[]): Promise<void> {
    const place = this.#head[ring];
    const tail = { ...this.#tails[ring] };
    let pieces: Buffer[] = [];
    let from = tail.at;
    for (const record of records) {
      const bytes = encodeRecord({ ...record, sequence: tail.sequence });
      if (bytes === undefined) continue;
      if (tail.at + bytes.length > place.length) {
        await this.#write(place.start + from, pieces);
        pieces = [];
        from = tail.at = 0;
      }
      pieces.push(bytes);
      tail.at += bytes.length;
      tail.sequence += 1;
    }
    await this.#write(place.start + from, pieces);
    Object.assign(this.#tails[ring], tail);
  }

  /** Resolves when all that was written is on the disk: the file may be opened again. */
  async close(): Promise<void> {
    try {
      await this.#file.datasync();
    } finally {
      await this.#file.close();
      this.#unlock();
    }
  }

  async #write(at: number, pieces: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(pieces);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
  }
}

async function openOrMake(path: string): Promise<FileHandle> {
  try {
    await (await createFile(systemDisk, path)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return openOwnFile(systemDisk, path, constants.O_RDWR);
}

async function requireOurs(file: FileHandle, path: string): Promise<Stats> {
  const found = await file.stat();
  const own = process.geteuid?.() ?? found.uid;
  if (found.uid !== own) {
    throw fileError(path, `${path} belongs to the user ${found.uid}, and this process to ${own}; remove it`);
  }
  return found;
}

/** The head of an open file; undefined if it has none. */
export async function readHead(file: Pick<FileHandle, 'read'>): Promise<RingHead | undefined> {
  const bytes = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(bytes, 0, HEAD_BYTES, 0);
  return decodeHead(bytes.subarray(0, bytesRead));
}

/**
 * Finds the newest record. The ring's round in progress begins at its start, and what follows it is older than its first
 * record: so its end is searched for by halves, and a large ring does not hold up a start.
 */
async function tailOf(file: FileHandle, place: RingPlace): Promise<FoundTail> {
  const first = await soundFrom(file, place, 0, place.length);
  if (first === undefined) return { at: 0, sequence: 0 };
  let low = 0;
  let high = place.length;
  while (high - low > SEARCHED_BYTES) {
    const middle = Math.floor((low + high) / 2 / UNIT) * UNIT;
    // Nothing of this round begins at `high` or after it.
    const found = await soundFrom(file, place, middle, high);
    if (found !== undefined && found.sequence >= first.sequence) low = middle;
    else high = middle;
  }
  let newest = first;
  for await (const record of recordsFrom(file, place, low, high)) {
    if (record.sequence < first.sequence) break;
    if (record.sequence >= newest.sequence) newest = record;
  }
  return { at: newest.end, sequence: newest.sequence + 1, newest };
}

/** The first sound record that begins at a byte of the ring or after it, and before `to`. */
async function soundFrom(file: FileHandle, place: RingPlace, at: number, to: number): Promise<FoundRecord | undefined> {
  for await (const record of recordsFrom(file, place, at, to)) return record;
  return undefined;
}

/** The sound records that begin in a part of the ring; perhaps the next one, too. */
async function* recordsFrom(file: FileHandle, place: RingPlace, at: number, to: number): AsyncGenerator<FoundRecord> {
  const end = Math.min(place.length, to + MOST_RECORD_BYTES);
  const rest = { start: place.start + at, length: end - at };
  for await (const record of readRing(file, rest)) yield { ...record, end: record.end + at };
}

function beforeOf({ traffic, requests }: Record<RingName, FoundTail>): WrittenStart['before'] {
  const newest = [traffic.newest, requests.newest].filter((record) => record !== undefined);
  if (newest.length === 0) return undefined;
  const isDrained = newest.some(({ kind }) => kind === 'end');
  return { at_ms: Math.max(...newest.map(({ wallMs }) => wallMs)), reason: isDrained ? 'drained' : 'unknown' };
}
