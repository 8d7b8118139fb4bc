/**
 * Ends a connection after its last answer while its client may still send: the request was answered before its body
 * arrived, or the server drains. The answer goes out whole, what still comes in is read and thrown away for a while, then
 * the connection closes.
 *
 * Closing at once would have the kernel answer the bytes still on their way with a reset, and a reset makes the client
 * drop an answer that it has not read yet: it would see a broken connection instead of "413".
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

/** A client that has its answer stops sending within one round trip, or when its buffers are empty. */
const LINGER_MS = 1000;
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Our side ends after what has been written to it; the connection closes when the client has ended its own, or
 * LINGER_MS after the last byte. Nothing that comes is a request any more, to whoever read the connection before.
 */
export function endConnection(clock: Clock, socket: Socket): void {
  let bytes = 0;
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) socket.destroy();
  });
  socket.end(() => {
    if (socket.destroyed) return;
    const timer = clock.setTimer(clock.nowMs() + LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  });
  socket.resume();
}

/** The response's head, with `connection: close` and its length, must have been written. */
export function endLingering(clock: Clock, request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
  let bytes = 0;
  const end = (): void => {
    timer.cancel();
    response.end();
  };
  const timer = clock.setTimer(clock.nowMs() + LINGER_MS, end);
  response.once('close', () => timer.cancel());
  response.write(body);
  request.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) end();
  });
  request.once('end', end);
  request.resume();
}
