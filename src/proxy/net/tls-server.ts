/**
 * TLS 1.2 and 1.3 for the listeners of every surface: the options of node:tls, and connections during their handshake.
 *
 *   connection ─▶ handshake ─▶ secureConnection ─▶ the surface
 *                    └ fails, or takes too long: onHandshakeFailed, and the connection is closed
 *
 * Socket files have no TLS, as in TensorFlow Serving: their permissions decide who may open them. A client without the
 * required certificate never reaches a surface: its connection ends after the handshake, because TLS 1.3 lets a client
 * finish before the server has checked its certificate.
 */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  type SecureContextOptions,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls';
import type { TlsConfig } from '../../config/tls-config.ts';
import { DEFAULT_TLS_LIMITS } from '../../config/tls-suites.ts';
import { ListenError, peerOf } from './listen-address.ts';

export interface ListenTls {
  /** The options of new listeners. */
  readonly config: TlsConfig;
  /** Gets each new listener's server, whose certificates it may replace (live-tls.ts). */
  readonly onServer?: ((server: TlsServer) => void) | undefined;
  /** Called for the log: a failed handshake is the client's mistake. */
  readonly onHandshakeFailed?: ((error: Error, peer: string) => void) | undefined;
  /** How long a handshake may take; default 10 s. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** Long enough for several round trips around the world. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** `protocols` for ALPN. Throws ListenError EINVAL if key and certificates cannot be used. */
export function tlsOptions({ config, handshakeTimeoutMs }: ListenTls, protocols: readonly string[]): TlsOptions {
  const { verifyClient, asksClient = false } = config;
  return {
    ...secretOptions(config),
    ALPNProtocols: [...protocols],
    requestCert: verifyClient || asksClient,
    rejectUnauthorized: verifyClient,
    handshakeTimeout: handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
  };
}

/** The options that a server may be given anew while it listens. Throws as tlsOptions does. */
export function secretOptions({ serverKey, serverCert, customCa, limits }: TlsConfig): SecureContextOptions {
  const { minVersion, ciphers } = limits ?? DEFAULT_TLS_LIMITS;
  const ca = customCa === undefined ? {} : { ca: customCa };
  const options = { key: serverKey, cert: serverCert, ...ca, minVersion, ciphers };
  if (serverKey === '' || serverCert === '') throw unusable('one of them is empty');
  try {
    // This is made only for its errors, which say more than those of a server.
    createSecureContext(options);
    // A context ignores authorities that it cannot read; then no client could connect.
    for (const authority of customCa?.split(/(?<=-----END CERTIFICATE-----)\s*(?=-----BEGIN)/) ?? []) {
      new X509Certificate(authority);
    }
  } catch (error) {
    throw unusable((error as Error).message, error);
  }
  return options;
}

function unusable(reason: string, cause?: unknown): ListenError {
  const text = `cannot use the server's key and certificates for TLS: ${reason}; give PEM texts that belong together`;
  return new ListenError('EINVAL', text, cause);
}

/** Whether a listener on this address has TLS, if any listener has. */
export function takesTls(address: string): boolean {
  return !address.startsWith('unix:');
}

/** The connections of a TLS server from their first byte on, so that those without a handshake can be closed too. */
export class TlsSockets {
  readonly #sockets = new Set<Socket>();
  /** The connections whose handshake is under way. */
  readonly #unshaken = new Map<string, Socket>();
  readonly #whenShaken: (() => void)[] = [];

  /** `server` is one of node:tls or node:https that does not listen yet. */
  watch(server: TlsServer, { onHandshakeFailed, onServer }: ListenTls): void {
    onServer?.(server);
    server.on('connection', (socket) => {
      const ends = endsOf(socket);
      this.#sockets.add(socket);
      this.#unshaken.set(ends, socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        if (this.#unshaken.get(ends) === socket) this.#shaken(ends);
      });
    });
    server.on('secureConnection', (socket) => this.#shaken(endsOf(socket)));
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      onHandshakeFailed?.(error, peerOf(socket));
      // Node does not close it after a timeout.
      socket.destroy();
    });
  }

  /** Ends the connections on which nothing has come. */
  destroySilent(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Resolves when no handshake is under way. */
  untilShaken(): Promise<void> {
    if (this.#unshaken.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenShaken.push(resolve));
  }

  /** Ends the connections whose handshake is under way. */
  destroyUnshaken(): void {
    for (const socket of this.#unshaken.values()) socket.destroy();
  }

  #shaken(ends: string): void {
    this.#unshaken.delete(ends);
    if (this.#unshaken.size > 0) return;
    for (const resolve of this.#whenShaken.splice(0)) resolve();
  }

  /** Ends every connection now, with or without a handshake. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Tells a connection from the others that are open: node gives a socket of its own after the handshake. */
function endsOf({ localPort, remoteAddress, remotePort }: Socket): string {
  return `${localPort} ${remoteAddress} ${remotePort}`;
}
