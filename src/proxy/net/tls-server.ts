/**
 * TLS for the listeners of every surface: what node:tls is told, and what is done with connections whose handshake is
 * not done.
 *
 *   connection ─▶ handshake ─▶ secureConnection ─▶ the surface
 *                    └ fails, or takes too long: told to `onFailed`, the connection is gone
 *
 * TLS 1.2 and 1.3. Socket files stay without: who may open them is the file's permissions' matter, and TensorFlow
 * Serving does the same. A client without the certificate that is wanted never reaches a surface: its connection ends
 * after the handshake (TLS 1.3 lets a client finish before the server has looked at its certificate).
 */
import { X509Certificate } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { createSecureContext, type TLSSocket, type TlsOptions } from 'node:tls';
import type { TlsConfig } from '../../config/tls-config.ts';
import { ListenError } from './listen-address.ts';
import { peerOf } from './peer-address.ts';

export interface ListenTls {
  readonly config: TlsConfig;
  /** What clients do wrong is theirs to mend: worth a line for whoever looks for it, no more. */
  readonly onHandshakeFailed?: ((error: Error, peer: string) => void) | undefined;
  /** How long a handshake may take; default 10 s. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** Several round trips to the other side of the world, and no room for those who hold connections open. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** `protocols` for ALPN. Throws ListenError EINVAL if key and certificates cannot be used. */
export function tlsOptions({ config, handshakeTimeoutMs }: ListenTls, protocols: readonly string[]): TlsOptions {
  const { serverKey, serverCert, customCa, verifyClient } = config;
  const secrets = { key: serverKey, cert: serverCert, ...(customCa !== undefined && { ca: customCa }) };
  if (serverKey === '' || serverCert === '') throw unusable('one of them is empty');
  try {
    // Made here for its errors, which tell what is wrong; a server would throw them, too, with less said.
    createSecureContext({ ...secrets, minVersion: 'TLSv1.2' });
    // It passes over authorities that it cannot read, and then nobody would get in.
    for (const authority of customCa?.split(/(?<=-----END CERTIFICATE-----)\s*(?=-----BEGIN)/) ?? []) {
      new X509Certificate(authority);
    }
  } catch (error) {
    throw unusable((error as Error).message, error);
  }
  return {
    ...secrets,
    minVersion: 'TLSv1.2',
    ALPNProtocols: [...protocols],
    requestCert: verifyClient,
    rejectUnauthorized: verifyClient,
    handshakeTimeout: handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
  };
}

function unusable(reason: string, cause?: unknown): ListenError {
  const text = `cannot use the server's key and certificates for TLS: ${reason}; give PEM texts that belong together`;
  return new ListenError('EINVAL', text, cause);
}

/** Whether a listener on this address has TLS, if any has. */
export function takesTls(address: string): boolean {
  return !address.startsWith('unix:');
}

/** Knows the connections of a TLS server from their first byte on: before the handshake nobody else does. */
export class TlsSockets {
  readonly #sockets = new Set<Socket>();

  /** `server` is one of node:tls or node:https; call it before it listens. */
  watch(server: Server, { onHandshakeFailed }: ListenTls): void {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      onHandshakeFailed?.(error, peerOf(socket));
      // After a timeout nobody else would.
      socket.destroy();
    });
  }

  /** Ends every connection now, with or without a handshake. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
