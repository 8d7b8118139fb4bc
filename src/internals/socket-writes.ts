/**
 * Writes a connection's bytes to the kernel without the bookkeeping of Node's streams, while nothing waits.
 *
 *   nothing waits ── bytes ──▶ the socket's own _write ──┬── the kernel took all: done when it returns
 *                                                        └── it did not: Node keeps the rest, then onDrained ──┐
 *   something waits ── bytes ──▶ stream ── behind it, in Node's queue, as always ── 'drain' ───────────────────┴▶ on
 *
 * A stream's write() queues, counts and defers a callback, only to give one buffer to _write() in the end. A gathered
 * answer needs none of that, because the kernel nearly always takes it at once. The order holds: bytes that Node could
 * not write stand in the socket's own queue, before whatever the stream gives it later, and before its end. Only plain
 * TCP and Unix sockets are written this way; TLS and any other Duplex are written as streams. Measurements:
 * docs/adr/0020.
 */
import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export class SocketWrites {
  readonly #duplex: Duplex;
  readonly #onDrained: () => void;
  readonly #isPlain: boolean;
  /** Bytes of the write past the stream that the kernel has not taken whole. */
  #pendingBytes = 0;
  #isInWrite = false;
  #isStopped = false;
  readonly #onWritten = (error?: Error | null): void => {
    this.#pendingBytes = 0;
    if (error !== undefined && error !== null) this.#duplex.destroy(error);
    else if (!this.#isInWrite && !this.#isStopped && !this.#duplex.destroyed) this.#onDrained();
  };

  /** @param onDrained is called when there is room again after too much waited */
  constructor(duplex: Duplex, onDrained: () => void) {
    this.#duplex = duplex;
    this.#onDrained = onDrained;
    this.#isPlain = (duplex.constructor as unknown) === Socket;
    duplex.on('drain', onDrained);
  }

  /** Bytes that the kernel has not taken. */
  get waitingBytes(): number {
    return this.#pendingBytes + this.#duplex.writableLength;
  }

  /** So much waits that onDrained will be called. */
  get needsDrain(): boolean {
    return this.#pendingBytes > 0 || this.#duplex.writableNeedDrain;
  }

  /** The bytes belong to the socket until they are written. Not to be called after the end of the stream. */
  write(bytes: Buffer): void {
    const duplex = this.#duplex;
    if (!this.#isPlain || this.waitingBytes > 0 || duplex.destroyed) {
      duplex.write(bytes);
      return;
    }
    this.#pendingBytes = bytes.length;
    this.#isInWrite = true;
    duplex._write(bytes, 'buffer' as BufferEncoding, this.#onWritten);
    this.#isInWrite = false;
  }

  /** Leaves the writing to another owner: onDrained is not called any more. */
  stop(): void {
    this.#isStopped = true;
    this.#duplex.off('drain', this.#onDrained);
  }
}
