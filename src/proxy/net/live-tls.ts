/**
 * The key and certificates of all listeners, which can be replaced while they listen.
 *
 *   replace ──▶ setSecureContext of each server ──▶ handshakes from now on have the new ones
 *                                                   open connections stay as they are
 *
 * A session ticket of an earlier connection is good for nothing after that: each context has keys of its own for
 * tickets. So a client whose authority has gone cannot resume, and shows its certificate again.
 */
import type { Server } from 'node:tls';
import type { TlsConfig } from '../../config/tls-config.ts';
import { type ListenTls, secretOptions } from './tls-server.ts';

export class LiveTls implements ListenTls {
  readonly onHandshakeFailed: ListenTls['onHandshakeFailed'];
  readonly #servers = new Set<Server>();
  #config: TlsConfig;

  constructor(config: TlsConfig, onHandshakeFailed?: ListenTls['onHandshakeFailed']) {
    this.#config = config;
    this.onHandshakeFailed = onHandshakeFailed;
  }

  get config(): TlsConfig {
    return this.#config;
  }

  readonly onServer = (server: Server): void => {
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
  };

  /**
   * Replaces the certificates of every listener, or of none: throws ListenError if they cannot be used. Whether clients
   * are asked for certificates stays as it was at the start; node:tls cannot change that.
   */
  replace(config: TlsConfig): void {
    const options = secretOptions(config);
    for (const server of this.#servers) server.setSecureContext(options);
    this.#config = config;
  }
}
