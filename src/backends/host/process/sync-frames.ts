/**
 * The child's side of the socket pair for a session that computes on the calling thread: it blocks in read(2) and
 * writev(2), outside the event loop. The server created the child's end as a blocking socket.
 *
 * Frames share one buffer; a frame over MAX_SCRATCH_BYTES gets its own.
 */
import { Buffer } from 'node:buffer';
import { readSync, writevSync } from 'node:fs';
import { type Frame, type FrameSizes, frameOf, HEAD_BYTES, readHead } from './frame.ts';

const FIRST_BYTES = 2 ** 16;
const MAX_SCRATCH_BYTES = 2 ** 24;
/** IOV_MAX: most buffers in one writev(2). */
const MAX_PIECES = 1024;

export class SyncFrames {
  readonly #fd: number;
  #scratch: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(FIRST_BYTES);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The next frame, valid until the next read; undefined: the other side is gone. Throws if the bytes are no frame. */
  read(): Frame | undefined {
    // No frame follows before this one is answered, so this never reads a part of the next.
    let filled = this.#readInto(this.#scratch, 0, HEAD_BYTES);
    if (filled === undefined) return undefined;
    const sizes = readHead(this.#scratch);
    const frame = this.#ensureCapacity(sizes, filled);
    const wanted = HEAD_BYTES + sizes.restBytes;
    if (filled < wanted) filled = this.#readInto(frame, filled, wanted);
    return filled === undefined ? undefined : frameOf(sizes, frame.subarray(HEAD_BYTES, wanted));
  }

  /** Blocks until everything is written. Throws when the other side is gone. */
  write(pieces: readonly Uint8Array[]): void {
    let rest = pieces;
    while (rest.length > 0) {
      const written = writevSync(this.#fd, rest.slice(0, MAX_PIECES));
      rest = without(rest, written);
    }
  }

  /** Reads until at least `wanted` bytes are filled and returns how many are; undefined: end of file. */
  #readInto(buffer: Buffer, from: number, wanted: number): number | undefined {
    let filled = from;
    while (filled < wanted) {
      const count = readSync(this.#fd, buffer, filled, buffer.byteLength - filled, null);
      if (count === 0) return undefined;
      filled += count;
    }
    return filled;
  }

  /** A buffer that holds the bytes read so far and is large enough for the rest. */
  #ensureCapacity({ restBytes }: FrameSizes, filled: number): Buffer<ArrayBuffer> {
    const needed = HEAD_BYTES + restBytes;
    if (needed <= this.#scratch.byteLength) return this.#scratch;
    const larger = Buffer.allocUnsafeSlow(needed <= MAX_SCRATCH_BYTES ? 2 ** Math.ceil(Math.log2(needed)) : needed);
    larger.set(this.#scratch.subarray(0, filled));
    if (larger.byteLength <= MAX_SCRATCH_BYTES) this.#scratch = larger;
    return larger;
  }
}

/** The pieces after the first `written` bytes. */
function without(pieces: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let left = written;
  let index = 0;
  while (index < pieces.length && left >= pieces[index]!.byteLength) left -= pieces[index++]!.byteLength;
  if (index === pieces.length) return [];
  return left === 0 ? pieces.slice(index) : [pieces[index]!.subarray(left), ...pieces.slice(index + 1)];
}
