/**
 * A client's end of an HTTP/2 connection, by hand and without a network: it sends bytes, and looks at the frames that
 * came back. It can stop reading, so that the server's socket fills.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import type { Http2Options } from '../../src/proxy/http2/options.ts';
import { Http2Server } from '../../src/proxy/http2/server.ts';
import type { GatedConnection } from '../../src/proxy/net/connection-gate.ts';
import { FakeClock } from './fake-clock.ts';
import { type Frame, PREFACE, parseFrames, settings, settingsAck, T } from './http2-frames.ts';
import { EchoHandler } from './http2-handlers.ts';
import { turn } from './turns.ts';

/** The server's end: a Duplex whose two sides are in a test's hands. */
export class TestSocket extends Duplex {
  readonly #written: Buffer[] = [];
  readonly #held: (() => void)[] = [];
  /** Nothing written is taken while this is set. */
  isStuck = false;
  writeCount = 0;

  constructor() {
    super({ allowHalfOpen: false });
  }

  /** Everything written since the last call. */
  takeWritten(): Buffer {
    return Buffer.concat(this.#written.splice(0));
  }

  /** Takes one of the writes that are held. */
  takeOne(): void {
    this.#held.shift()?.();
  }

  unstick(): void {
    this.isStuck = false;
    for (const done of this.#held.splice(0)) done();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writeCount += 1;
    // The chunk is kept by reference: the engine must not write to a buffer again that a Duplex which is no socket has
    // got.
    this.#written.push(chunk);
    if (this.isStuck) this.#held.push(done);
    else done();
  }

  override _final(done: () => void): void {
    done();
  }
}

/** Lends what it reads, as a connection's bytes are: when the listeners have returned it is overwritten. */
class LendingSocket extends TestSocket {
  /** The test keeps its own. */
  override push(chunk: Buffer | null): boolean {
    return super.push(chunk === null ? null : Buffer.from(chunk));
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const isHeard = super.emit(event, ...args);
    if (event === 'data') (args[0] as Buffer).fill(0xff);
    return isHeard;
  }
}

export interface PeerInit {
  readonly options?: Partial<Http2Options>;
  readonly handler?: Http2Handler;
  readonly clock?: FakeClock;
}

export class Http2Peer {
  readonly clock: FakeClock;
  readonly echo = new EchoHandler();
  readonly server: Http2Server;
  readonly socket: TestSocket = new LendingSocket();
  /** The connection as a gate sees it. */
  readonly connection: GatedConnection;

  constructor(init: PeerInit = {}) {
    this.clock = init.clock ?? new FakeClock();
    const { options = {}, handler = this.echo } = init;
    this.server = new Http2Server({ handler, clock: this.clock, options });
    this.connection = this.server.accept(this.socket)!;
  }

  /** Connected: preface and SETTINGS are exchanged, and what the server said to them is taken. */
  static async open(init: PeerInit = {}, ownSettings: Readonly<Record<number, number>> = {}): Promise<Http2Peer> {
    const peer = new Http2Peer(init);
    await turn();
    await peer.send(PREFACE, settings(ownSettings), settingsAck());
    peer.take();
    return peer;
  }

  /** Sends the bytes in one piece. */
  async send(...bytes: readonly Uint8Array[]): Promise<void> {
    if (!this.socket.destroyed) this.socket.push(Buffer.concat(bytes));
    await turn();
  }

  /** The frames that came since the last call. */
  take(): Frame[] {
    return parseFrames(this.socket.takeWritten());
  }

  /** Sends, and returns the frames that came of it. */
  async ask(...bytes: readonly Uint8Array[]): Promise<Frame[]> {
    await this.send(...bytes);
    return this.take();
  }

  get isEnded(): boolean {
    return this.socket.writableEnded || this.socket.destroyed;
  }

  /** Waits so that the server's timer and connections are gone. */
  async close(): Promise<void> {
    this.server.destroy();
    await turn();
  }
}

/** The frames in short, for comparing: ['HEADERS 1', 'DATA 1 END', …]. */
export function describeFrames(frames: readonly Frame[]): string[] {
  const names = Object.keys(T);
  return frames.map(({ type, flags, id, payload }) => {
    const name = `${names[type]}${id === 0 ? '' : ` ${id}`}`;
    if (type === T.RST_STREAM) return `${name} code ${payload.readUInt32BE()}`;
    if (type === T.GOAWAY) return `${name} last ${payload.readUInt32BE()} code ${payload.readUInt32BE(4)}`;
    if (type === T.WINDOW_UPDATE) return `${name} +${payload.readUInt32BE()}`;
    if (type === T.DATA) return `${name} ${payload.length}${flags & 1 ? ' END' : ''}`;
    if (type === T.SETTINGS || type === T.PING) return `${name}${flags & 1 ? ' ACK' : ''}`;
    return `${name}${flags & 1 ? ' END' : ''}`;
  });
}

/** A connection as its client saw it, and its requests as the server saw them. */
interface Seen {
  readonly requests: readonly unknown[];
  readonly frames: string;
  readonly isEnded: boolean;
}

/** Sends the chunks on a new connection, and checks that nothing of it is left afterwards. */
export async function playBytes(chunks: readonly Buffer[]): Promise<Seen> {
  const peer = new Http2Peer();
  await turn();
  peer.take();
  for (const chunk of chunks) if (!peer.socket.destroyed) peer.socket.push(chunk);
  await turn();
  const { requests, errors } = peer.echo;
  assert.deepEqual(errors, []);
  const written = peer.socket.takeWritten();
  const seen: Seen = {
    requests: requests.map(({ stream, headers: h, body, trailers, end }) => [
      stream.id,
      h.path,
      body.toString('latin1'),
      trailers?.length,
      end,
    ]),
    frames: written.toString('hex'),
    isEnded: peer.isEnded,
  };
  parseFrames(written);
  peer.server.destroy();
  await turn();
  for (const { closeCount } of requests) assert.equal(closeCount, 1);
  assert.equal(peer.server.connectionCount, 0);
  assert.equal(peer.clock.armed, 0);
  return seen;
}
