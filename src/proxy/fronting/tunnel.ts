/**
 * A connection whose protocol was changed (101, or CONNECT with a protocol in HTTP/2), a WebSocket say: bytes pass both
 * ways, and nobody reads them.
 *
 *   one side ends its direction ──▶ so does the other's, after what is under way; the way back stays open
 *   one side is gone            ──▶ what is under way still leaves; a reset is passed on at once
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TunnelEnd } from './client-and-app.ts';

export function joinTunnel(client: TunnelEnd, app: TunnelEnd): void {
  for (const [{ duplex: one, head }, { duplex: other }] of [
    [client, app],
    [app, client],
  ] as const) {
    if (one instanceof Socket) one.setTimeout(0).setNoDelay(true);
    one.on('error', () => reset(other));
    one.once('close', () => destroySoon(other));
    if (head.length > 0) other.write(head);
    one.pipe(other);
  }
}

/**
 * Only a TCP connection can be reset; a stream of HTTP/2 resets itself when it is destroyed. node ends a connection before it
 * resets it: one that is ending already would never close, and keep its file descriptor (EINVAL), and one with bytes
 * under way would wait for whoever reads no more.
 */
function reset(duplex: Duplex): void {
  try {
    if (duplex instanceof Socket && !duplex.writableEnded && duplex.writableLength === 0) duplex.resetAndDestroy();
    else duplex.destroy();
  } catch {
    duplex.destroy();
  }
}

/** Ends the tunnel after the bytes that are under way. */
function destroySoon(duplex: Duplex): void {
  if (duplex instanceof Socket) duplex.destroySoon();
  else if (duplex.writableFinished) duplex.destroy();
  else duplex.end(() => duplex.destroy());
}
