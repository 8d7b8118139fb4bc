/**
 * A connection as long as its requests are plain (plain-request.ts): each is read from the bytes of one read, answered
 * with one write, and costs no stream objects. At the first that is not, node:http takes the connection over for good,
 * with the bytes put back.
 *
 *            ┌───────── whole plain predict ──────────┐
 *            ▼                                        │
 *   idle ──────▶ answering (one at a time; ──────▶ idle│
 *     │           what comes meanwhile waits)         │
 *     └── anything else ──▶ node:http (proxy/servers/http-server.ts)
 *
 * In a drain it ends with the answer in hand, or to the next request. If more has been sent ahead, node:http takes over:
 * answer-turns.ts finds the last answer.
 *
 * Why, and what it measured: docs/adr/0009.
 *
 * Bounds: one request is in hand; what a client sends ahead of its answer waits, MAX_AHEAD_BYTES of it read; a client that
 * does not read its answers is not read from either; a connection that sends nothing is closed.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { SocketReads } from '../../internals/socket-reads.ts';
import { SocketWrites } from '../../internals/socket-writes.ts';
import type { Answer, AnswerHeads } from './answer-head.ts';
import { afterReads, type Ending } from './ending.ts';
import { endConnection } from './lingering-end.ts';
import type { PlainHead, PlainRequest, PlainRequestReader } from './plain-request.ts';
import type { RequestFields } from './request-fields.ts';
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
  readonly heads: AnswerHeads;
  /** How long a new connection may send nothing, and how long one may be idle after a request. */
  readonly firstRequestMs: number;
  readonly idleMs: number;
  readonly clock: Clock;
  readonly ending: Ending;
}

export class PlainConnection {
  readonly #socket: Socket;
  readonly #options: PlainConnectionOptions;
  readonly #events: PlainConnectionEvents;
  readonly #reads: SocketReads;
  readonly #writes: SocketWrites;
  /** Asked for once: each time is a call into Node. */
  readonly peer: string;
  #isAnswering = false;
  #hasEnded = false;
  /** Of the last request; undefined before the first. */
  #lastHead: PlainHead | undefined;
  /** What came while a request was in hand. */
  #ahead: Buffer | undefined;

  constructor(socket: Socket, options: PlainConnectionOptions, events: PlainConnectionEvents) {
    this.#socket = socket;
    this.peer = socket.remoteAddress ?? 'unix';
    this.#options = options;
    this.#events = events;
    socket.setTimeout(options.firstRequestMs);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('timeout', this.#onTimeout);
    this.#writes = new SocketWrites(socket, () => this.#onDrained());
    this.#reads = new SocketReads(socket, (chunk) => this.#onBytes(chunk));
  }

  /** Ends it if no request waits for its answer. */
  endIdle(): void {
    if (!this.#isAnswering && !this.#hasEnded) this.#end();
  }

  /** The answer to the request in hand. */
  answer(answer: Answer): void {
    const { heads, ending } = this.#options;
    if (ending.isDraining) {
      afterReads(() => this.#answerInDrain(answer));
      return;
    }
    this.#write(heads.write(answer));
    this.#isAnswering = false;
    if (this.#socket.isPaused() && !this.#writes.needsDrain) this.#socket.resume();
    // Not from here: the caller is still about the request that was answered.
    if (this.#ahead !== undefined) queueMicrotask(() => this.#next());
  }

  #answerInDrain(answer: Answer): void {
    if (this.#socket.destroyed) return;
    const ahead = this.#ahead;
    this.#write(this.#options.heads.write({ ...answer, endsConnection: ahead === undefined }));
    this.#isAnswering = false;
    if (ahead === undefined) this.#end();
    else this.#handOver(ahead);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#socket.setTimeout(0);
    this.#reads.stop();
    endConnection(this.#options.clock, this.#socket);
  }

  #write(bytes: Buffer): void {
    this.#writes.write(bytes);
    if (this.#writes.needsDrain) this.#socket.pause();
  }

  #next(): void {
    const bytes = this.#ahead;
    this.#ahead = undefined;
    if (bytes !== undefined && !this.#socket.destroyed) this.#take(bytes);
  }

  /** The chunk is lent. */
  #onBytes(chunk: Buffer): void {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!this.#isAnswering) {
      this.#take(ahead === undefined ? chunk : Buffer.concat([ahead, chunk]));
      return;
    }
    this.#ahead = ahead === undefined ? Buffer.from(chunk) : Buffer.concat([ahead, chunk]);
    if (this.#ahead.length > MAX_AHEAD_BYTES) this.#socket.pause();
  }

  #take(bytes: Buffer): void {
    const { reader, idleMs } = this.#options;
    const request = reader.read(bytes, this.#lastHead);
    // Several in one read: a client that pipelines, whose requests node:http can have under way side by side.
    if (request === undefined || request.end < bytes.length) {
      this.#handOver(bytes);
      return;
    }
    const transport = new PlainTransport(this, this.#socket, request);
    this.#isAnswering = true;
    if (this.#lastHead === undefined) this.#socket.setTimeout(idleMs);
    this.#lastHead = request.head;
    if (this.#events.onRequest(transport, request.head.target)) return;
    this.#isAnswering = false;
    this.#handOver(bytes);
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    socket.setTimeout(0);
    this.#reads.stop();
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('timeout', this.#onTimeout);
    this.#writes.stop();
    socket.pause();
    socket.unshift(Buffer.from(bytes));
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

  #onDrained(): void {
    if ((this.#ahead?.length ?? 0) <= MAX_AHEAD_BYTES) this.#socket.resume();
  }
}

class PlainTransport implements Transport {
  readonly fields: RequestFields;
  readonly hasRequest = true;
  readonly receivedBytes: number;
  readonly #connection: PlainConnection;
  readonly #socket: Socket;
  readonly #body: Buffer;

  constructor(connection: PlainConnection, socket: Socket, { head, body }: PlainRequest) {
    this.fields = head.fields;
    this.receivedBytes = body.length;
    this.#connection = connection;
    this.#socket = socket;
    this.#body = body;
  }

  get peer(): string {
    return this.#connection.peer;
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

  send(answer: Answer): void {
    this.#connection.answer(answer);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
