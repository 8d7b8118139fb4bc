/**
 * The client's side of one HTTP/2 connection, for a load generator: unary gRPC calls of one method from prepared bytes.
 *
 *   send ─▶ outgoing (copied bytes) ── flush ─▶ one socket write        requests of one moment share a system call
 *   socket ─▶ frames ─▶ onEnd(token, grpc-status, bytes of DATA)
 *
 * It knows what our own server and gRPC's C core send and no more: no padding, no CONTINUATION, no server push; the
 * like ends it with an error. Answers' bytes are counted and not kept. The caller keeps what it cannot send yet because
 * the peer's flow control or number of streams does not allow it (`canSend`).
 *
 * An end is told once for each token; when the connection is lost, with status LOST_CONNECTION for all that are open.
 */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { ACK, END_STREAM, FRAME_HEAD, INITIAL_WINDOW, preface, Type, writeFrameHead } from './frames.ts';
import type { RequestBytes } from './request-bytes.ts';
import { StatusReader } from './status-reader.ts';

/** A status beside gRPC's own: the connection was lost. */
export const LOST_CONNECTION = -1;
/** The server reset the stream. */
export const RESET = -2;

export type OnEnd = (token: number, status: number, dataBytes: number, atMs: number) => void;

/** DATA read, past which the server is given as much again. */
const REFILL_BYTES = 2 ** 29;
const OUTGOING_BYTES = 256 * 1024;
const CANCEL = 8;
const MAX_SPARES = 8;
const NO_TOKEN = -1;

export class GrpcConnection {
  /** Streams that are open. */
  open = 0;
  readonly #socket: Socket;
  readonly #onEnd: OnEnd;
  readonly #statuses = new StatusReader();
  #outgoing: Buffer = Buffer.allocUnsafeSlow(OUTGOING_BYTES);
  #outgoingLength = 0;
  readonly #spares: Buffer[] = [];
  #rest: Buffer | undefined;
  /** The call of each stream and its DATA bytes so far, by stream number ÷ 2. */
  #tokens = new Int32Array(1024).fill(NO_TOKEN);
  #dataBytes = new Int32Array(1024);
  #nextStream = 1;
  #sendWindow = INITIAL_WINDOW;
  #streamWindow = INITIAL_WINDOW;
  /** The limit that holds until the server's SETTINGS come, which may set none. */
  #maxStreams = 100;
  #consumed = 0;
  #isClosed = false;
  #onSettings: (() => void) | undefined;
  /** Why it ended; undefined while it lives or was closed by `close`. */
  failure: Error | undefined;

  private constructor(socket: Socket, onEnd: OnEnd) {
    this.#socket = socket;
    this.#onEnd = onEnd;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** "host:port". Resolves when the server's SETTINGS are there. */
  static open(address: string, onEnd: OnEnd): Promise<GrpcConnection> {
    const at = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, at).replace(/[[\]]/g, ''), port: Number(address.slice(at + 1)) });
    socket.setNoDelay(true);
    return new Promise((resolve, reject) => {
      const connection = new GrpcConnection(socket, onEnd);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error(`${address} closed the connection before its SETTINGS came`)));
      connection.#onSettings = () => resolve(connection);
      socket.write(preface());
    });
  }

  canSend(request: RequestBytes): boolean {
    return (
      !this.#isClosed &&
      this.open < this.#maxStreams &&
      this.#sendWindow >= request.dataBytes &&
      this.#streamWindow >= request.dataBytes
    );
  }

  /** Queues a call; `flush` sends it. Returns its stream. */
  send(request: RequestBytes, timeoutMs: number, token: number): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const slot = stream >> 1;
    if (slot >= this.#tokens.length) this.#grow();
    this.#tokens[slot] = token;
    this.#dataBytes[slot] = 0;
    this.open += 1;
    this.#sendWindow -= request.dataBytes;
    this.#reserve(request.byteLength);
    this.#outgoingLength = request.write(this.#outgoing, this.#outgoingLength, stream, timeoutMs);
    return stream;
  }

  /** Queues RST_STREAM(CANCEL); its end is told no more. Nothing happens if it has ended. True: it was open. */
  cancel(stream: number): boolean {
    if (this.#take(stream >> 1) === NO_TOKEN) return false;
    this.#writeFrame(Type.RST_STREAM, 0, stream, 4);
    this.#outgoing.writeUInt32BE(CANCEL, this.#outgoingLength - 4);
    return true;
  }

  flush(): void {
    if (this.#outgoingLength === 0 || this.#isClosed) return;
    // The socket may hold on to what it was given until it calls back.
    const written = this.#outgoing;
    this.#socket.write(written.subarray(0, this.#outgoingLength), () => {
      if (this.#spares.length < MAX_SPARES) this.#spares.push(written);
    });
    this.#outgoing = this.#spares.pop() ?? Buffer.allocUnsafeSlow(OUTGOING_BYTES);
    this.#outgoingLength = 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    const now = performance.now();
    let buffer = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    try {
      while (buffer.length - at >= FRAME_HEAD) {
        const length = buffer.readUIntBE(at, 3);
        if (buffer.length - at < FRAME_HEAD + length) break;
        this.#frame(buffer, at, length, now);
        at += FRAME_HEAD + length;
      }
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    buffer = buffer.subarray(at);
    this.#rest = buffer.length === 0 ? undefined : buffer;
  }

  #frame(bytes: Buffer, at: number, length: number, now: number): void {
    const flags = bytes[at + 4]!;
    const stream = bytes.readUInt32BE(at + 5);
    const start = at + FRAME_HEAD;
    switch (bytes[at + 3]!) {
      case Type.DATA:
        this.#dataBytes[stream >> 1]! += length;
        this.#consume(length);
        if ((flags & END_STREAM) !== 0) this.#end(stream, RESET, now);
        return;
      case Type.HEADERS: {
        const status = this.#statuses.statusOf(bytes, start, start + length);
        if ((flags & END_STREAM) !== 0) this.#end(stream, status, now);
        return;
      }
      case Type.RST_STREAM:
        this.#end(stream, RESET, now);
        return;
      default:
        this.#control(bytes, at, length, flags);
    }
  }

  #control(bytes: Buffer, at: number, length: number, flags: number): void {
    const start = at + FRAME_HEAD;
    switch (bytes[at + 3]!) {
      case Type.SETTINGS:
        if ((flags & ACK) === 0) this.#settings(bytes, start, length);
        return;
      case Type.PING:
        if ((flags & ACK) !== 0) return;
        this.#writeFrame(Type.PING, ACK, 0, length);
        bytes.copy(this.#outgoing, this.#outgoingLength - length, start, start + length);
        this.flush();
        return;
      case Type.GOAWAY:
        throw new Error(`the server said GOAWAY, error code ${bytes.readUInt32BE(start + 4)}`);
      case Type.WINDOW_UPDATE:
        // A stream's own window is never used up: a request is smaller than it.
        if (bytes.readUInt32BE(at + 5) === 0) this.#sendWindow += bytes.readUInt32BE(start);
        return;
      case Type.CONTINUATION:
        throw new Error('the server sent CONTINUATION, which this client cannot read');
      default:
    }
  }

  #settings(bytes: Buffer, start: number, length: number): void {
    if (this.#onSettings !== undefined) this.#maxStreams = Infinity;
    for (let at = start; at < start + length; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      if (bytes.readUInt16BE(at) === 3) this.#maxStreams = value;
      else if (bytes.readUInt16BE(at) === 4) this.#streamWindow = value;
    }
    this.#writeFrame(Type.SETTINGS, ACK, 0, 0);
    this.flush();
    this.#onSettings?.();
    this.#onSettings = undefined;
  }

  /** The windows that we give are the largest there are, and are filled long before they are empty. */
  #consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < REFILL_BYTES) return;
    this.#writeFrame(Type.WINDOW_UPDATE, 0, 0, 4);
    this.#outgoing.writeUInt32BE(this.#consumed, this.#outgoingLength - 4);
    this.#consumed = 0;
    this.flush();
  }

  #end(stream: number, status: number, now: number): void {
    const slot = stream >> 1;
    const token = this.#take(slot);
    if (token !== NO_TOKEN) this.#onEnd(token, status, this.#dataBytes[slot]!, now);
  }

  /** Ends the stream, if it is open, and returns its call. */
  #take(slot: number): number {
    const token = this.#tokens[slot] ?? NO_TOKEN;
    if (token === NO_TOKEN) return NO_TOKEN;
    this.#tokens[slot] = NO_TOKEN;
    this.open -= 1;
    return token;
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.failure = error;
    this.close();
    const now = performance.now();
    for (let slot = 0; slot < this.#nextStream >> 1; slot++) this.#end(2 * slot + 1, LOST_CONNECTION, now);
  }

  #writeFrame(type: number, flags: number, stream: number, length: number): void {
    this.#reserve(FRAME_HEAD + length);
    this.#outgoingLength =
      writeFrameHead(this.#outgoing, this.#outgoingLength, { type, flags, stream, length }) + length;
  }

  #reserve(bytes: number): void {
    if (this.#outgoingLength + bytes > this.#outgoing.length) this.flush();
    if (bytes > this.#outgoing.length) this.#outgoing = Buffer.allocUnsafeSlow(bytes);
  }

  #grow(): void {
    const tokens = new Int32Array(this.#tokens.length * 2).fill(NO_TOKEN);
    tokens.set(this.#tokens);
    const dataBytes = new Int32Array(tokens.length);
    dataBytes.set(this.#dataBytes);
    this.#tokens = tokens;
    this.#dataBytes = dataBytes;
  }
}
