/**
 * Frames over a socket in the event loop: the server's side of a child, and the child's where its session needs the loop.
 * Writing never blocks: what the socket does not take waits in the stream, and is one frame at most.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Frame } from './frame.ts';
import { FrameReader } from './frame-reader.ts';

export interface StreamFramesEvents {
  onFrame(frame: Frame): void;
  /** The bytes are no frame, or `onFrame` threw. Nothing more is read. */
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
    // A side that dies resets the pair; its exit says what there is to say.
    socket.on('error', () => undefined);
  }

  /** The pieces belong to the socket until the other side answers, or is gone. */
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
