/**
 * Writes a connection's bytes to the kernel without the bookkeeping of Node's streams, while nothing waits.
 *
 *   nothing waits ── bytes ──▶ the socket's handle ──┬── the kernel took all: done when it returns
 *                                                    └── it did not: libuv keeps the rest, then onDrained ──┐
 *   something waits ── bytes ──▶ stream ── behind it, in libuv's queue, as always ── 'drain' ───────────────┴▶ on
 *
 * A stream's write() queues, counts, makes an object of Node's and defers a callback, only to give one buffer to the
 * handle. A gathered answer needs none of that, because the kernel nearly always takes it at once. The order holds: bytes
 * that wait stand in libuv's queue, before whatever the stream writes later, and before its end.
 *
 * Only plain TCP and Unix sockets are written this way; TLS and any other Duplex are written as streams, and so is
 * everything on a Node that does not show these internals.
 */
import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';

/** Node makes one for each write. One whose bytes the kernel took at once can be used again. */
interface WriteRequest {
  oncomplete?: (status: number) => void;
  buffer?: Buffer;
}

interface StreamHandle {
  /** Returns an error's number, or 0. */
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  /** Bytes that libuv keeps. */
  readonly writeQueueSize: number;
}

type WithHandle = Socket & { readonly _handle: StreamHandle | null };

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** Written by each call of a handle. */
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

/** Longer ones wait more often, and the stream sees how far they have come. */
const LONG_BYTES = 32_768;

const binding = findBinding();
let spare = binding && new binding.WriteWrap();

/** This Node has the internals; without them all is written to streams. */
export const canWritePastStreams = binding !== undefined;

export class SocketWrites {
  readonly #duplex: Duplex;
  readonly #onDrained: () => void;
  /** Undefined where everything is written to the stream. */
  readonly #socket: WithHandle | undefined;
  /** Bytes of the write past the stream that the kernel has not taken whole. */
  #pendingBytes = 0;
  #isStopped = false;

  /** @param onDrained is called when there is room again after too much waited */
  constructor(duplex: Duplex, onDrained: () => void) {
    this.#duplex = duplex;
    this.#onDrained = onDrained;
    const isPlain = canWritePastStreams && (duplex.constructor as unknown) === Socket;
    this.#socket = isPlain ? (duplex as WithHandle) : undefined;
    duplex.on('drain', onDrained);
  }

  /** Bytes that the kernel has not taken. */
  get waitingBytes(): number {
    const { writableLength } = this.#duplex;
    if (this.#pendingBytes === 0) return writableLength;
    return writableLength + Math.min(this.#pendingBytes, this.#socket!._handle?.writeQueueSize ?? 0);
  }

  /** So much waits that onDrained will be called. */
  get needsDrain(): boolean {
    return this.#pendingBytes > 0 || this.#duplex.writableNeedDrain;
  }

  /** The bytes belong to the socket until they are written. Not to be called after the end of the stream. */
  write(bytes: Buffer): void {
    const socket = this.#socket;
    const handle = socket?._handle;
    if (socket === undefined || !handle || bytes.length > LONG_BYTES || this.waitingBytes > 0) {
      this.#duplex.write(bytes);
      return;
    }
    const request = spare!;
    const failure = handle.writeBuffer(request, bytes);
    if (failure !== 0) socket.destroy();
    else if (binding!.streamBaseState[binding!.kLastWriteWasAsync] !== 0) this.#wait(socket, request, bytes);
  }

  /** Leaves the writing to another owner: onDrained is not called any more. */
  stop(): void {
    this.#isStopped = true;
    this.#duplex.off('drain', this.#onDrained);
  }

  /** The request is the kernel's until the bytes are written. */
  #wait(socket: Socket, request: WriteRequest, bytes: Buffer): void {
    spare = new binding!.WriteWrap();
    this.#pendingBytes = bytes.length;
    request.buffer = bytes;
    request.oncomplete = (status) => {
      this.#pendingBytes = 0;
      if (status < 0) socket.destroy();
      // If more was written to the stream meanwhile and waits, its 'drain' tells.
      else if (!this.#isStopped && !socket.destroyed && !this.needsDrain) this.#onDrained();
    };
  }
}

/** Undefined where Node does not have it, or keeps it to itself. */
function findBinding(): StreamBinding | undefined {
  try {
    const { binding: find } = process as unknown as { binding(name: string): Partial<StreamBinding> };
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = find('stream_wrap');
    const isKnown = WriteWrap !== undefined && streamBaseState !== undefined && kLastWriteWasAsync !== undefined;
    return isKnown ? { WriteWrap, streamBaseState, kLastWriteWasAsync } : undefined;
  } catch {
    return undefined;
  }
}
