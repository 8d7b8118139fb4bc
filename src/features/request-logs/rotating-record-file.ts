/**
 * Writes TFRecords to a series of files, off the event loop.
 *
 *   append ─▶ queue (bounded) ─▶ one write at a time ─▶ x.tfrecord.partial ──full, or old, or closed──▶ x.tfrecord
 *
 * - A file gets its final name when it is complete and on the disk. It holds only whole records, after a power cut too.
 * - Finished files have a bound: the oldest are deleted.
 * - Nobody waits for the disk. `admission` refuses a record that does not fit the queue before it is encoded.
 * - After an error nothing is written for RETRY_MS, and the records of that time count as failed.
 */
import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import type { OwnDirectory } from '../../files/own-directory.ts';
import { createFile } from '../../files/own-file.ts';
import { type FileOwner, PARTIAL, recordFileName } from './record-file-name.ts';
import { pruneFiles } from './record-retention.ts';

export interface RotatingFileOptions {
  readonly clock: Clock;
  /** Directory and start of the names. */
  readonly prefix: string;
  /** The prefix's directory; it is made if it is missing. */
  readonly directory: OwnDirectory;
  /** Permissions of the files. */
  readonly fileMode: number;
  readonly owner: FileOwner;
  /** A file is finished when it has this many bytes. */
  readonly maxFileBytes: number;
  /** A file is finished when it is this old. */
  readonly maxFileMs: number;
  /** Most bytes in finished files; Infinity = no limit. */
  readonly maxKeptBytes: number;
  /** Limit of the queue. An empty queue takes a record of any size. */
  readonly maxQueuedBytes: number;
  /** No file is opened before it resolves. Never rejects. */
  readonly isReady?: Promise<void>;
  onWritten(records: number): void;
  /** Records were lost. `error` is undefined within RETRY_MS after an earlier error. */
  onFailed(records: number, error: unknown): void;
  /** So many of the oldest finished files were deleted. */
  onDeleted(files: number): void;
  /** A file could not be finished and keeps its PARTIAL name, or files of the prefix could not be deleted. */
  onLeft(path: string, error: unknown): void;
}

/** Pause after an error. */
export const RETRY_MS = 5000;
/** Limit of records in one write. */
const MAX_WRITE = 256;
interface OpenFile {
  readonly handle: FileHandle;
  readonly wholePath: string;
  readonly timer: TimerHandle;
  /** Bytes of whole records. */
  bytes: number;
}

export type Admission = 'room' | 'full' | 'failing';

export class RotatingRecordFile {
  readonly #options: RotatingFileOptions;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #file: OpenFile | undefined;
  #number = 1;
  #isOld = false;
  #isClosed = false;
  #failedUntil: Instant = -Infinity;
  #pumping: Promise<void> | undefined;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  admission(bytes: number): Admission {
    if (this.#isClosed || (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.#options.maxQueuedBytes)) {
      return 'full';
    }
    return this.#options.clock.nowMs() < this.#failedUntil ? 'failing' : 'room';
  }

  /** Takes over and queues the buffer, even if there is no room: ask `admission` first. */
  append(record: Buffer): void {
    this.#queue.push(record);
    this.#queuedBytes += record.byteLength;
    this.#pump();
  }

  /** Writes what is queued and finishes the file. Never rejects. A second call has no effect. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pump();
    while (this.#pumping !== undefined) await this.#pumping;
  }

  #pump(): void {
    this.#pumping ??= this.#run().finally(() => {
      this.#pumping = undefined;
      // Records that came while the last file was being finished.
      if (this.#queue.length > 0 || this.#isDue) this.#pump();
    });
  }

  /** Must the open file be finished? */
  get #isDue(): boolean {
    return this.#file !== undefined && (this.#isOld || this.#isClosed);
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const records = this.#queue.splice(0, this.#nextWrite());
      await this.#write(records);
      for (const { byteLength } of records) this.#queuedBytes -= byteLength;
      if (this.#file !== undefined && this.#file.bytes >= this.#options.maxFileBytes) await this.#finish();
    }
    if (this.#isDue) await this.#finish();
  }

  /** How many records go to the open file together: no more than finish it. */
  #nextWrite(): number {
    const { maxFileBytes } = this.#options;
    const most = Math.min(MAX_WRITE, this.#queue.length);
    let bytes = this.#file?.bytes ?? 0;
    let count = 0;
    while (count < most && bytes < maxFileBytes) bytes += this.#queue[count++]!.byteLength;
    return count;
  }

  async #write(records: readonly Buffer[]): Promise<void> {
    const { clock, onWritten, onFailed } = this.#options;
    if (clock.nowMs() < this.#failedUntil) {
      onFailed(records.length, undefined);
      return;
    }
    try {
      this.#file ??= await this.#open();
      await this.#options.directory.requireRoom();
      await writeAll(this.#file.handle, records, this.#file.bytes);
      for (const { byteLength } of records) this.#file.bytes += byteLength;
      onWritten(records.length);
    } catch (error) {
      this.#failedUntil = clock.nowMs() + RETRY_MS;
      onFailed(records.length, error);
      await this.#finish();
    }
  }

  async #open(): Promise<OpenFile> {
    const { clock, prefix, directory, fileMode, owner, maxFileMs } = this.#options;
    await this.#options.isReady;
    const start = join(await directory.make(), basename(prefix));
    for (;;) {
      const wholePath = recordFileName(start, clock.wallMs(), owner, this.#number++);
      // An earlier process may have had our pid in the same second: its files are not overwritten.
      if (await exists(directory, wholePath)) continue;
      const handle = await ifNew(createFile(directory.disk, wholePath + PARTIAL, fileMode));
      if (handle === undefined) continue;
      this.#isOld = false;
      const timer = clock.setTimer(clock.nowMs() + maxFileMs, () => {
        this.#isOld = true;
        this.#pump();
      });
      return { handle, wholePath, timer, bytes: 0 };
    }
  }

  /** Gives the file its final name, or removes it if it holds no record. */
  async #finish(): Promise<void> {
    const file = this.#file;
    this.#isOld = false;
    if (file === undefined) return;
    const { handle, wholePath, bytes, timer } = file;
    const { directory } = this.#options;
    const { disk } = directory;
    timer.cancel();
    try {
      // A failed write may have left a part of a record.
      await handle.truncate(bytes);
      await handle.datasync();
      await handle.close();
      await (bytes === 0 ? disk.unlink(wholePath + PARTIAL) : disk.rename(wholePath + PARTIAL, wholePath));
      await directory.sync();
    } catch (error) {
      this.#options.onLeft(wholePath + PARTIAL, error);
      await handle.close().catch(() => undefined);
    }
    await this.#prune();
    this.#file = undefined;
  }

  async #prune(): Promise<void> {
    const { directory, prefix, maxKeptBytes, onDeleted, onLeft } = this.#options;
    try {
      const files = await pruneFiles(directory, prefix, maxKeptBytes);
      if (files > 0) onDeleted(files);
    } catch (error) {
      onLeft(prefix, error);
    }
  }
}

/** Undefined if the file exists. */
async function ifNew(opening: Promise<FileHandle>): Promise<FileHandle | undefined> {
  try {
    return await opening;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}

function exists({ disk }: OwnDirectory, path: string): Promise<boolean> {
  return disk.lstat(path).then(
    () => true,
    () => false,
  );
}

/** A full disk first takes a part of a write, and fails the next one. */
async function writeAll(handle: FileHandle, records: readonly Buffer[], position: number): Promise<void> {
  let { bytesWritten } = await handle.writev(records, position);
  const whole = records.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytesWritten === whole) return;
  const bytes = Buffer.concat(records);
  while (bytesWritten < whole) {
    bytesWritten += (await handle.write(bytes, bytesWritten, whole - bytesWritten, position + bytesWritten))
      .bytesWritten;
  }
}
