/**
 * Makes a node server listen on an address as text: "host:port", "[v6]:port" or "unix:/path".
 *
 * "[::]:port" means every address of the machine, IPv6 and IPv4 on one socket, or 0.0.0.0 on a machine without IPv6. A
 * socket file that a dead process left behind is replaced. The server removes its own file when it closes.
 */
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import type { ConnectionGate } from './connection-gate.ts';
import { formatHostPort, ListenError, parseListenAddress, removeStaleSocket } from './listen-address.ts';
import type { Prelude } from './prelude.ts';
import { bindWithAccess, type SocketAccess } from './socket-access.ts';

/** Limits who may connect. */
export interface ListenerAccess {
  /** Undefined: every connection is served. */
  readonly gate?: ConnectionGate | undefined;
  readonly socketAccess?: SocketAccess | undefined;
  /** Undefined: nothing comes before TLS or HTTP on a TCP connection. */
  readonly prelude?: Prelude | undefined;
}

/** Error codes of a machine without IPv6. */
const NO_IPV6: readonly string[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/**
 * Resolves with the bound address once connections are accepted. Rejects with ListenError. All listeners of the server's
 * connections must be there already.
 */
export async function listenNet(server: Server, address: string, access: ListenerAccess = {}): Promise<string> {
  const parsed = parseListenAddress(address);
  const prelude = parsed.kind === 'tcp' ? access.prelude : undefined;
  prelude?.guard(server, access.gate);
  access.gate?.guard(server, prelude !== undefined);
  if (parsed.kind === 'unix') {
    await removeStaleSocket(parsed.path);
    await listenOnSocket(server, parsed.path, address, access.socketAccess ?? {});
    return `unix:${parsed.path}`;
  }
  const { host, port } = parsed;
  try {
    await listenOnce(server, { host, port }, address);
  } catch (error) {
    if (host !== '::' || !(error instanceof ListenError) || !NO_IPV6.includes(error.code)) throw error;
    await listenOnce(server, { host: '0.0.0.0', port }, address);
  }
  const bound = server.address() as AddressInfo;
  return formatHostPort(host === '::' ? bound.address : host, bound.port);
}

async function listenOnSocket(server: Server, path: string, address: string, access: SocketAccess): Promise<void> {
  let listening: Promise<void> | undefined;
  try {
    // Node binds a path before `listen` returns.
    bindWithAccess(path, access, () => {
      listening = listenOnce(server, { path }, address);
    });
  } catch (error) {
    // A socket that was not bound says more itself.
    await listening;
    server.close();
    const { code, message } = error as NodeJS.ErrnoException;
    const fix = 'give a group that this process is in, or start it as root';
    throw new ListenError(code ?? 'EUNKNOWN', `cannot give ${path} its mode and group: ${message}; ${fix}`, error);
  }
  await listening;
}

function listenOnce(server: Server, options: ListenOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off('listening', onListening);
      const isTaken = error.code === 'EADDRINUSE';
      const why = isTaken ? 'it is in use (EADDRINUSE); stop what holds it or choose another' : error.message;
      reject(new ListenError(error.code ?? 'EUNKNOWN', `cannot listen on ${address}: ${why}`, error));
    };
    server.once('listening', onListening);
    server.once('error', onError);
    server.listen(options);
  });
}
