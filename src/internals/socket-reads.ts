/**
 * Reads connections into one buffer that all of them share, with one call for each read.
 *
 *   kernel ── read ──▶ one buffer for the process ── onBytes(view) ──▶ the callee copies what it keeps
 *
 * 'data' events give each read 64 KB of fresh memory and lead it through a stream's queue. net.Socket's option `onread`
 * avoids that, but only for sockets that a program makes itself, not for those that a server accepts. So this class
 * sets the option's fields on an accepted socket. They are private to Node and are found once, on a socket made with
 * the option. Where they are not found, and on anything but a plain TCP or Unix socket (TLS, a Duplex of a test),
 * 'data' events are used. Pause, resume, 'end', errors and timeouts are the same either way. Measurements:
 * docs/adr/0010.
 */
import { Buffer } from 'node:buffer';
import { Socket, type SocketConstructorOpts } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';

/** The bytes are valid until this returns: the next read of any connection overwrites them. */
type OnBytes = (bytes: Buffer) => void;

/** The most that Node reads at once. */
const READ_BYTES = 65_536;

type Internals = Record<symbol, unknown> & { readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null };

const shared = Buffer.allocUnsafeSlow(READ_BYTES);
/** Its first bytes, as many as the last read had: a client's requests are mostly of one length. */
let view = shared;
const fields = findFields();

/** This Node has the private fields; without them sockets are read by 'data' events. */
export const canShareBuffer = fields !== undefined;

export class SocketReads {
  readonly #duplex: Duplex;
  readonly #onBytes: OnBytes;
  #isStopped = false;

  /** Begins to read. */
  constructor(duplex: Duplex, onBytes: OnBytes) {
    this.#duplex = duplex;
    this.#onBytes = onBytes;
    if (!this.#readShared()) duplex.on('data', onBytes);
    else if (duplex.readableLength > 0) {
      // Taken at once: a stream that flows would drop it.
      const ahead = duplex.read() as Buffer;
      process.nextTick(() => this.#giveAhead(ahead));
      return;
    }
    duplex.resume();
  }

  /** Passes on the bytes that an earlier reader has put back; they would not come through the shared buffer. */
  #giveAhead(ahead: Buffer): void {
    const duplex = this.#duplex;
    if (duplex.destroyed) return;
    if (this.#isStopped) duplex.unshift(ahead);
    else {
      duplex.resume();
      this.#onBytes(ahead);
    }
  }

  /** Leaves what comes from now on to the stream, copied, for another owner. */
  stop(): void {
    this.#isStopped = true;
    this.#duplex.off('data', this.#onBytes);
  }

  #readShared(): boolean {
    const duplex: Duplex = this.#duplex;
    // A TLS socket has another kind of handle.
    const isPlain = (duplex.constructor as unknown) === Socket;
    if (fields === undefined || !isPlain) return false;
    const internals = duplex as unknown as Internals;
    const handle = internals._handle;
    const before = internals[fields.buffer];
    if (typeof handle?.useUserBuffer !== 'function' || (before !== null && before !== shared)) return false;
    // Returning false stops the reading, as a stream's push does.
    internals[fields.callback] = (count: number): boolean => {
      if (view.length !== count) view = shared.subarray(0, count);
      const bytes = view;
      // Whoever listens for them gets them.
      if (this.#isStopped || duplex.listenerCount('data') > 0) return duplex.push(Buffer.from(bytes));
      this.#onBytes(bytes);
      return true;
    };
    // An earlier reader of the socket has done the rest.
    if (before === shared) return true;
    internals[fields.buffer] = shared;
    handle.useUserBuffer(shared);
    return true;
  }
}

/** Finds the fields in which a socket keeps its `onread` option; undefined if this Node has none such. */
function findFields(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const callback = (): boolean => true;
  // Documented, but missing in the types of a socket that is not connected by its maker.
  const made = new Socket({ onread: { buffer: shared, callback } } as SocketConstructorOpts);
  const plain = new Socket();
  try {
    const symbols = Object.getOwnPropertySymbols(made);
    const find = (value: unknown): symbol | undefined =>
      symbols.find((s) => (made as unknown as Internals)[s] === value);
    const places = { buffer: find(shared), callback: find(callback) };
    if (places.buffer === undefined || places.callback === undefined) return undefined;
    const isFree = [places.buffer, places.callback].every((s) => (plain as unknown as Internals)[s] === null);
    return isFree ? { buffer: places.buffer, callback: places.callback } : undefined;
  } finally {
    made.destroy();
    plain.destroy();
  }
}
