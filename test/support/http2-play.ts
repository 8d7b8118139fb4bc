/** A connection's bytes played to the HTTP/2 engine, in any pieces, and what came of them. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { parseFrames } from './http2-frames.ts';
import { Http2Peer, turn } from './http2-peer.ts';

/** What a client saw of a connection, and the server of its requests. */
interface Seen {
  readonly requests: readonly unknown[];
  readonly frames: string;
  readonly isEnded: boolean;
}

/** Sends the chunks on a new connection, and checks that nothing of it is left afterwards. */
export async function playBytes(chunks: readonly Buffer[]): Promise<Seen> {
  const peer = new Http2Peer();
  await turn();
  peer.take();
  for (const chunk of chunks) if (!peer.socket.destroyed) peer.socket.push(chunk);
  await turn();
  const { requests, errors } = peer.echo;
  assert.deepEqual(errors, []);
  const written = peer.socket.takeWritten();
  const seen: Seen = {
    requests: requests.map(({ stream, headers: h, body, trailers, end }) => [
      stream.id,
      h.path,
      body.toString('latin1'),
      trailers?.length,
      end,
    ]),
    frames: written.toString('hex'),
    isEnded: peer.isEnded,
  };
  parseFrames(written);
  peer.server.destroy();
  await turn();
  for (const { closeCount } of requests) assert.equal(closeCount, 1);
  assert.equal(peer.server.connectionCount, 0);
  assert.equal(peer.clock.armed, 0);
  return seen;
}
