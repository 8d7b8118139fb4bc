/**
 * Checks the timeouts of one connection at every tick of the server. One timer serves all connections, so every timeout
 * is late by up to a tick.
 *
 *   preface or SETTINGS missing          GOAWAY                    frame or header block incomplete    GOAWAY
 *   answers wait for a stream's window   RST_STREAM                streams open, nothing received      PING, then close
 *   socket takes nothing                 close                     a request is not whole              its sink decides
 *   ended, not closed by the client      close, when all is sent or it takes nothing more
 */
import type { Instant } from '../../core/clock.ts';
import type { ConnectionCore } from './connection-core.ts';
import { ErrorCode } from './error-code.ts';

/** The part of a connection that the checks read and call. */
export interface WatchedConnection {
  /** Preface and first SETTINGS have come. */
  readonly isEstablished: boolean;
  /** A frame has begun to arrive. */
  readonly hasPartialFrame: boolean;
  /** When the incomplete header block began; undefined if there is none. */
  readonly headerBlockSince: Instant | undefined;
  /** Frames read so far. */
  readonly framesRead: number;
  readonly lastReadAt: Instant;
  /** When the last GOAWAY was sent and our side ended; undefined before. */
  readonly endedAt: Instant | undefined;
  /** When the first of the two GOAWAYs of a drain was sent; undefined before. */
  readonly drainingSince: Instant | undefined;
  fail(code: number, text: string): void;
  drainFinally(): void;
  ping(): void;
  destroy(): void;
}

export class ConnectionWatch {
  readonly #core: ConnectionCore;
  readonly #connection: WatchedConnection;
  readonly #openedAt: Instant;
  /** The instant since which the same frame has been incomplete. */
  #partialSince: Instant | undefined;
  #framesRead = 0;
  #stalledSince: Instant | undefined;
  #takenBytes = 0;
  #pingedAt: Instant | undefined;

  constructor(core: ConnectionCore, connection: WatchedConnection, now: Instant) {
    this.#core = core;
    this.#connection = connection;
    this.#openedAt = now;
  }

  check(now: Instant): void {
    const connection = this.#connection;
    const { options } = this.#core;
    const stalledMs = this.#socketStalledMs(now);
    if (connection.endedAt !== undefined) {
      // A slow client gets the rest of its answers, as long as it takes some.
      const waitedMs = this.#core.output.backlogBytes > 0 ? stalledMs : now - connection.endedAt;
      if (waitedMs > options.lingerMs) connection.destroy();
    } else if (stalledMs > options.stallTimeoutMs) {
      for (const stream of this.#core.streams.toArray()) stream.sink.onStalled?.();
      connection.destroy();
    } else if (!connection.isEstablished) {
      this.#checkDrain(now);
      if (now - this.#openedAt > options.prefaceTimeoutMs) {
        connection.fail(ErrorCode.SETTINGS_TIMEOUT, 'no connection preface in time');
      }
    } else if (this.#isFrameStalled(now)) {
      connection.fail(ErrorCode.ENHANCE_YOUR_CALM, 'frame or header block not completed in time');
    } else {
      this.#checkStreams(now);
      this.#tickRequests();
      this.#checkSilence(now);
    }
  }

  #isFrameStalled(now: Instant): boolean {
    const { frameTimeoutMs } = this.#core.options;
    const { hasPartialFrame, framesRead, headerBlockSince } = this.#connection;
    if (!hasPartialFrame || framesRead !== this.#framesRead) this.#partialSince = undefined;
    if (hasPartialFrame) this.#partialSince ??= now;
    this.#framesRead = framesRead;
    const since = Math.min(this.#partialSince ?? Infinity, headerBlockSince ?? Infinity);
    return now - since > frameTimeoutMs;
  }

  /** Returns how long the socket has had bytes to send and has sent none. */
  #socketStalledMs(now: Instant): number {
    const { backlogBytes, takenBytes } = this.#core.output;
    if (backlogBytes === 0 || takenBytes > this.#takenBytes) this.#stalledSince = undefined;
    if (backlogBytes > 0) this.#stalledSince ??= now;
    this.#takenBytes = takenBytes;
    return now - (this.#stalledSince ?? now);
  }

  #checkStreams(now: Instant): void {
    // While the socket itself is stalled, no stream is to blame.
    if (this.#core.sends.waitingBytes === 0 || this.#core.output.isCongested) return;
    const { stallTimeoutMs } = this.#core.options;
    for (const stream of this.#core.streams.toArray()) {
      if (stream.waitingBytes > 0 && now - stream.progressAt > stallTimeoutMs) {
        stream.sink.onStalled?.();
        stream.reset(ErrorCode.ENHANCE_YOUR_CALM);
      }
    }
  }

  #tickRequests(): void {
    const { streams } = this.#core;
    if (streams.size === 0) return;
    for (const stream of streams.toArray()) if (!stream.isRequestWhole) stream.onTick();
  }

  /** The client has not answered the PING, or not begun at all. */
  #checkDrain(now: Instant): void {
    const { drainingSince } = this.#connection;
    if (drainingSince !== undefined && now - drainingSince > this.#core.options.lingerMs)
      this.#connection.drainFinally();
  }

  #checkSilence(now: Instant): void {
    const connection = this.#connection;
    const { options, output, streams } = this.#core;
    const silentMs = now - connection.lastReadAt;
    this.#checkDrain(now);
    if (streams.size === 0 || silentMs <= options.keepaliveMs || output.isCongested) {
      // A congested connection is not read from, so that its silence means nothing.
      this.#pingedAt = undefined;
    } else if (this.#pingedAt === undefined) {
      this.#pingedAt = now;
      connection.ping();
    } else if (now - this.#pingedAt > options.keepaliveTimeoutMs) {
      connection.destroy();
    }
  }
}
