/**
 * A closed loop over HTTP/1.1: each of the connections sends the same bytes again when its answer has come. A server may
 * end a connection with an answer: a new one takes its place, and its cost is the refusal's.
 */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import type { Load } from './load.ts';

export interface HttpLoadOptions {
  readonly port: number;
  readonly connections: number;
  /** One request, head and body. */
  readonly bytes: Uint8Array;
}

const END_OF_HEAD = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: (\d+)/i;
const ENDS = /\r\nconnection: close/i;

class Connection {
  readonly #options: HttpLoadOptions;
  readonly #load: HttpLoad;
  #socket: Socket;
  #rest: Buffer | undefined;

  constructor(options: HttpLoadOptions, load: HttpLoad) {
    this.#options = options;
    this.#load = load;
    this.#socket = this.#connect();
  }

  close(): void {
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = connect(this.#options.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#load.fail(error));
    socket.write(this.#options.bytes);
    return socket;
  }

  #read(bytes: Buffer): void {
    const all = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#rest = all;
    const headEnd = all.indexOf(END_OF_HEAD, 0, 'latin1');
    if (headEnd === -1) return;
    const head = all.toString('latin1', 0, headEnd);
    const length = LENGTH.exec(head)?.[1];
    if (length === undefined) {
      this.#load.fail(new Error(`an answer has no length: ${head}`));
      return;
    }
    if (all.length < headEnd + END_OF_HEAD.length + Number(length)) return;
    this.#rest = undefined;
    const text = all.toString('utf8', headEnd + END_OF_HEAD.length);
    this.#load.count(Number(head.slice(9, 12)), this.#load.last === '' ? text : undefined);
    if (this.#load.isOver) return;
    if (!ENDS.test(head)) {
      this.#socket.write(this.#options.bytes);
      return;
    }
    this.#load.ended += 1;
    this.close();
    this.#socket = this.#connect();
  }
}

/** Begins at once. */
export class HttpLoad implements Load {
  answers = 0;
  ended = 0;
  last = '';
  isOver = false;
  failure: Error | undefined;
  readonly statuses = new Map<number, number>();
  readonly #connections: readonly Connection[];

  constructor(options: HttpLoadOptions) {
    this.#connections = Array.from({ length: options.connections }, () => new Connection(options, this));
  }

  count(status: number, text: string | undefined): void {
    this.answers += 1;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (text !== undefined) this.last = text;
  }

  fail(error: Error): void {
    this.failure ??= error;
  }

  close(): void {
    this.isOver = true;
    for (const connection of this.#connections) connection.close();
  }
}
