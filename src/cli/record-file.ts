/**
 * The file that `pillion record` writes. It has a temporary name until it is complete; then it gets the name of --out.
 * Every record's checksums are verified, and an incomplete record at the end is cut off.
 */
import { access, type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { TfRecordReader } from '../codec/tfrecord/tf-record-reader.ts';

/** For the owner alone: requests are people's data. */
const FILE_MODE = 0o600;
/** Larger than any that a sidecar sends: a message has at most 2 GiB. */
const MAX_RECORD_BYTES = 2 ** 32;

export class RecordFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #reader = new TfRecordReader({ maxRecordBytes: MAX_RECORD_BYTES });
  #bytes = 0;
  #records = 0;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** Rejects with the system's error, or with EEXIST if `path` exists and may not be overwritten. */
  static async create(path: string, mayReplace: boolean): Promise<RecordFile> {
    if (!mayReplace && (await exists(path))) {
      throw Object.assign(new Error(`${path} exists already`), { code: 'EEXIST' });
    }
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
    return new RecordFile(path, temporary, await open(temporary, 'w', FILE_MODE));
  }

  /** Complete records so far. */
  get records(): number {
    return this.#records;
  }

  /** Size of the complete records. */
  get bytes(): number {
    return this.#reader.wholeBytes;
  }

  /** Rejects with ServingError if the bytes are not TFRecords, or with the system's error. */
  async append(chunk: Uint8Array): Promise<void> {
    this.#reader.push(chunk);
    while (this.#reader.next() !== undefined) this.#records += 1;
    let written = 0;
    while (written < chunk.byteLength) {
      const left = chunk.byteLength - written;
      const { bytesWritten } = await this.#handle.write(chunk, written, left, this.#bytes);
      written += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }

  /** Renames the file; removes it if it holds no record. If the renaming fails, the error names the temporary file. */
  async finish(): Promise<void> {
    if (this.#records === 0) return this.abandon();
    await this.#handle.truncate(this.bytes);
    await this.#handle.datasync();
    await this.#handle.close();
    try {
      await rename(this.#temporary, this.path);
    } catch (error) {
      throw new Error(`${(error as Error).message}; the records are complete, in ${this.#temporary}`, { cause: error });
    }
  }

  async abandon(): Promise<void> {
    await this.#handle.close();
    await unlink(this.#temporary);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
