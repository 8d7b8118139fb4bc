/**
 * The PROXY protocol on the TCP listeners of a surface: each connection begins with a header in which the proxy tells
 * for whom it speaks (proxy-header.ts).
 *
 *   accepted ─▶ gate ─▶ header ─▶ its client is the peer ─▶ that peer's cap ─▶ TLS, HTTP
 *                          └ none, malformed, too long, late: closed, counted
 *
 * Nothing shows who has written the header. Whoever reaches the port can claim any address.
 */
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { ConnectionGate } from '../../proxy/net/connection-gate.ts';
import { FirstBytes, putBack } from '../../proxy/net/first-bytes.ts';
import { tellPeer } from '../../proxy/net/peer-address.ts';
import type { Prelude } from '../../proxy/net/prelude.ts';
import { PROXY_MISTAKES, type ProxyHeader, type ProxyMistake, readProxyHeader } from './proxy-header.ts';

/** The outcomes of headers. `kept`: the header names nobody, so that the socket's address counts. */
export const PROXY_OUTCOMES = ['proxied', 'kept', ...PROXY_MISTAKES, 'timeout', 'left'] as const;
export type ProxyOutcome = (typeof PROXY_OUTCOMES)[number];

export interface ProxyProtocolOptions {
  readonly clock: Clock;
  /** How long a header may take. */
  readonly timeoutMs: number;
  readonly onOutcome: (outcome: ProxyOutcome) => void;
}

type Listener = (this: Server, socket: Socket) => void;

export class ProxyProtocol implements Prelude {
  readonly #onOutcome: ProxyProtocolOptions['onOutcome'];
  readonly #first: FirstBytes<ProxyHeader | ProxyMistake>;

  constructor({ clock, timeoutMs, onOutcome }: ProxyProtocolOptions) {
    this.#onOutcome = onOutcome;
    this.#first = new FirstBytes({ clock, timeoutMs, judge: readProxyHeader, onGone: onOutcome });
  }

  guard(server: Server, gate: ConnectionGate | undefined): void {
    const own = server.listeners('connection') as Listener[];
    const hasTls = server instanceof TlsServer;
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      this.#first.add(socket, (header, bytes) => {
        if (!this.#mayEnter(socket, header, hasTls, gate)) return;
        putBack(socket, bytes.subarray(header.bytes));
        for (const listener of own) listener.call(server, socket);
      });
    });
  }

  untilKnown(): Promise<void> {
    return this.#first.untilEmpty();
  }

  destroySilent(): void {
    this.#first.destroySilent();
  }

  destroy(): void {
    this.#first.destroy();
  }

  #mayEnter(
    socket: Socket,
    header: ProxyHeader | ProxyMistake,
    hasTls: boolean,
    gate: ConnectionGate | undefined,
  ): header is ProxyHeader {
    if (typeof header === 'string') {
      this.#onOutcome(header);
      socket.on('error', () => undefined);
      socket.destroy();
      return false;
    }
    const { client } = header;
    this.#onOutcome(client === undefined ? 'kept' : 'proxied');
    if (client !== undefined) tellPeer(socket, client, hasTls);
    return gate === undefined || gate.arrive(socket, client?.address ?? socket.remoteAddress);
  }
}
