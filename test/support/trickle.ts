/** Bytes that arrive one at a time. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** Resolves when each byte has been handed to the kernel, in a write and a turn of its own. */
export async function trickle(socket: Socket, bytes: Uint8Array | string): Promise<void> {
  socket.setNoDelay(true);
  for (const byte of Buffer.from(bytes)) {
    await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
