/**
 * Makes a node server listen on an address as text: "host:port", "[v6]:port" or "unix:/path".
 *
 * "[::]:port" means every address of the machine, IPv6 and IPv4 on one socket, or 0.0.0.0 on a machine without IPv6. A
 * socket file that a dead process left behind is replaced. The server removes its own file when it closes.
 */
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { formatHostPort, ListenError, parseListenAddress, removeStaleSocket } from './listen-address.ts';

/** Error codes of a machine without IPv6. */
const NO_IPV6: readonly string[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/** Resolves with the bound address once connections are accepted. Rejects with ListenError. */
export async function listenNet(server: Server, address: string): Promise<string> {
  const parsed = parseListenAddress(address);
  if (parsed.kind === 'unix') {
    await removeStaleSocket(parsed.path);
    await listenOnce(server, { path: parsed.path }, address);
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

function listenOnce(server: Server, options: ListenOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off('listening', onListening);
      const fix = error.code === 'EADDRINUSE' ? '; stop what holds it or choose another' : '';
      reject(new ListenError(error.code ?? 'EUNKNOWN', `cannot listen on ${address}: ${error.message}${fix}`, error));
    };
    server.once('listening', onListening);
    server.once('error', onError);
    server.listen(options);
  });
}
