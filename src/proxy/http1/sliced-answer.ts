/** Writes a body slice by slice, each when the client has taken the one before. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { freeBytes } from '../growing-bytes.ts';
import type { SlicedBody } from '../sliced-body.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export const LAST_CHUNK = Buffer.from('0\r\n\r\n');

interface SlicedWriting {
  /** The connection to which held bytes are charged. */
  readonly socket: Socket;
  readonly unsent: UnsentAnswers;
  readonly to: Writable;
  /** Returns whether `to` takes more now. */
  readonly write: (slice: Buffer) => boolean;
}

/**
 * Resolves with whether all of it was written. If not, the client has left, holds too much, or a slice could not be made:
 * the connection is closed then, so that the answer never looks whole.
 */
export async function writeSlices(body: SlicedBody, { socket, unsent, to, write }: SlicedWriting): Promise<boolean> {
  if (!unsent.add(socket, body.heldBytes)) return false;
  try {
    for await (const slice of body) {
      if (to.destroyed) break;
      if (write(slice)) continue;
      await room(to);
      // All of it has left: many slices would wait for the garbage collector.
      if (!to.destroyed) freeBytes(slice);
    }
  } catch {
    socket.destroy();
  }
  if (!socket.destroyed) unsent.take(socket, body.heldBytes);
  return !to.destroyed && !socket.destroyed;
}

/** A slice as a chunk of HTTP/1.1. */
export function writeChunk(socket: Socket, slice: Buffer): boolean {
  if (slice.length === 0) return true;
  socket.cork();
  socket.write(`${slice.length.toString(16)}\r\n`, 'latin1');
  socket.write(slice);
  const takesMore = socket.write('\r\n', 'latin1');
  socket.uncork();
  return takesMore;
}

/** Resolves when it takes more, or nothing ever again. */
function room(to: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      to.off('drain', done);
      to.off('close', done);
      resolve();
    };
    to.once('drain', done);
    to.once('close', done);
  });
}
