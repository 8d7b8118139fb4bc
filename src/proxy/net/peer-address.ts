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
  /** By a proxy: it may be one of another machine's own, such as 127.0.0.1. */
  readonly isTold: boolean;
}

const told = new WeakMap<Duplex, PeerAddress>();
/** Of connections with TLS, whose surface knows another socket than the one that was accepted; while they are open. */
const toldByEnds = new Map<string, PeerAddress>();

/** A proxy has told whom the connection comes from. `hasTls`: a TLS handshake is still to come. */
export function tellPeer(socket: Socket, peer: PeerAddress, hasTls: boolean): void {
  told.set(socket, peer);
  if (!hasTls) return;
  const ends = endsOf(socket);
  toldByEnds.set(ends, peer);
  socket.once('close', () => {
    if (toldByEnds.get(ends) === peer) toldByEnds.delete(ends);
  });
}

/** Without address and port for a Unix socket. The socket's own is known only while the connection is open. */
export function peerAddressOf(duplex: Duplex): KnownAddress {
  const peer = told.get(duplex) ?? (toldByEnds.size > 0 && duplex instanceof TLSSocket ? toldTo(duplex) : undefined);
  if (peer !== undefined) return { ...peer, isTold: true };
  const { remoteAddress: address, remotePort: port } = duplex as Partial<Socket>;
  return { isTold: false, ...(address !== undefined && { address }), ...(port !== undefined && { port }) };
}

function toldTo(socket: TLSSocket): PeerAddress | undefined {
  const peer = toldByEnds.get(endsOf(socket));
  if (peer !== undefined) told.set(socket, peer);
  return peer;
}

/** Both sockets of a TLS connection have it. */
function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}
