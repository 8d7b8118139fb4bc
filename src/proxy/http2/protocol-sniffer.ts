/**
 * Recognises HTTP/2 or HTTP/1.1 on a new connection by its first bytes: an HTTP/2 client begins with "PRI ", which no
 * HTTP/1.1 method does. The bytes are passed on with the connection.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Instant } from '../../core/clock.ts';
import type { GatedConnection } from '../net/connection-gate.ts';
import { PREFACE } from './frame-types.ts';
import type { Http2Options } from './options.ts';

const PREFIX = Buffer.from(PREFACE.slice(0, 4), 'latin1');

export interface SniffEvents {
  onHttp2(duplex: Duplex, firstBytes: Buffer): GatedConnection;
  /** The bytes have been put back. */
  onHttp1(duplex: Duplex): void;
}

type SniffTimeouts = Pick<Http2Options, 'prefaceTimeoutMs' | 'lingerMs'>;

export class ProtocolSniffer implements GatedConnection {
  readonly #duplex: Duplex;
  readonly #events: SniffEvents;
  readonly #onClosed: (sniffer: ProtocolSniffer) => void;
  readonly #openedAt: Instant;
  readonly #timeouts: SniffTimeouts;
  #bytes: Buffer | undefined;
  #isDecided = false;
  #isDraining = false;
  /** The first tick of a drain. */
  #drainingSince: Instant | undefined;
  /** The HTTP/2 connection that this has become; undefined if it is another protocol. */
  #successor: GatedConnection | undefined;
  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#bytes === undefined ? chunk : Buffer.concat([this.#bytes, chunk]);
    const count = Math.min(bytes.length, PREFIX.length);
    const isPrefix = PREFIX.compare(bytes, 0, count, 0, count) === 0;
    if (isPrefix && count < PREFIX.length) this.#bytes = bytes;
    else this.#handOver(isPrefix, bytes);
  };
  readonly #onError = (): void => {
    this.#duplex.destroy();
  };
  readonly #onClose = (): void => this.#onClosed(this);

  /** @param onClosed is called once, after the decision, or when the connection closed before it */
  constructor(
    duplex: Duplex,
    events: SniffEvents,
    timeouts: SniffTimeouts,
    now: Instant,
    onClosed: (sniffer: ProtocolSniffer) => void,
  ) {
    this.#duplex = duplex;
    this.#events = events;
    this.#timeouts = timeouts;
    this.#openedAt = now;
    this.#onClosed = onClosed;
    duplex.on('data', this.#onData);
    duplex.on('error', this.#onError);
    duplex.on('close', this.#onClose);
    // Another reader may have paused it.
    duplex.resume();
  }

  #handOver(isHttp2: boolean, bytes: Buffer): void {
    const duplex = this.#duplex;
    duplex.off('data', this.#onData);
    duplex.off('error', this.#onError);
    duplex.off('close', this.#onClose);
    this.#isDecided = true;
    if (isHttp2) {
      this.#successor = this.#events.onHttp2(duplex, bytes);
    } else {
      // Paused until its new owner has its listeners in place.
      duplex.pause();
      duplex.unshift(bytes);
      this.#events.onHttp1(duplex);
      if (duplex.listenerCount('data') > 0) duplex.resume();
    }
    this.#onClosed(this);
  }

  check(now: Instant): void {
    const { prefaceTimeoutMs, lingerMs } = this.#timeouts;
    if (this.#isDraining) this.#drainingSince ??= now;
    const isLate = now - this.#openedAt > prefaceTimeoutMs || now - (this.#drainingSince ?? now) > lingerMs;
    if (isLate) this.#duplex.destroy();
  }

  get restingSince(): Instant | undefined {
    if (this.#isDecided) return this.#successor?.restingSince;
    return this.#openedAt;
  }

  get isIdle(): boolean {
    return this.#isDecided ? this.#successor?.isIdle === true : this.#bytes === undefined;
  }

  endIdle(): void {
    if (this.#isDecided) this.#successor?.endIdle();
    else this.#duplex.destroy();
  }

  /** The client may have sent its first request: it has lingerMs to come. */
  drain(): void {
    this.#isDraining = true;
  }

  destroy(): void {
    this.#duplex.destroy();
  }
}
