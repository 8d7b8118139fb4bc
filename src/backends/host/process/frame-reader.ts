/**
 * Frames out of a stream's chunks. A frame that lies within one chunk is a view of it (a socket's chunks are memory of
 * their own); a larger one gets memory of its size once its head is known, and every chunk is copied there as it comes.
 * Either way the frame's bytes are the receiver's to keep.
 */
import { Buffer } from 'node:buffer';
import { type Frame, type FrameSizes, frameOf, HEAD_BYTES, readHead } from './frame.ts';

export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** The beginning of a head. */
  #head: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #sizes: FrameSizes | undefined;
  #rest: Buffer<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes. Throws a plain Error where they are no frame, and then takes no more. */
  push(chunk: Buffer<ArrayBuffer>): void {
    let at = 0;
    while (at < chunk.byteLength)
      at = this.#sizes === undefined ? this.#takeHead(chunk, at) : this.#takeRest(chunk, at);
  }

  #takeHead(chunk: Buffer<ArrayBuffer>, at: number): number {
    const end = Math.min(chunk.byteLength, at + HEAD_BYTES - this.#head.byteLength);
    const head =
      this.#head.byteLength === 0 ? chunk.subarray(at, end) : Buffer.concat([this.#head, chunk.subarray(at, end)]);
    if (head.byteLength < HEAD_BYTES) {
      this.#head = Buffer.from(head);
      return end;
    }
    this.#head = Buffer.alloc(0);
    const sizes = readHead(head);
    const restEnd = end + sizes.restBytes;
    // A body must begin at a multiple of 8, for the lengths of strings and so that typed arrays may be laid over it.
    if (restEnd <= chunk.byteLength && (chunk.byteOffset + end) % 8 === 0) {
      this.#onFrame(frameOf(sizes, chunk.subarray(end, restEnd)));
      return restEnd;
    }
    this.#rest = Buffer.allocUnsafeSlow(sizes.restBytes);
    this.#filled = 0;
    this.#sizes = sizes;
    return end;
  }

  #takeRest(chunk: Buffer<ArrayBuffer>, at: number): number {
    const rest = this.#rest!;
    const end = Math.min(chunk.byteLength, at + rest.byteLength - this.#filled);
    rest.set(chunk.subarray(at, end), this.#filled);
    this.#filled += end - at;
    if (this.#filled === rest.byteLength) {
      const sizes = this.#sizes!;
      this.#sizes = undefined;
      this.#rest = undefined;
      this.#onFrame(frameOf(sizes, rest));
    }
    return end;
  }
}
