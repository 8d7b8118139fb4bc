/**
 * The address of a connection's client: the socket's, or the one that a proxy in front has told (prelude.ts).
 * Whoever shows, records or judges a client asks here.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

interface KnownAddress extends Partial<PeerAddress> {
  /** A proxy has sent it: it may be one of another machine's own, such as 127.0.0.1. */
  readonly isFromProxy: boolean;
}

const proxied = new WeakMap<Duplex, PeerAddress>();
/** The same for open connections with TLS, whose surface knows another socket than the one that was accepted. */
const byEnds = new Map<string, PeerAddress>();

/** A proxy has told whom the connection comes from. `hasTls`: a TLS handshake is still to come. */
export function tellPeer(socket: Socket, peer: PeerAddress, hasTls: boolean): void {
  proxied.set(socket, peer);
  if (!hasTls) return;
  const ends = endsOf(socket);
  byEnds.set(ends, peer);
  socket.once('close', () => {
    if (byEnds.get(ends) === peer) byEnds.delete(ends);
  });
}

/** Has no address and port for a Unix socket. The socket's own is known only while the connection is open. */
export function peerAddressOf(duplex: Duplex): KnownAddress {
  const peer = proxied.get(duplex) ?? (byEnds.size > 0 && duplex instanceof TLSSocket ? tlsPeerOf(duplex) : undefined);
  if (peer !== undefined) return { ...peer, isFromProxy: true };
  const { remoteAddress: address, remotePort: port } = duplex as Partial<Socket>;
  return { isFromProxy: false, ...(address !== undefined && { address }), ...(port !== undefined && { port }) };
}

function tlsPeerOf(socket: TLSSocket): PeerAddress | undefined {
  const peer = byEnds.get(endsOf(socket));
  if (peer !== undefined) proxied.set(socket, peer);
  return peer;
}

/** Both sockets of a TLS connection have it. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
