/**
 * Gives node:http the bytes of one connection no faster than their requests are answered. Node's parser makes all requests
 * of a read at once, which are thousands of a client that sends them ahead of the answers.
 *
 *   kernel ─ read ─▶ [ request ][ request ][ request … ]
 *                      │          └ the rest waits, and the socket is paused, until it is this connection's turn
 *                      ▼            (feed-turns.ts) and fewer than MAX_OPEN of its requests are open
 *                    node:http
 *
 * The bytes are cut behind empty lines, because each head ends with one: so a piece begins one request, or two if the empty
 * line before it was split by a read. Node's parser alone decides what the bytes mean. A read without a second empty line,
 * which is nearly every one, goes through whole and is not copied.
 *
 * Node pauses and resumes the socket, too, for bodies and answers that are not taken: a pause of either counts.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { SocketReads } from '../../internals/socket-reads.ts';
import type { GatedHttpConnection } from '../net/gated-http-connection.ts';
import type { FeedTurns } from './feed-turns.ts';

/** Requests of one connection that may be open before no more of its bytes are read. */
const MAX_OPEN = 16;
/** Requests that one turn may begin: a second one, because it need not be known where a body ends. */
const MAX_BEGUN = 2;
/** Pieces of one turn: a body may be full of empty lines. */
const MAX_PIECES = 64;
const EMPTY_LINE = '\r\n\r\n';
/** A head is not shorter than `GET / HTTP/1.1` and its empty line. */
const SHORTEST_LINE = 14;

type GiveBytes = (bytes: Buffer) => void;

/** The connection that is fed. */
interface FedConnection {
  /** Requests that have begun and whose answers have not left. */
  readonly openRequests: number;
  /** Requests that have begun so far. */
  readonly begunRequests: number;
}

export class RequestFeed {
  readonly #socket: Socket;
  readonly #connection: FedConnection;
  readonly #turns: FeedTurns;
  readonly #give: GiveBytes;
  readonly #reads: SocketReads;
  /** Bytes that node:http has not got, from `#at` on. */
  #bytes: Buffer | undefined;
  #at = 0;
  #isGiving = false;
  #isPausedByNode = false;
  #isStopped = false;

  /**
   * Begins, for a socket that node:http has just taken over. Undefined if its listener is not found: then Node reads the
   * socket by itself.
   */
  static begin(socket: Socket, connection: FedConnection, turns: FeedTurns): RequestFeed | undefined {
    const give = socket.listeners('data').at(-1) as GiveBytes | undefined;
    if (give === undefined) return undefined;
    // Node's parser reads the handle itself until there is another listener.
    const other = (): void => undefined;
    socket.on('data', other);
    socket.off('data', other);
    socket.off('data', give);
    return new RequestFeed(socket, connection, turns, give);
  }

  /** Like `begin`, for a connection that node:http alone ever reads. */
  static beginForGood(socket: Socket, connection: GatedHttpConnection, turns: FeedTurns): void {
    const feed = RequestFeed.begin(socket, connection, turns);
    if (feed === undefined) return;
    connection.onAnswered = () => feed.onAnswered();
    socket.once('close', () => feed.stop());
  }

  private constructor(socket: Socket, connection: FedConnection, turns: FeedTurns, give: GiveBytes) {
    this.#socket = socket;
    this.#connection = connection;
    this.#turns = turns;
    this.#give = give;
    socket.on('resume', this.#onResume);
    this.#reads = new SocketReads(socket, this.#onBytes);
  }

  /** Bytes of later requests wait here. */
  get hasAhead(): boolean {
    return this.#bytes !== undefined;
  }

  /** Another reads the socket from now on, or it has closed. Bytes that wait are put back. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#turns.remove(this);
    this.#socket.off('resume', this.#onResume);
    this.#reads.stop();
    const rest = this.#bytes?.subarray(this.#at);
    this.#bytes = undefined;
    if (rest !== undefined && rest.length > 0 && !this.#socket.destroyed) this.#socket.unshift(Buffer.from(rest));
  }

  /** An answer has left. */
  onAnswered(): void {
    if (this.#isStopped || this.#isGiving || this.#isPausedByNode || this.#isFull) return;
    if (this.#bytes !== undefined) this.#turns.add(this);
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** It is this connection's turn. */
  onTurn(): void {
    if (this.#isStopped || this.#isPausedByNode || this.#isFull || this.#socket.destroyed) return;
    // Nothing is read before this turn is over. So a pause is Node's.
    this.#socket.resume();
    this.#giveSome();
  }

  get #isFull(): boolean {
    return this.#connection.openRequests >= MAX_OPEN;
  }

  /** The bytes are valid until this returns. */
  readonly #onBytes = (bytes: Buffer): void => {
    if (this.#bytes !== undefined) {
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), bytes]);
      this.#at = 0;
      this.#socket.pause();
      return;
    }
    this.#bytes = bytes;
    this.#at = 0;
    this.#giveSome();
    // Other reads use the same memory.
    if (this.#bytes !== undefined) {
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#at));
      this.#at = 0;
    }
  };

  /** Node wants more, as it does after each answer. */
  readonly #onResume = (): void => {
    const socket = this.#socket;
    // It has been paused since.
    if (socket.isPaused()) return;
    this.#isPausedByNode = false;
    // A connection that ends discards what still comes.
    if (socket.listenerCount('data') > socket.listenerCount('data', this.#onBytes)) this.stop();
    else if (this.#isFull) socket.pause();
    else if (this.#bytes !== undefined) {
      socket.pause();
      this.#turns.add(this);
    }
  };

  #giveSome(): void {
    const socket = this.#socket;
    const mostBegun = this.#connection.begunRequests + MAX_BEGUN;
    this.#isGiving = true;
    for (let pieces = 0; pieces < MAX_PIECES && this.#bytes !== undefined; pieces++) {
      this.#give(this.#nextPiece(this.#bytes));
      if (this.#isStopped || socket.destroyed) {
        this.#bytes = undefined;
        break;
      }
      this.#isPausedByNode = socket.isPaused();
      if (this.#isPausedByNode || this.#isFull || this.#connection.begunRequests >= mostBegun) break;
    }
    this.#isGiving = false;
    if (this.#isStopped || (this.#bytes === undefined && !this.#isFull)) return;
    if (!this.#isPausedByNode) socket.pause();
    if (this.#bytes !== undefined && !this.#isPausedByNode && !this.#isFull) this.#turns.add(this);
  }

  /** The bytes up to the next empty line, or all that are left if there is no other behind it. */
  #nextPiece(bytes: Buffer): Buffer {
    const at = this.#at;
    const end = endOfHead(bytes, at);
    if (end !== -1 && endOfHead(bytes, end) !== -1) {
      this.#at = end;
      return bytes.subarray(at, end);
    }
    this.#bytes = undefined;
    return at === 0 ? bytes : bytes.subarray(at);
  }
}

/** The index where a head from `at` on may end; -1 = not in these bytes. */
function endOfHead(bytes: Buffer, at: number): number {
  const line = bytes.indexOf(EMPTY_LINE, at + SHORTEST_LINE, 'latin1');
  return line === -1 ? -1 : line + EMPTY_LINE.length;
}
