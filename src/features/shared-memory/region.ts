/**
 * One registered region: a part of a file in memory, kept open from its registration until nobody uses it any more.
 *
 *   registered ─▶ borrowed by requests ─┬─▶ given back ─▶ …
 *                                       └─▶ unregistered: the file is closed when the last request gives it back
 *
 * The file belongs to a client, which may change it at any time: it is read and written by pread and pwrite, whose
 * failures are errors, and never mapped, where a file that has shrunk would end the process. A client may remove the
 * file's name: the region stays until it is unregistered, as with any use of POSIX shared memory.
 *
 * A read or write of a MiB takes less than 0.1 ms: a copy in memory. More is done in slices.
 */
import { fstatSync, readSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import type { Steps } from '../../core/in-slices.ts';
import { quoteName } from '../../core/list-names.ts';

/** A region as its client describes it. */
export interface RegionDescription {
  readonly name: string;
  /** The name of the file as it was sent, with or without a slash in front. */
  readonly key: string;
  /** Bytes of the file before the region. */
  readonly offset: number;
  readonly byteSize: number;
}

/** Bytes that one step reads or writes. */
const STEP_BYTES = 2 ** 20;

export class Region implements RegionDescription {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byteSize: number;
  readonly #file: FileHandle;
  /** The registration's own, and those of requests. */
  #uses = 1;

  /** The region takes the file over. */
  constructor({ name, key, offset, byteSize }: RegionDescription, file: FileHandle) {
    this.name = name;
    this.key = key;
    this.offset = offset;
    this.byteSize = byteSize;
    this.#file = file;
  }

  /** It can be read and written until `release`, whatever becomes of its registration. */
  borrow(): this {
    this.#uses += 1;
    return this;
  }

  /** Call it once for each `borrow`, and once when it is unregistered. The last call closes the file. */
  release(): void {
    this.#uses -= 1;
    // Closing a file of memory cannot lose anything.
    if (this.#uses === 0) this.#file.close().catch(() => undefined);
  }

  /** Fills `bytes` with those from `at` on, all within the region. Throws `invalid_request`. */
  *read(bytes: Uint8Array, at: number): Steps<void> {
    const { length } = bytes;
    const { fd } = this.#file;
    const start = this.offset + at;
    let stepEnd = STEP_BYTES;
    for (let done = 0; done < length; ) {
      const count = readSync(fd, bytes, done, Math.min(length, stepEnd) - done, start + done);
      if (count === 0) throw this.#shrunk(start + done);
      done += count;
      if (done < stepEnd || done === length) continue;
      stepEnd += STEP_BYTES;
      yield;
    }
  }

  /**
   * Writes `bytes` at `at`, within the region, at once: about a MiB at most. The file does not grow by it, unless its
   * owner cuts it off in the same moment: then up to its size when it was registered, which was the owner's own choice.
   * Throws `invalid_request`.
   */
  write(bytes: Uint8Array, at: number): void {
    const { fd } = this.#file;
    const start = this.offset + at;
    const { size } = fstatSync(fd);
    if (size < start + bytes.length) throw this.#shrunk(size);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(fd, bytes, done, bytes.length - done, start + done);
      }
    } catch (error) {
      throw this.#full(error as NodeJS.ErrnoException);
    }
  }

  #shrunk(size: number): ServingError {
    return invalidRequest(
      `shared memory region ${quoteName(this.name)} ends at byte ${this.offset + this.byteSize} of its file, which has ` +
        `${size} bytes now; give the file its size back, or register the region anew`,
    );
  }

  #full({ code = 'an error' }: NodeJS.ErrnoException): ServingError {
    return invalidRequest(
      `shared memory region ${quoteName(this.name)} cannot be written (${code}); its file has no memory there yet: ` +
        'write all of it once after making it, or give its file system more room',
    );
  }
}

/** Writes `bytes` in slices, as `Region.write`. */
export function* writeSlices(region: Region, bytes: Uint8Array, at: number): Steps<void> {
  for (let from = 0; from < bytes.length; from += STEP_BYTES) {
    region.write(bytes.subarray(from, from + STEP_BYTES), at + from);
    yield;
  }
}
