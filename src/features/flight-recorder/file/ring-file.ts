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
  type RingHead,
  type RingName,
  type RingRecord,
} from './ring-format.ts';
import { lock } from './ring-lock.ts';
import { type Part, readNewestFirst } from './ring-reader.ts';
import { type RingTail, tailOf } from './ring-tail.ts';

/** A file that has been opened. */
interface OpenRing {
  readonly file: FileHandle;
  readonly path: string;
  readonly head: RingHead;
  readonly tails: Record<RingName, RingTail>;
  readonly unlock: () => void;
}

export type NewRecord = Omit<RingRecord, 'sequence'>;

export class RingFile {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #head: RingHead;
  readonly #tails: Readonly<Record<RingName, RingTail>>;
  readonly #unlock: () => void;
  /** The last sign of the run that wrote it before; undefined = the file is new. */
  readonly before: WrittenStart['before'];

  private constructor({ file, path, head, tails, unlock }: OpenRing) {
    this.#file = file;
    this.#path = path;
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
      return new RingFile({ file, path, head, tails, unlock });
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

  read(ring: RingName, notAfterMs?: number): AsyncGenerator<Part> {
    return readNewestFirst(this.#file, this.#head[ring], { tail: this.#tails[ring].at, notAfterMs });
  }

  /**
   * Writes records; one that is too long is left out. Call it again when it has settled. Rejects with the disk's error, or
   * one that says that the file was removed: what is written then is gone with the process.
   */
  async append(ring: RingName, records: readonly NewRecord[]): Promise<void> {
    if ((await this.#file.stat()).nlink === 0) {
      throw fileError(this.#path, `${this.#path} was removed; restart the server, which makes it anew`);
    }
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

function beforeOf({ traffic, requests }: Record<RingName, RingTail>): WrittenStart['before'] {
  const newest = [traffic.newest, requests.newest].filter((record) => record !== undefined);
  if (newest.length === 0) return undefined;
  const isDrained = newest.some(({ kind }) => kind === 'end');
  return { at_ms: Math.max(...newest.map(({ wallMs }) => wallMs)), reason: isDrained ? 'drained' : 'unknown' };
}
