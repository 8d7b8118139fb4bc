/**
 * TFRecords written to a row of files, off the event loop, whatever the disk does.
 *
 *   append ─▶ queue (bounded) ─▶ one write at a time ─▶ x.tfrecord.partial ──full, or old, or closed──▶ x.tfrecord
 *
 * - A file has its real name only when it is whole and on the disk. Only whole records are left in one.
 * - Nothing waits for the disk. What does not fit the queue is not taken (`admits` says so before it is encoded).
 * - After an error nothing is tried for RETRY_MS, and what comes meanwhile counts as failed too.
 */
import { Buffer } from 'node:buffer';
import { access, type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { type FileOwner, PARTIAL, recordFileName } from './record-file-name.ts';

export interface RotatingFileOptions {
  readonly clock: Clock;
  /** Path and start of the names. Its directory is made if it is missing. */
  readonly prefix: string;
  readonly owner: FileOwner;
  /** A file that has reached so many bytes is finished. */
  readonly maxFileBytes: number;
  /** A file is finished so long after it was begun. */
  readonly maxFileMs: number;
  /** Of records that wait. One that finds nothing waiting is taken, however large. */
  readonly maxQueuedBytes: number;
  /** No file is begun before. Never rejects. */
  readonly isReady?: Promise<void>;
  /** How a file is begun; node:fs by default. Rejects with EEXIST if there is one. */
  readonly openNew?: OpenNew;
  onWritten(records: number): void;
  /** They are lost. `error` is undefined while an earlier one is being waited out. */
  onFailed(records: number, error: unknown): void;
  /** A file could not be finished: it stays as it is, with PARTIAL at the end of its name. */
  onLeft(path: string, error: unknown): void;
}

/** After an error, before the disk is asked again. */
export const RETRY_MS = 5000;
/** Records in one write. */
const MAX_WRITE = 256;
/** Its records are requests: for the owner and its group. */
const FILE_MODE = 0o640;

interface OpenFile {
  readonly handle: RecordHandle;
  readonly wholePath: string;
  readonly timer: TimerHandle;
  /** Of whole records. */
  bytes: number;
}

/** What is needed of a FileHandle. */
export type RecordHandle = Pick<FileHandle, 'writev' | 'write' | 'truncate' | 'datasync' | 'close'>;
export type OpenNew = (path: string) => Promise<RecordHandle>;

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

  /** Takes the buffer. Ask `admission` first: what is appended is queued in any case. */
  append(record: Buffer): void {
    this.#queue.push(record);
    this.#queuedBytes += record.byteLength;
    this.#pump();
  }

  /** Writes what waits and finishes the file. Never rejects. Twice is once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pump();
    while (this.#pumping !== undefined) await this.#pumping;
  }

  #pump(): void {
    this.#pumping ??= this.#run().finally(() => {
      this.#pumping = undefined;
      // What came while the last file was being finished.
      if (this.#queue.length > 0 || this.#isDue) this.#pump();
    });
  }

  /** Is there a file that should not be open any more? */
  get #isDue(): boolean {
    return this.#file !== undefined && (this.#isOld || this.#isClosed);
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const records = this.#queue.splice(0, MAX_WRITE);
      await this.#write(records);
      for (const { byteLength } of records) this.#queuedBytes -= byteLength;
      if (this.#file !== undefined && this.#file.bytes >= this.#options.maxFileBytes) await this.#finish();
    }
    if (this.#isDue) await this.#finish();
  }

  async #write(records: readonly Buffer[]): Promise<void> {
    const { clock, onWritten, onFailed } = this.#options;
    if (clock.nowMs() < this.#failedUntil) {
      onFailed(records.length, undefined);
      return;
    }
    try {
      this.#file ??= await this.#open();
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
    const { clock, prefix, owner, maxFileMs, openNew = openWithFs } = this.#options;
    await this.#options.isReady;
    await mkdir(dirname(prefix), { recursive: true });
    for (;;) {
      const wholePath = recordFileName(prefix, clock.wallMs(), owner, this.#number++);
      // A process before us may have had our number in the same second: its files are not written over.
      if (await exists(wholePath)) continue;
      const handle = await ifNew(openNew(wholePath + PARTIAL));
      if (handle === undefined) continue;
      this.#isOld = false;
      const timer = clock.setTimer(clock.nowMs() + maxFileMs, () => {
        this.#isOld = true;
        this.#pump();
      });
      return { handle, wholePath, timer, bytes: 0 };
    }
  }

  /** Gives the file its real name; takes it away if it holds no record. */
  async #finish(): Promise<void> {
    const file = this.#file;
    this.#isOld = false;
    if (file === undefined) return;
    const { handle, wholePath, bytes, timer } = file;
    timer.cancel();
    try {
      // A write that failed may have left half a record.
      await handle.truncate(bytes);
      await handle.datasync();
      await handle.close();
      await (bytes === 0 ? unlink(wholePath + PARTIAL) : rename(wholePath + PARTIAL, wholePath));
    } catch (error) {
      this.#options.onLeft(wholePath + PARTIAL, error);
      await handle.close().catch(() => undefined);
    }
    this.#file = undefined;
  }
}

function openWithFs(path: string): Promise<RecordHandle> {
  return open(path, 'wx', FILE_MODE);
}

/** Undefined: there is such a file. */
async function ifNew(opening: Promise<RecordHandle>): Promise<RecordHandle | undefined> {
  try {
    return await opening;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A disk that fills up takes a part first, and says so at the next write. */
async function writeAll(handle: RecordHandle, records: readonly Buffer[], position: number): Promise<void> {
  let { bytesWritten } = await handle.writev(records, position);
  const whole = records.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytesWritten === whole) return;
  const bytes = Buffer.concat(records);
  while (bytesWritten < whole) {
    bytesWritten += (await handle.write(bytes, bytesWritten, whole - bytesWritten, position + bytesWritten))
      .bytesWritten;
  }
}
