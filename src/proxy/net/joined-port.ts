/**
 * One port for gRPC and REST: each connection goes where its first bytes belong (first-protocol.ts), or what TLS has
 * agreed on.
 *
 *   without TLS   connection ──────────────────────────▶ first bytes ─┬ HTTP/2 ───▶ gRPC
 *                                                                     ├ HTTP/1.1 ─▶ REST, and what is no protocol,
 *                                                                     │             for its answer 400
 *                                                                     └ TLS ──────▶ an alert, closed
 *   with TLS      connection ─▶ first byte ─┬ TLS ─▶ handshake ─▶ ALPN, else first bytes, as above
 *                                           └ else ─▶ 400 in HTTP/1.1, closed
 *
 * Nothing is guessed: a connection that has not said enough waits, as long as a first request may take. What has no TLS
 * on such a port is refused where TLS is configured, so that no client sends in the clear what it should not.
 */
import { Buffer } from 'node:buffer';
import type { Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { FirstBytes, putBack } from './first-bytes.ts';
import { type FirstProtocol, firstProtocol } from './first-protocol.ts';

/**
 * The fate of a connection: `tls` on a port without TLS and `plaintext` on one with it are refused; `unknown` is no
 * protocol of this port; `timeout` had not said enough in time; `left` before it had.
 */
export const JOINED_OUTCOMES = ['http1', 'http2', 'tls', 'plaintext', 'unknown', 'timeout', 'left'] as const;
export type JoinedOutcome = (typeof JOINED_OUTCOMES)[number];

export interface JoinedPortOptions {
  readonly clock: Clock;
  /** How long a connection may take to show what it speaks, and as long again after a TLS handshake. */
  readonly timeoutMs: number;
  /** Takes a connection that speaks HTTP/2; it is paused. */
  readonly onHttp2: (socket: Socket) => void;
  readonly onOutcome: (outcome: JoinedOutcome) => void;
}

/** The protocols in order of preference. */
export const JOINED_ALPN: readonly string[] = ['h2', 'http/1.1'];

/** A fatal alert, handshake_failure (RFC 8446, 6), in a record of TLS 1.0 as all versions take it. */
const TLS_ALERT = Buffer.from([0x15, 0x03, 0x01, 0, 2, 2, 40]);
const NEEDS_TLS_TEXT = 'This port speaks TLS alone: use https, or gRPC with TLS.\n';
const NEEDS_TLS = `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: ${NEEDS_TLS_TEXT.length}\r\nconnection: close\r\n\r\n${NEEDS_TLS_TEXT}`;
/** The time in which the client reads why its connection ends, in ms. */
const LINGER_MS = 1000;

export class JoinedPort {
  readonly #options: JoinedPortOptions;
  readonly #first: FirstBytes<FirstProtocol>;

  constructor(options: JoinedPortOptions) {
    const { clock, timeoutMs, onOutcome } = options;
    this.#options = options;
    this.#first = new FirstBytes({ clock, timeoutMs, judge: firstProtocol, onGone: onOutcome });
  }

  /** Refuses what is not TLS, before the TLS server's own listeners of 'connection', which must be there already. */
  guardTls(server: Server): void {
    const own = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      this.#first.add(socket, (protocol, bytes) => {
        if (protocol !== 'tls') {
          this.#refuse(socket, 'plaintext', protocol === 'http1' ? NEEDS_TLS : '');
          return;
        }
        putBack(socket, bytes);
        for (const listener of own) listener.call(server, socket);
      });
    });
  }

  /** A connection, after its TLS handshake if there is one. `onHttp1` is called if it is REST's. */
  enter(socket: Socket, onHttp1: () => void): void {
    const agreed = socket instanceof TLSSocket ? socket.alpnProtocol : false;
    if (agreed === 'h2') this.#take(socket, 'http2', onHttp1);
    else if (agreed === 'http/1.1') this.#take(socket, 'http1', onHttp1);
    else {
      this.#first.add(socket, (protocol, bytes) => {
        putBack(socket, bytes);
        this.#take(socket, protocol, onHttp1);
      });
    }
  }

  /** Closes the connections on which nothing has come. */
  destroySilent(): void {
    this.#first.destroySilent();
  }

  /** Closes the connections that have not shown what they speak. */
  destroy(): void {
    this.#first.destroy();
  }

  #take(socket: Socket, protocol: FirstProtocol, onHttp1: () => void): void {
    const { onOutcome, onHttp2 } = this.#options;
    if (protocol === 'tls') {
      this.#refuse(socket, 'tls', TLS_ALERT);
      return;
    }
    onOutcome(protocol);
    if (protocol === 'http2') onHttp2(socket);
    else onHttp1();
  }

  #refuse(socket: Socket, outcome: 'tls' | 'plaintext', answer: Buffer | string): void {
    const { clock, onOutcome } = this.#options;
    onOutcome(outcome);
    socket.on('error', () => undefined);
    const timer = clock.setTimer(clock.nowMs() + LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
    // A reset would make the client drop the answer, so what still comes in is read.
    socket.on('data', () => undefined);
    socket.end(answer);
    socket.resume();
  }
}
