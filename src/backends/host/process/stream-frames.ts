/**
 * Frames over a socket in the event loop: the server's side, and the child's side when its session needs the event
 * loop. Writing never blocks: the stream keeps what the socket does not take, one frame at most.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { type Frame, type FrameSizes, frameOf, HEAD_BYTES, readHead } from './frame.ts';

export interface StreamFramesEvents {
  onFrame(frame: Frame): void;
  /** The bytes are not a frame, or `onFrame` threw. Nothing more is read. */
  onBroken(error: Error): void;
}

export class StreamFrames {
  readonly #socket: Socket;

  constructor(socket: Socket, { onFrame, onBroken }: StreamFramesEvents) {
    this.#socket = socket;
    const reader = new FrameReader(onFrame);
    const onData = (chunk: Buffer<ArrayBuffer>): void => {
      try {
        reader.push(chunk);
      } catch (error) {
        socket.off('data', onData);
        socket.resume();
        onBroken(error as Error);
      }
    };
    socket.on('data', onData);
    // A side that dies resets the socket pair; its exit tells why.
    socket.on('error', () => undefined);
  }

  /** The socket owns the pieces until the other side answers or is gone. */
  write(pieces: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (pieces.length === 1) {
      socket.write(pieces[0]!);
      return;
    }
    socket.cork();
    for (let i = 0; i < pieces.length; i++) socket.write(pieces[i]!);
    socket.uncork();
  }
}

/**
 * Reads frames from a stream's chunks. A frame within one chunk is a view of it (each chunk of a socket has memory of
 * its own). A larger frame gets memory of its size when its head is known, and each chunk is copied there. Either way
 * the receiver may keep the frame's bytes.
 */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** The beginning of an incomplete head. */
  #head: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #sizes: FrameSizes | undefined;
  #rest: Buffer<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes. Throws a plain Error when they are not a frame; do not call it again then. */
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
    // A body must begin at a multiple of 8, for the lengths of strings and for typed arrays over it.
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
