/** One connection of HTTP/2 to the application. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import { DenseSet, type DenseSetMember } from '../../../core/collections/dense-set.ts';
import { ErrorCode } from '../../http2/error-code.ts';
import type { OnSocket } from '../client-and-app.ts';
import type { NodeHeaders } from '../heads/http2-headers.ts';
import { type AppAddress, netPlaceOf } from './app-address.ts';

/** Bytes of one answer that may be under way, or wait for their client. The way is a short one. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** The largest that there is: answers that their clients do not take must not hold up the others of a session. */
const SESSION_WINDOW_BYTES = 2 ** 31 - 1;
/** The most memory of a session, in MB: node refuses streams past it, and its default is 10. The windows bound it. */
const MAX_SESSION_MEMORY = 4096;
/**
 * The time between two PINGs to the application while streams are open, in ms: gRPC servers close a connection with
 * more than one in five minutes.
 */
const PING_MS = 360_000;
const PING_TIMEOUT_MS = 20_000;

interface SessionEvents {
  readonly onSocket: OnSocket;
  /** It takes streams. */
  onReady(): void;
  /** A stream has closed, or the application allows more. */
  onRoom(): void;
  /** It is gone, or was never there. Called once. */
  onClosed(error: NodeJS.ErrnoException): void;
}

interface OpenStream extends DenseSetMember {
  readonly stream: ClientHttp2Stream;
}

export class AppSession {
  readonly #session: ClientHttp2Session;
  #socket: Socket | undefined;
  readonly #clock: Clock;
  readonly #events: SessionEvents;
  readonly #streams = new DenseSet<OpenStream>();
  #most = 0;
  #isReady = false;
  #error: NodeJS.ErrnoException | undefined;
  #ping: TimerHandle | undefined;
  /** It has had a request before. */
  isUsed = false;

  constructor(address: AppAddress, clock: Clock, events: SessionEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#session = connectHttp2(`http://${address.authority}`, {
      createConnection: (): Socket => {
        this.#socket = connectSocket({ ...netPlaceOf(address), noDelay: true });
        events.onSocket(this.#socket);
        return this.#socket;
      },
      maxSessionMemory: MAX_SESSION_MEMORY,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
    });
    const session = this.#session;
    session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
    session.on('remoteSettings', ({ maxConcurrentStreams = Infinity }) => this.#onSettings(maxConcurrentStreams));
    session.on('error', (error) => {
      this.#error = error;
    });
    session.on('goaway', (_code, lastId) => this.#refuseAbove(lastId));
    session.once('close', () => {
      this.#ping?.cancel();
      // node leaves some of them open.
      for (const { stream } of this.#streams.toArray()) stream.destroy();
      const gone = Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
      events.onClosed(this.#error ?? gone);
    });
    // Nobody waits for it alone.
    session.unref();
  }

  get hasRoom(): boolean {
    return this.#isReady && this.#streams.size < this.#most && !this.#session.closed && !this.#session.destroyed;
  }

  /** The connection is gone, and with it all streams. Node 20.19 closes the streams before it says so of the session. */
  get isLost(): boolean {
    return this.#session.destroyed || this.#socket?.destroyed === true;
  }

  /** The application takes CONNECT with a protocol (RFC 8441). */
  get takesTunnels(): boolean {
    return this.#session.remoteSettings.enableConnectProtocol === true;
  }

  /** Throws where a header has bytes that no request may have. */
  request(headers: NodeHeaders, hasBody: boolean, isTunnel: boolean): ClientHttp2Stream {
    const waitForTrailers = hasBody && !isTunnel;
    const stream = this.#session.request(headers, { endStream: !hasBody && !isTunnel, waitForTrailers });
    this.isUsed = true;
    const open: OpenStream = { stream, setIndex: -1 };
    this.#streams.add(open);
    if (this.#streams.size === 1) this.#askSoon();
    stream.once('close', () => {
      this.#streams.remove(open);
      if (this.#streams.size === 0) this.#ping?.cancel();
      this.#events.onRoom();
    });
    return stream;
  }

  destroy(): void {
    this.#session.destroy();
  }

  /** The application has said that it looks at none of these. */
  #refuseAbove(lastId: number): void {
    for (const { stream } of this.#streams.toArray()) {
      if (stream.id !== undefined && stream.id <= lastId) continue;
      stream.close(ErrorCode.REFUSED_STREAM);
      stream.destroy();
    }
  }

  #onSettings(maxStreams: number): void {
    // None at all would leave requests waiting with nobody to tell.
    this.#most = Math.max(1, maxStreams);
    if (this.#isReady) this.#events.onRoom();
    else {
      this.#isReady = true;
      this.#events.onReady();
    }
  }

  #askSoon(): void {
    const clock = this.#clock;
    this.#ping = clock.setTimer(clock.nowMs() + PING_MS, () => {
      const session = this.#session;
      if (session.destroyed) return;
      this.#ping = clock.setTimer(clock.nowMs() + PING_TIMEOUT_MS, () => session.destroy());
      session.ping((error) => {
        this.#ping?.cancel();
        if (error === null && this.#streams.size > 0) this.#askSoon();
      });
    });
  }
}
