/**
 * The child's side of the socket pair for a session that computes on the calling thread: it sleeps in read(2), outside the
 * event loop, and writes until all is written. Its end of the pair blocks, since the server made it so.
 *
 * Frames lie in one buffer that is used again; a frame over KEPT_BYTES gets memory of its own.
 */
import { Buffer } from 'node:buffer';
import { readSync, writevSync } from 'node:fs';
import { type Frame, type FrameSizes, frameOf, HEAD_BYTES, readHead } from './frame.ts';

const FIRST_BYTES = 2 ** 16;
const KEPT_BYTES = 2 ** 24;
/** What one call may gather: IOV_MAX. */
const MOST_PIECES = 1024;

export class SyncFrames {
  readonly #fd: number;
  #scratch: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(FIRST_BYTES);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The next frame, lent until the next read. Undefined: the other side is gone. Throws where the bytes are no frame. */
  read(): Frame | undefined {
    // Nothing follows a frame before it is answered, so this never takes a part of the next.
    let filled = this.#readInto(this.#scratch, 0, HEAD_BYTES);
    if (filled === undefined) return undefined;
    const sizes = readHead(this.#scratch);
    const frame = this.#roomFor(sizes, filled);
    const wanted = HEAD_BYTES + sizes.restBytes;
    if (filled < wanted) filled = this.#readInto(frame, filled, wanted);
    return filled === undefined ? undefined : frameOf(sizes, frame.subarray(HEAD_BYTES, wanted));
  }

  /** Blocks until the other side has taken all. Throws where it is gone. */
  write(pieces: readonly Uint8Array[]): void {
    let rest = pieces;
    while (rest.length > 0) {
      const written = writevSync(this.#fd, rest.slice(0, MOST_PIECES));
      rest = without(rest, written);
    }
  }

  /** How many bytes are filled, at least `wanted`. Undefined: the end. */
  #readInto(buffer: Buffer, from: number, wanted: number): number | undefined {
    let filled = from;
    while (filled < wanted) {
      const count = readSync(this.#fd, buffer, filled, buffer.byteLength - filled, null);
      if (count === 0) return undefined;
      filled += count;
    }
    return filled;
  }

  /** Memory with what is there of the frame, large enough for the rest. */
  #roomFor({ restBytes }: FrameSizes, filled: number): Buffer<ArrayBuffer> {
    const needed = HEAD_BYTES + restBytes;
    if (needed <= this.#scratch.byteLength) return this.#scratch;
    const larger = Buffer.allocUnsafeSlow(needed <= KEPT_BYTES ? 2 ** Math.ceil(Math.log2(needed)) : needed);
    larger.set(this.#scratch.subarray(0, filled));
    if (larger.byteLength <= KEPT_BYTES) this.#scratch = larger;
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
