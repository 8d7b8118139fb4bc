/** Who is at the other end of a connection, as text for logs: "127.0.0.1:54321", "[::1]:54321", "unix". */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatHostPort } from './listen-address.ts';

/** Ask while the connection is open: afterwards nobody knows. */
export function peerOf(duplex: Duplex): string {
  if (!(duplex instanceof Socket) || duplex.remoteAddress === undefined || duplex.remotePort === undefined)
    return 'unix';
  return formatHostPort(duplex.remoteAddress, duplex.remotePort);
}
