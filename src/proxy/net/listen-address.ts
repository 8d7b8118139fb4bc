/**
 * Addresses as text: "host:port", "[v6]:port", "unix:/path" (or "unix:///path"). Also removes stale socket files.
 *
 * A process that was killed leaves its socket file behind, and then no bind succeeds. So the file is connected to
 * first: if nobody answers it is removed; if somebody answers, or it is no socket at all, that is an error.
 */
import { Buffer } from 'node:buffer';
import { lstat, unlink } from 'node:fs/promises';
import { connect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { peerAddressOf } from './peer-address.ts';

/** Longest path of a socket file (Linux; the byte after it is a 0). */
const MAX_SOCKET_PATH_BYTES = 107;

/** An address cannot be listened on. Reported to the operator, never to a client. */
export class ListenError extends Error {
  /** Node's code: EADDRINUSE, EACCES, …; EINVAL for text that is no address. */
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ListenError';
    this.code = code;
  }
}

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Throws ListenError EINVAL. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\//, '');
    if (path === '' || path.includes('\0') || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new ListenError('EINVAL', `"${text}" names no socket file: give unix: and a path of 1 to 107 bytes`);
    }
    return { kind: 'unix', path };
  }
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^[\]:/\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) {
    throw new ListenError(
      'EINVAL',
      `"${text}" is no address to listen on; write 0.0.0.0:8500, [::]:8500 or unix:/run/model.sock`,
    );
  }
  return { kind: 'tcp', host, port };
}

/** "host:port" with IPv6 in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The client's address for logs: "127.0.0.1:54321", "[::1]:54321", "unix". Known only while the connection is open. */
export function peerOf(duplex: Duplex): string {
  const { address, port } = duplex instanceof Socket ? peerAddressOf(duplex) : {};
  return address === undefined || port === undefined ? 'unix' : formatHostPort(address, port);
}

/** Removes a socket file that nobody serves, so that it can be bound. Throws ListenError EADDRINUSE, ENOTSOCK. */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!(await exists(path))) return;
  if (await hasListener(path)) {
    throw new ListenError('EADDRINUSE', `another process serves ${path}; stop it or choose another path`);
  }
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return;
    const problem = `cannot remove the stale socket ${path} (${error.code}); remove it by hand`;
    throw new ListenError(error.code ?? 'EACCES', problem, error);
  });
}

async function exists(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return false;
  if (!stats.isSocket()) {
    throw new ListenError('ENOTSOCK', `${path} is there and is no socket; it is left alone, choose another path`);
  }
  return true;
}

/** A refused connection means a stale file; any other failure (no permission, a full backlog) means a listener. */
function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
