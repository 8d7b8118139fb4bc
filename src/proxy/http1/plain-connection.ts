/**
 * A connection while its requests are plain (plain-request.ts). Each is answered with one write, and needs no stream
 * objects. At the first request that is not plain, node:http takes the connection over for good, with the bytes put back.
 *
 *   idle ── a plain request ──▶ its body arrives ──▶ answering (one at a time; ──▶ idle
 *     │                          (plain-body.ts)      later requests wait)
 *     └── anything else ──▶ node:http (proxy/servers/http-server.ts)
 *
 * A request may be answered before its body has arrived: a small rest of it is passed over, else the connection ends.
 *
 * In a drain the connection ends with the current answer, or with the answer to the next request. If the client has
 * sent more ahead, node:http takes over: answer-turns.ts finds the last answer.
 *
 * Bounds: one request is processed at a time; of the bytes that a client sends ahead at most MAX_AHEAD_BYTES are read;
 * a client that does not read its answers is not read from (unsent-answers.ts), and is closed after stallMs; how long a
 * connection may be idle is for the gate to decide (net/connection-gate.ts). Reasons and measurements: docs/adr/0009.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Clock, Instant } from '../../core/clock.ts';
import { SocketReads } from '../../internals/socket-reads.ts';
import { SocketWrites } from '../../internals/socket-writes.ts';
import type { Visitor } from '../access-control.ts';
import type { Callers } from '../caller.ts';
import type { GatedConnection } from '../net/connection-gate.ts';
import { peerAddressOf } from '../net/peer-address.ts';
import type { SlicedBody } from '../sliced-body.ts';
import type { Answer, AnswerHeads, WholeAnswer } from './answer-head.ts';
import { PlainBody, type PlainBodyContext } from './body/plain-body.ts';
import { afterReads, type Ending } from './ending.ts';
import { endConnection, SMALL_REST_BYTES } from './lingering-end.ts';
import type { PlainHead, PlainRequestReader } from './plain-request.ts';
import { PlainTransport } from './plain-transport.ts';
import { LAST_CHUNK, writeChunk, writeSlices } from './sliced-answer.ts';
import type { Transport } from './transport.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

/** Pipelined requests beyond this wait in the kernel. */
const MAX_AHEAD_BYTES = 64 * 1024;
const NO_BYTES = Buffer.alloc(0);

/** `R` is the reader's route. */
interface PlainConnectionEvents<R> {
  /** Takes a request whose head has come. */
  onRequest(transport: Transport, route: R): void;
  /** The client has closed its side within a body. */
  onCutOff(): void;
  /** node:http must take the connection over: it is paused and its bytes have been put back. */
  onHandOver(): void;
}

export interface PlainConnectionOptions<R> {
  readonly reader: PlainRequestReader<R>;
  readonly heads: AnswerHeads;
  readonly callers: Callers;
  /** How long a new connection may send nothing, and how long an answer may wait for a client that takes none of it. */
  readonly firstRequestMs: number;
  readonly stallMs: number;
  readonly clock: Clock;
  readonly ending: Ending;
  readonly unsent: UnsentAnswers;
  readonly bodies: PlainBodyContext;
}

export class PlainConnection<R> implements GatedConnection {
  readonly #socket: Socket;
  readonly #options: PlainConnectionOptions<R>;
  readonly #events: PlainConnectionEvents<R>;
  readonly #reads: SocketReads;
  readonly #writes: SocketWrites;
  /** Bytes that waited when the stall's timer was set. */
  #waitedBytes = 0;
  /** Read once, because each read is a call into Node. */
  readonly peer: string;
  /** The caller's name, as proxy/caller.ts writes it. */
  readonly caller: string;
  readonly visitor: Visitor | undefined;
  /** The peer is a trusted proxy. */
  readonly isTrusted: boolean;
  #isAnswering = false;
  /** Its answer is being written slice by slice, which counts what waits. */
  #isSlicing = false;
  #hasEnded = false;
  #hasHadRequest = false;
  /** When the last answer was ready, or the connection began. */
  #since: Instant;
  /** The body that still arrives, though its request may have been answered. */
  #body: PlainBody | undefined;
  /** Bytes received while a request was being processed. */
  #ahead: Buffer | undefined;

  constructor(socket: Socket, options: PlainConnectionOptions<R>, events: PlainConnectionEvents<R>) {
    this.#socket = socket;
    this.peer = peerAddressOf(socket).address ?? 'unix';
    this.caller = options.callers.ofConnection(socket);
    this.visitor = options.callers.visitorOf(socket);
    this.isTrusted = options.callers.trusts(socket);
    this.#options = options;
    this.#events = events;
    this.#since = options.clock.nowMs();
    socket.setTimeout(options.firstRequestMs);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('timeout', this.#onTimeout);
    this.#writes = new SocketWrites(socket, this.#onDrained);
    this.#reads = new SocketReads(socket, this.#onBytes);
  }

  get restingSince(): Instant | undefined {
    return this.#isAnswering ? undefined : this.#since;
  }

  /** A request counts as open from its head on, also while its body arrives. */
  get isIdle(): boolean {
    return !this.#isAnswering && this.#writes.waitingBytes === 0;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Ends the connection if no request waits for its answer. */
  endIdle(): void {
    if (!this.#isAnswering && !this.#hasEnded) this.#end();
  }

  /** Answers the current request. */
  answer(answer: WholeAnswer): void {
    const { heads, ending } = this.#options;
    if (ending.isDraining) {
      afterReads(() => this.#answerInDrain(answer));
      return;
    }
    const endsConnection = answer.endsConnection || (this.#body?.missingBytes ?? 0) > SMALL_REST_BYTES;
    this.#write(heads.write(endsConnection ? { ...answer, endsConnection } : answer));
    this.#since = answer.now;
    if (endsConnection) this.#end();
    else this.#goOn();
  }

  /** Answers the current request slice by slice. Never rejects. */
  async answerSliced(answer: Answer, body: SlicedBody): Promise<void> {
    const { heads, ending, unsent, clock, stallMs } = this.#options;
    const socket = this.#socket;
    const endsConnection = ending.isDraining;
    this.#isSlicing = true;
    socket.setTimeout(stallMs);
    socket.write(heads.chunked({ ...answer, endsConnection }));
    const write = (slice: Buffer): boolean => writeChunk(socket, slice);
    const isWhole = await writeSlices(body, { socket, unsent, to: socket, write });
    this.#isSlicing = false;
    if (!isWhole) return;
    socket.write(LAST_CHUNK);
    if (socket.writableLength === 0) socket.setTimeout(0);
    this.#since = clock.nowMs();
    if (endsConnection || ending.isOver) this.#end();
    else this.#goOn();
  }

  /** The current request has its answer. */
  #goOn(): void {
    this.#isAnswering = false;
    if (this.#socket.isPaused() && !this.#writes.needsDrain) this.#socket.resume();
    // Later, because the caller has not finished with the answered request.
    if (this.#ahead !== undefined) queueMicrotask(() => this.#next());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #answerInDrain(answer: WholeAnswer): void {
    if (this.#socket.destroyed) return;
    const ahead = this.#ahead;
    this.#write(this.#options.heads.write({ ...answer, endsConnection: ahead === undefined }));
    this.#isAnswering = false;
    if (ahead === undefined) this.#end();
    else this.#handOver(ahead);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#reads.stop();
    endConnection(this.#options.clock, this.#socket);
  }

  #write(bytes: Buffer): void {
    const socket = this.#socket;
    this.#writes.write(bytes);
    if (this.#writes.waitingBytes === 0) return;
    this.#watchStall();
    if (!this.#writes.needsDrain) return;
    socket.pause();
    this.#options.unsent.add(socket, bytes.length);
  }

  #next(): void {
    const bytes = this.#ahead;
    this.#ahead = undefined;
    if (bytes !== undefined && !this.#socket.destroyed) this.#take(bytes);
  }

  /** The chunk is valid until this returns. */
  readonly #onBytes = (chunk: Buffer): void => {
    const body = this.#body;
    const count = body?.push(chunk) ?? 0;
    if (body?.missingBytes === 0) this.#body = undefined;
    if (count < chunk.length) this.#takeNext(count === 0 ? chunk : chunk.subarray(count));
  };

  #takeNext(chunk: Buffer): void {
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
    const { reader, bodies } = this.#options;
    const head = reader.read(bytes);
    if (head === undefined) {
      this.#handOver(bytes);
      return;
    }
    const body = bytes.subarray(head.bytes.length);
    if (body.length === head.contentLength) this.#begin(head, body, undefined);
    else if (body.length < head.contentLength) {
      this.#body = new PlainBody(head.contentLength, bodies);
      this.#begin(head, NO_BYTES, this.#body);
      this.#onBytes(body);
      // Several requests in one read: node:http can process those of a client that pipelines concurrently.
    } else this.#handOver(bytes);
  }

  #begin(head: PlainHead<R>, body: Buffer, arriving: PlainBody | undefined): void {
    const transport = new PlainTransport(this, head.fields, body, arriving);
    this.#isAnswering = true;
    // The timer is armed again while an answer waits: each read would set it anew.
    if (!this.#hasHadRequest) this.#socket.setTimeout(0);
    this.#hasHadRequest = true;
    this.#events.onRequest(transport, head.route);
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    socket.setTimeout(0);
    this.#options.unsent.take(socket, Infinity);
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

  /** The client has left, or has closed its side, which looks the same: an open request is cancelled. */
  readonly #onEnd = (): void => {
    if (this.#body !== undefined && this.#isAnswering) this.#events.onCutOff();
    else this.#socket.end();
  };

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onTimeout = (): void => {
    const waiting = this.#writes.waitingBytes;
    // Node sees progress of what its stream has written alone.
    if (waiting > 0 && waiting < this.#waitedBytes) this.#watchStall();
    else if (waiting > 0 || (!this.#isAnswering && !this.#hasHadRequest)) this.#socket.destroy();
  };

  #watchStall(): void {
    this.#waitedBytes = this.#writes.waitingBytes;
    this.#socket.setTimeout(this.#options.stallMs);
  }

  readonly #onDrained = (): void => {
    if (!this.#isSlicing) {
      this.#options.unsent.take(this.#socket, Infinity);
      // Less than calls for a 'drain' may still wait.
      if (this.#writes.waitingBytes === 0) this.#socket.setTimeout(0);
    }
    if ((this.#ahead?.length ?? 0) <= MAX_AHEAD_BYTES) this.#socket.resume();
  };
}
