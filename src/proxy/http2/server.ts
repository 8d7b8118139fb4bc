/**
 * The connections of one HTTP/2 server. It does not listen itself: a listener gives it each new connection.
 *
 *   net / TLS / Unix socket ── accept ──▶ "PRI "? ─ yes ─▶ Http2Connection ─▶ handler
 *                                              └─ no ──▶ onHttp1, with the bytes put back
 *
 *   one timer, every tickMs, while there are connections: check(now) of each
 */
import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import { UnsentBytes } from '../../core/unsent-bytes.ts';
import type { GatedConnection } from '../net/connection-gate.ts';
import { Http2Connection } from './connection.ts';
import type { ConnectionEnvironment, Http2Handler } from './connection-core.ts';
import { FlushTurn, IdleSpin, SLEEP_WHEN_IDLE } from './flush-turn.ts';
import { DEFAULT_HTTP2_OPTIONS, type Http2Options } from './options.ts';
import { SlabPool } from './output-queue.ts';
import { ProtocolSniffer, type SniffEvents } from './protocol-sniffer.ts';

export interface Http2ServerInit {
  readonly handler: Http2Handler;
  readonly clock: Clock;
  readonly options?: Partial<Http2Options>;
  /** Counts and bounds the answer bytes that wait, here and elsewhere. Default: these alone, without a bound. */
  readonly unsent?: UnsentBytes;
  /**
   * Takes connections that do not speak HTTP/2, e.g. `(socket) => httpServer.emit('connection', socket)`. Without it
   * they get a GOAWAY.
   */
  readonly onHttp1?: (duplex: Duplex) => void;
}

/** A connection, or one whose protocol is not known yet. */
interface Member extends GatedConnection {
  check(now: Instant): void;
  drain(): void;
  destroy(): void;
}

export class Http2Server implements SniffEvents {
  readonly #environment: ConnectionEnvironment;
  readonly #time: { now: Instant };
  readonly #onHttp1: ((duplex: Duplex) => void) | undefined;
  readonly #members = new Set<Member>();
  readonly #whenEmpty: (() => void)[] = [];
  #timer: TimerHandle | undefined;
  #isDraining = false;
  #isDestroyed = false;
  readonly #forget = (member: Member): void => {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  };

  constructor(init: Http2ServerInit) {
    this.#time = { now: init.clock.nowMs() };
    this.#onHttp1 = init.onHttp1;
    const options = { ...DEFAULT_HTTP2_OPTIONS, ...init.options };
    const { spinMs, onSpun } = options;
    const idle = spinMs > 0 ? new IdleSpin({ clock: init.clock, spinMs, onSpun }) : SLEEP_WHEN_IDLE;
    this.#environment = {
      handler: init.handler,
      clock: init.clock,
      options,
      time: this.#time,
      turn: new FlushTurn(idle),
      idle,
      slabs: new SlabPool(),
      unsent: init.unsent ?? new UnsentBytes(),
      unread: new UnsentBytes(options.maxUnreadBytes),
    };
  }

  /** HTTP/2 connections, and those whose protocol is not known yet. */
  get connectionCount(): number {
    return this.#members.size;
  }

  /**
   * Takes over a new connection; its errors are handled from here on. In a drain too, whose news it gets once it speaks.
   * Undefined: the server was destroyed, and the connection is closed. How many there may be and for how long one may be
   * idle is for the caller to decide.
   */
  accept(duplex: Duplex): GatedConnection | undefined {
    if (this.#isDestroyed) {
      duplex.on('error', () => {});
      duplex.destroy();
      return undefined;
    }
    // The engine gathers its writes itself (flush-turn.ts), so that Nagle's delay would gain nothing.
    if (duplex instanceof Socket) duplex.setNoDelay(true);
    this.#startTicking();
    const { options } = this.#environment;
    const member =
      this.#onHttp1 === undefined
        ? new Http2Connection(duplex, this.#environment, this.#forget)
        : new ProtocolSniffer(duplex, this, options, this.#time.now, this.#forget);
    this.#members.add(member);
    if (this.#isDraining) member.drain();
    return member;
  }

  onHttp2(duplex: Duplex, firstBytes: Buffer): GatedConnection {
    const connection = new Http2Connection(duplex, this.#environment, this.#forget);
    this.#members.add(connection);
    if (this.#isDraining) connection.drain();
    connection.onChunk(firstBytes);
    return connection;
  }

  onHttp1(duplex: Duplex): void {
    this.#onHttp1?.(duplex);
  }

  /** Tells the clients of open connections to go elsewhere; new ones are accepted. Those that still begin are left alone. */
  turnAway(): void {
    for (const member of this.#members) if (member instanceof Http2Connection && member.isEstablished) member.drain();
  }

  /** Lets each connection finish its streams. Resolves when all have closed. May be called again. */
  drain(): Promise<void> {
    this.#isDraining = true;
    for (const member of this.#members) member.drain();
    if (this.#members.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Closes every connection now: the end of a drain that took too long. */
  destroy(): void {
    this.#isDestroyed = true;
    for (const member of this.#members) member.destroy();
  }

  #startTicking(): void {
    if (this.#timer !== undefined) return;
    const { clock, options } = this.#environment;
    this.#time.now = clock.nowMs();
    this.#timer = clock.setTimer(this.#time.now + options.tickMs, () => {
      this.#timer = undefined;
      this.#time.now = clock.nowMs();
      for (const member of this.#members) member.check(this.#time.now);
      if (this.#members.size > 0) this.#startTicking();
    });
  }
}
