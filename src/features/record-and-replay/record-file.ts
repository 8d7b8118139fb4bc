/**
 * The file that `pillion record` writes. It has a temporary name until it is complete and on the disk; then it gets the
 * name of --out.
 * Every record's checksums are verified, and an incomplete record at the end is cut off.
 */
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TfRecordReader } from '../../codec/tfrecord/tf-record-reader.ts';
import { type Disk, systemDisk } from '../../files/disk.ts';
import { OwnDirectory } from '../../files/own-directory.ts';
import { createFile, requireReplaceable } from '../../files/own-file.ts';
import { draftOf } from '../../files/replace-file.ts';

/** Larger than any that a sidecar sends: a message has at most 2 GiB. */
const MAX_RECORD_BYTES = 2 ** 32;

export class RecordFile {
  readonly path: string;
  readonly #directory: OwnDirectory;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #reader = new TfRecordReader({ maxRecordBytes: MAX_RECORD_BYTES });
  #bytes = 0;
  #records = 0;

  private constructor(path: string, directory: OwnDirectory, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#directory = directory;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /**
   * Rejects with the system's error, with EEXIST if `path` exists and may not be overwritten, or if it is no plain file.
   */
  static async create(path: string, mayReplace: boolean, disk: Disk = systemDisk): Promise<RecordFile> {
    const directory = new OwnDirectory(dirname(path), { disk });
    const target = join(await directory.find(), basename(path));
    if (!mayReplace && (await exists(disk, target))) {
      throw Object.assign(new Error(`${path} exists already`), { code: 'EEXIST' });
    }
    await requireReplaceable(disk, target);
    const temporary = draftOf(target);
    return new RecordFile(path, directory, temporary, await createFile(disk, temporary));
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
      await this.#directory.disk.rename(this.#temporary, join(await this.#directory.find(), basename(this.path)));
      await this.#directory.sync();
    } catch (error) {
      throw new Error(`${(error as Error).message}; the records are complete, in ${this.#temporary}`, { cause: error });
    }
  }

  async abandon(): Promise<void> {
    await this.#handle.close();
    await this.#directory.disk.unlink(this.#temporary);
  }
}

function exists(disk: Disk, path: string): Promise<boolean> {
  return disk.lstat(path).then(
    () => true,
    () => false,
  );
}
