/**
 * A connection as long as its requests are plain (plain-request.ts): each is read from the bytes of one read, answered
 * with one write, and costs no stream objects. At the first that is not, node:http takes the connection over for good,
 * with the bytes put back.
 *
 *            ┌───────── whole plain predict ──────────┐
 *            ▼                                        │
 *   idle ──────▶ answering (one at a time; ──────▶ idle│
 *     │           what comes meanwhile waits)         │
 *     └── anything else ──▶ node:http (http-server.ts)
 *
 * Why, and what it measured: docs/adr/0009.
 *
 * Bounds: one request is in hand; what a client sends ahead of its answer waits, MAX_AHEAD_BYTES of it read; a client that
 * does not read its answers is not read from either; a connection that sends nothing is closed.
 */
import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, httpDate } from '../../core/clock.ts';
import type { PlainHead, PlainRequestReader } from './plain-request.ts';
import type { Transport } from './transport.ts';

/** Pipelined requests beyond this wait in the kernel. */
const MAX_AHEAD_BYTES = 64 * 1024;

export interface PlainConnectionEvents {
  /** A whole request. Returns false if it is not for the plain lane: nothing has happened to it then. */
  onRequest(transport: Transport, target: string): boolean;
  /** The connection is node:http's from now on; its bytes have been put back, it is paused. */
  onHandOver(): void;
}

export interface PlainConnectionOptions {
  readonly reader: PlainRequestReader;
  readonly clock: Clock;
  /** How long a new connection may send nothing, and how long one may be idle after a request. */
  readonly firstRequestMs: number;
  readonly idleMs: number;
}

export class PlainConnection {
  readonly #socket: Socket;
  readonly #options: PlainConnectionOptions;
  readonly #events: PlainConnectionEvents;
  #isAnswering = false;
  #isEnding = false;
  #hasHadRequest = false;
  /** What came while a request was in hand. */
  #ahead: Buffer | undefined;

  constructor(socket: Socket, options: PlainConnectionOptions, events: PlainConnectionEvents) {
    this.#socket = socket;
    this.#options = options;
    this.#events = events;
    socket.setTimeout(options.firstRequestMs);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('timeout', this.#onTimeout);
    socket.on('drain', this.#onDrain);
  }

  /** Ends it now if it is idle, else after the answer in hand. */
  end(): void {
    this.#isEnding = true;
    if (!this.#isAnswering) this.#socket.destroySoon();
  }

  /** The answer is out. `endsConnection`: it was the last one. */
  answered(endsConnection: boolean): void {
    this.#isAnswering = false;
    if (endsConnection || this.#isEnding) {
      this.#socket.destroySoon();
      return;
    }
    if (this.#socket.isPaused() && !this.#socket.writableNeedDrain) this.#socket.resume();
    // Not from here: the caller is still about the request that was answered.
    if (this.#ahead !== undefined) queueMicrotask(() => this.#next());
  }

  write(bytes: Buffer): void {
    if (!this.#socket.write(bytes)) this.#socket.pause();
  }

  #next(): void {
    const bytes = this.#ahead;
    this.#ahead = undefined;
    if (bytes !== undefined && !this.#socket.destroyed) this.#take(bytes);
  }

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#ahead === undefined ? chunk : Buffer.concat([this.#ahead, chunk]);
    this.#ahead = undefined;
    if (!this.#isAnswering) this.#take(bytes);
    else {
      this.#ahead = bytes;
      if (bytes.length > MAX_AHEAD_BYTES) this.#socket.pause();
    }
  };

  #take(bytes: Buffer): void {
    const { reader, clock, idleMs } = this.#options;
    const request = reader.read(bytes);
    // Several in one read: a client that pipelines, whose requests node:http can have under way side by side.
    if (request === undefined || request.end < bytes.length) {
      this.#handOver(bytes);
      return;
    }
    const transport = new PlainTransport(this, this.#socket, request.head, request.body, clock);
    this.#isAnswering = true;
    if (!this.#hasHadRequest) this.#socket.setTimeout(idleMs);
    this.#hasHadRequest = true;
    if (this.#events.onRequest(transport, request.head.target)) return;
    this.#isAnswering = false;
    this.#handOver(bytes);
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    socket.setTimeout(0);
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('timeout', this.#onTimeout);
    socket.off('drain', this.#onDrain);
    socket.pause();
    socket.unshift(bytes);
    this.#events.onHandOver();
    socket.resume();
  }

  /** The client has gone, or has closed its side, which looks the same: whoever waits for an answer hears of it. */
  readonly #onEnd = (): void => {
    this.#socket.end();
  };

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onTimeout = (): void => {
    if (!this.#isAnswering) this.#socket.destroy();
  };

  readonly #onDrain = (): void => {
    if ((this.#ahead?.length ?? 0) <= MAX_AHEAD_BYTES) this.#socket.resume();
  };
}

class PlainTransport implements Transport {
  readonly headers: Readonly<Record<string, string>>;
  readonly hasRequest = true;
  readonly receivedBytes: number;
  readonly #connection: PlainConnection;
  readonly #socket: Socket;
  readonly #body: Buffer;
  readonly #clock: Clock;

  constructor(connection: PlainConnection, socket: Socket, head: PlainHead, body: Buffer, clock: Clock) {
    this.headers = head.headers;
    this.receivedBytes = body.length;
    this.#connection = connection;
    this.#socket = socket;
    this.#body = body;
    this.#clock = clock;
  }

  get peer(): string {
    return this.#socket.remoteAddress ?? 'unix';
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** The reader took no body over its limit. */
  readBody(): Buffer {
    return this.#body;
  }

  stopBody(): void {
    // It has arrived.
  }

  send(status: number, headers: string[], body: Buffer, endsConnection: boolean): void {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    head += `date: ${httpDate(this.#clock)}\r\nconnection: ${endsConnection ? 'close' : 'keep-alive'}\r\n\r\n`;
    const answer = Buffer.allocUnsafe(head.length + body.length);
    answer.write(head, 0, 'latin1');
    answer.set(body, head.length);
    this.#connection.write(answer);
    this.#connection.answered(endsConnection);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
