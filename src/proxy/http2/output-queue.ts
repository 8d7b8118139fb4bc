/**
 * The bytes that a connection will write next, in order: frames written into a slab, with large payloads between them
 * by reference. The slabs of all connections come from one pool.
 *
 *   #parts   [ slab piece ][ payload ][ slab piece ][ payload ]     slab ░░░░░▒▒▒▒▒▒▒▒▒▒──────────
 *            ├──────── complete, waits for flush() ───────────┤           │    │         │ free
 *                                                                    sent ┘    └ #start  └ #end: the open piece
 *
 * flush() writes all of it in one system call. If the kernel took everything the slab goes back to the pool; else its
 * used part belongs to the duplex, and writing continues behind it.
 *
 * The queue is congested while more bytes than the high-water mark wait here and in the socket. Then no answer bytes
 * may be added and the connection stops reading, so that only the control frames of one read can still add answers.
 */
import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SocketWrites } from '../../internals/socket-writes.ts';
import type { Flushable, FlushTurn } from './flush-turn.ts';

/** Holds the largest answer that is written in one piece. */
export const SLAB_BYTES = 32_768;
/** 4 MB are kept at most. Each connection answered in a turn needs a slab; new ones each turn cost full collections. */
const MAX_SPARE = 128;

/**
 * Buffers into which small frames are written and split frames are assembled. A connection holds one from its first
 * write of a turn until the kernel has taken the bytes, which is nearly always at once, and one while it receives a
 * split frame: a few serve all connections.
 */
export class SlabPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
  }

  /** Takes back memory that nothing refers to any more; memory of another size is left to the garbage collector. */
  give(memory: Buffer): void {
    if (memory.length === SLAB_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(memory);
  }
}

const NO_SLAB = Buffer.alloc(0);
/** The free rest of a slab that the socket still refers to is used if it is at least this long. */
const MIN_REST_BYTES = 4096;

export interface OutputOwner extends Flushable {
  /** The socket has room again. */
  onDrained(): void;
}

export class OutputQueue {
  readonly #duplex: Duplex;
  readonly #writes: SocketWrites;
  readonly #turn: FlushTurn;
  readonly #slabs: SlabPool;
  readonly #owner: OutputOwner;
  readonly #highWaterBytes: number;
  /** Once a socket has taken bytes the kernel has a copy; another Duplex may still refer to ours. */
  readonly #isSocket: boolean;
  readonly #parts: Uint8Array[] = [];
  #partBytes = 0;
  #start = 0;
  #end = 0;
  #isDirty = false;
  #isHeld = false;
  /** Bytes in the socket after the last flush. */
  #backlog = 0;
  /** Bytes ever given to the socket. */
  #flushedBytes = 0;
  /** Reserved bytes are written into it. Changes with every reserve(). */
  slab: Buffer = NO_SLAB;

  /** @param owner flush() is called at the end of a turn in which bytes were added, onDrained() when there is room */
  constructor(duplex: Duplex, turn: FlushTurn, slabs: SlabPool, owner: OutputOwner, highWaterBytes: number) {
    this.#duplex = duplex;
    this.#writes = new SocketWrites(duplex, () => owner.onDrained());
    this.#turn = turn;
    this.#slabs = slabs;
    this.#owner = owner;
    this.#highWaterBytes = highWaterBytes;
    this.#isSocket = duplex instanceof Socket;
  }

  get isCongested(): boolean {
    return this.#backlog + this.#partBytes + this.#end - this.#start > this.#highWaterBytes;
  }

  /** Bytes that the socket has not sent. */
  get backlogBytes(): number {
    return this.#writes.waitingBytes;
  }

  /** Bytes that the socket has ever sent. */
  get takenBytes(): number {
    return this.#flushedBytes - this.#writes.waitingBytes;
  }

  /** Reserves `count` bytes, at most SLAB_BYTES. The caller writes them at once, from slab[result] on. */
  reserve(count: number): number {
    if (this.slab.length - this.#end < count) {
      // The old slab stays with the parts that refer to it.
      this.#closePart();
      this.#useSlab(this.#slabs.take());
    }
    const at = this.#end;
    this.#end += count;
    this.#touch();
    return at;
  }

  /** Adds bytes by reference: they belong to the connection from now on. */
  append(bytes: Uint8Array): void {
    this.#closePart();
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
    this.#touch();
  }

  /** Nothing is flushed between hold() and release(): the frames of one read are answered together. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Returns whether there is something to flush. */
  release(): boolean {
    this.#isHeld = false;
    return this.#isDirty;
  }

  /** Gives all bytes to the socket. */
  flush(): void {
    this.#isDirty = false;
    if (this.#duplex.destroyed || this.#duplex.writableEnded) {
      this.discard();
      return;
    }
    this.#flushedBytes += this.#partBytes + this.#end - this.#start;
    if (this.#parts.length === 0) {
      if (this.#end > this.#start) this.#writes.write(this.slab.subarray(this.#start, this.#end));
    } else {
      this.#closePart();
      this.#duplex.cork();
      for (const part of this.#parts) this.#duplex.write(part);
      this.#duplex.uncork();
      this.#parts.length = 0;
      this.#partBytes = 0;
    }
    this.#backlog = this.#writes.waitingBytes;
    if (this.#backlog === 0 && this.#isSocket) {
      this.#slabs.give(this.slab);
      this.#useSlab(NO_SLAB);
    } else this.#keepRest();
  }

  /** The socket has room again. */
  drained(): void {
    this.#backlog = this.#writes.waitingBytes;
  }

  discard(): void {
    this.#parts.length = 0;
    this.#partBytes = 0;
    this.#useSlab(NO_SLAB);
  }

  #touch(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    if (!this.#isHeld) this.#turn.add(this.#owner);
  }

  #closePart(): void {
    if (this.#end === this.#start) return;
    this.#parts.push(this.slab.subarray(this.#start, this.#end));
    this.#partBytes += this.#end - this.#start;
    this.#start = this.#end;
  }

  #useSlab(slab: Buffer): void {
    this.slab = slab;
    this.#start = 0;
    this.#end = 0;
  }

  #keepRest(): void {
    if (this.slab.length - this.#end < MIN_REST_BYTES) this.slab = NO_SLAB;
    this.#start = this.slab === NO_SLAB ? 0 : this.#end;
    this.#end = this.#start;
  }
}
