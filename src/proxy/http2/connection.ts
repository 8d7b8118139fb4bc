/**
 * One HTTP/2 connection of a server on any Duplex. It reads the preface and the frames, passes each frame to the part
 * that handles it, writes the answers, and ends in order.
 *
 *   duplex ─▶ preface ─▶ FrameReader ─▶ onFrame ─┬▶ RequestFrames ──▶ sinks of the application
 *                                                └▶ ControlFrames         │
 *   duplex ◀─ OutputQueue ◀─ FrameWriter ◀─ SendScheduler ◀───────────────┘
 *
 *   open ── drain() ──▶ draining ── PING answered ──▶ drained ── last stream closed ──▶ ended ──▶ closed
 *     │     GOAWAY(2^31−1), PING     GOAWAY(last id):            end of our side          ▲  the client closes,
 *     └────── connection error: GOAWAY(code), every stream closed ────────────────────────┘  or lingerMs pass
 */
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Instant } from '../../core/clock.ts';
import { SocketReads } from '../../internals/socket-reads.ts';
import type { GatedConnection } from '../net/connection-gate.ts';
import { ConnectionCore, type ConnectionEnvironment } from './connection-core.ts';
import { ConnectionWatch, type WatchedConnection } from './connection-watch.ts';
import { type ControlEvents, ControlFrames } from './control-frames.ts';
import { ConnectionError, ErrorCode, protocolError } from './error-code.ts';
import { DEFAULT_WINDOW_BYTES, Flag, FrameType, MAX_WINDOW_BYTES, PREFACE } from './frame-types.ts';
import { FrameReader, type FrameSink } from './frames.ts';
import type { OutputOwner } from './output-queue.ts';
import { RequestFrames } from './request-frames.ts';
import { settingsPayload } from './settings.ts';
import { Closed } from './streams/stream-registry.ts';

const PING_PAYLOAD = new Uint8Array(8);
const MAX_GOAWAY_TEXT_BYTES = 100;

export class Http2Connection implements FrameSink, OutputOwner, ControlEvents, WatchedConnection, GatedConnection {
  readonly #duplex: Duplex;
  readonly #environment: ConnectionEnvironment;
  readonly #core: ConnectionCore;
  readonly #reader: FrameReader;
  readonly #requests: RequestFrames;
  readonly #control: ControlFrames;
  readonly #watch: ConnectionWatch;
  readonly #onClosed: (connection: Http2Connection) => void;
  #prefaceBytes = 0;
  #isPaused = false;
  #isDrained = false;
  /** When the last open stream closed. */
  #emptySince: Instant;
  isEstablished = false;
  framesRead = 0;
  lastReadAt: Instant;
  endedAt: Instant | undefined = undefined;
  drainingSince: Instant | undefined = undefined;

  /** @param onClosed is called once, when the duplex has closed */
  constructor(duplex: Duplex, environment: ConnectionEnvironment, onClosed: (connection: Http2Connection) => void) {
    const { options, time, slabs } = environment;
    this.#duplex = duplex;
    this.#environment = environment;
    this.#onClosed = onClosed;
    this.#core = new ConnectionCore(duplex, environment, this, () => {
      this.#emptySince = time.now;
      if (this.#isDrained && this.endedAt === undefined) this.#end();
    });
    this.#emptySince = time.now;
    this.#reader = new FrameReader(this, options.maxFrameBytes, slabs);
    this.#requests = new RequestFrames(this.#core);
    this.#control = new ControlFrames(this.#core, this);
    this.#watch = new ConnectionWatch(this.#core, this, time.now);
    this.lastReadAt = time.now;
    this.#core.writer.settings(settingsPayload(options));
    const extra = this.#core.window.windowBytes - DEFAULT_WINDOW_BYTES;
    if (extra > 0) this.#core.writer.windowUpdate(0, extra);
    duplex.on('end', () => {
      if (this.endedAt === undefined) this.#end();
    });
    duplex.on('error', () => duplex.destroy());
    duplex.on('close', () => this.#onDuplexClosed());
    new SocketReads(duplex, this.onChunk);
  }

  get hasPartialFrame(): boolean {
    return this.#reader.hasPartialFrame;
  }

  get headerBlockSince(): Instant | undefined {
    const { intake } = this.#requests;
    return intake.isOpen ? intake.startedAt : undefined;
  }

  get restingSince(): Instant | undefined {
    return this.#core.streams.size === 0 ? this.#emptySince : undefined;
  }

  get isIdle(): boolean {
    const { streams, output } = this.#core;
    const isQuiet = !this.hasPartialFrame && !this.#requests.intake.isOpen && output.backlogBytes === 0;
    return streams.size === 0 && isQuiet && (this.isEstablished || this.#prefaceBytes === 0);
  }

  /** Ends at once: the GOAWAY's last id leaves out a request under way, so that its client sends it again elsewhere. */
  endIdle(): void {
    this.drainFinally();
  }

  /** Reads bytes from the duplex. Called from outside only with those that were read before the connection was made. */
  readonly onChunk = (chunk: Buffer): void => {
    const { output } = this.#core;
    this.lastReadAt = this.#environment.time.now;
    this.#environment.idle.received();
    output.hold();
    try {
      this.#reader.read(chunk, this.#prefaceBytes < PREFACE.length ? this.#readPreface(chunk) : 0);
    } catch (error) {
      this.#failWith(error);
    }
    if (output.release()) this.flush();
    if (output.isCongested && !this.#isPaused) {
      this.#isPaused = true;
      this.#duplex.pause();
    }
  };

  /** Returns where the preface ends in the chunk. */
  #readPreface(chunk: Buffer): number {
    let at = 0;
    for (; at < chunk.length && this.#prefaceBytes < PREFACE.length; at++, this.#prefaceBytes++) {
      if (chunk[at] !== PREFACE.charCodeAt(this.#prefaceBytes)) throw protocolError('no HTTP/2 connection preface');
    }
    return at;
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.framesRead += 1;
    if (this.#requests.intake.isOpen && type !== FrameType.CONTINUATION) {
      throw protocolError('a header block was not continued');
    }
    if (type === FrameType.SETTINGS && (flags & Flag.ACK) === 0 && !this.isEstablished) {
      this.isEstablished = true;
      if (this.drainingSince !== undefined) this.#announceDrain();
    }
    // DATA and CONTINUATION without a stream are errors of their own.
    if (!this.isEstablished && type !== FrameType.DATA && type !== FrameType.CONTINUATION) {
      throw protocolError('the first frame must be SETTINGS');
    }
    switch (type) {
      case FrameType.DATA:
        this.#requests.onData(flags, id, bytes, start, end);
        break;
      case FrameType.HEADERS:
        this.#requests.onHeaders(flags, id, bytes, start, end);
        break;
      case FrameType.CONTINUATION:
        this.#requests.onContinuation(flags, id, bytes, start, end);
        break;
      default:
        this.#control.onFrame(type, flags, id, bytes, start, end);
    }
  }

  /** Called at the end of every turn in which something was written. */
  flush(): void {
    const { output, sends } = this.#core;
    output.flush();
    while (sends.canPump) {
      output.hold();
      sends.pump();
      output.release();
      output.flush();
    }
  }

  onDrained(): void {
    const { output, sends } = this.#core;
    output.drained();
    output.hold();
    sends.pump();
    if (output.release()) this.flush();
    if (this.#isPaused && !output.isCongested) {
      this.#isPaused = false;
      this.#duplex.resume();
    }
  }

  onSettingsAck(): void {
    this.#requests.areSettingsKnown = true;
  }

  onPingAck(): void {
    if (this.drainingSince !== undefined) this.drainFinally();
  }

  /**
   * Takes no new streams, finishes the open ones, then ends. A client may send requests until it has received the first
   * GOAWAY; the second GOAWAY comes after those, so that none of them is lost. A client that has only just connected has
   * lingerMs to begin, as it may have sent its first request.
   */
  drain(): void {
    if (this.drainingSince !== undefined || this.endedAt !== undefined) return;
    this.drainingSince = this.#environment.time.now;
    if (this.isEstablished) this.#announceDrain();
  }

  #announceDrain(): void {
    this.#core.writer.goAway(MAX_WINDOW_BYTES, ErrorCode.NO_ERROR, 'draining');
    this.ping();
  }

  /** The second step. A client that sends GOAWAY begins no more streams either, so that its drain starts here. */
  drainFinally(): void {
    if (this.#isDrained || this.endedAt !== undefined) return;
    this.#isDrained = true;
    const { writer, streams } = this.#core;
    this.#requests.lastAcceptedId = streams.lastId;
    writer.goAway(streams.lastId, ErrorCode.NO_ERROR, 'draining');
    if (streams.size === 0) this.#end();
  }

  ping(): void {
    this.#core.writer.ping(PING_PAYLOAD);
  }

  /** Ends the connection with an error. */
  fail(code: number, text: string): void {
    if (this.endedAt !== undefined) return;
    this.#core.writer.goAway(this.#core.streams.lastId, code, text.slice(0, MAX_GOAWAY_TEXT_BYTES));
    this.#end();
  }

  #failWith(error: unknown): void {
    if (error instanceof ConnectionError) {
      this.fail(error.code, error.message);
    } else {
      this.#environment.handler.onHandlerError(error);
      this.fail(ErrorCode.INTERNAL_ERROR, 'internal error');
    }
  }

  /** Reads no more, sends what is queued, and leaves it to the client to close first. */
  #end(): void {
    this.endedAt = this.#environment.time.now;
    this.#core.isEnded = true;
    this.#reader.stop();
    this.#closeStreams();
    this.flush();
    this.#duplex.end();
  }

  #closeStreams(): void {
    const { streams } = this.#core;
    for (const stream of streams.toArray()) this.#core.close(stream, Closed.BY_CLIENT, ErrorCode.CANCEL);
  }

  #onDuplexClosed(): void {
    this.endedAt ??= this.#environment.time.now;
    this.#core.isEnded = true;
    this.#reader.stop();
    this.#closeStreams();
    this.#core.output.discard();
    this.#onClosed(this);
  }

  check(now: Instant): void {
    this.#watch.check(now);
  }

  destroy(): void {
    this.#duplex.destroy();
  }
}
