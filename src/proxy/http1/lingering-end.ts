/**
 * Ends a connection after its last answer while its client may still send, because the request was answered before its
 * body arrived, or because the server drains. The answer is sent whole, what still comes in is read and discarded for a
 * while, then the connection closes.
 *
 * If it closed at once the kernel would answer the bytes still under way with a reset, and a reset makes the client
 * drop an answer that it has not read yet: it would see a broken connection instead of "413".
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Clock } from '../../core/clock.ts';

/** The size up to which passing over the rest of a body is cheaper for the client than a new connection. */
export const SMALL_REST_BYTES = 64 * 1024;
/** A client that has its answer stops sending within one round trip, or when its buffers are empty. */
export const LINGER_MS = 1000;
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Ends our side after the bytes written so far. The connection closes when the client ends its side, or LINGER_MS after
 * the last byte was sent. No other reader of the socket gets what still comes in.
 */
export function endConnection(clock: Clock, socket: Socket): void {
  socket.removeAllListeners('data');
  discard(socket, () => socket.destroy());
  socket.end(() => {
    if (socket.destroyed) return;
    const timer = clock.setTimer(clock.nowMs() + LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  });
  socket.resume();
}

/** Discards what comes in; calls `onExcess` past LINGER_BYTES. */
function discard(input: Readable, onExcess: () => void): void {
  let bytes = 0;
  input.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) onExcess();
  });
}

/** Writes the body and ends the response. Its head, with `connection: close` and its length, must have been written. */
export function endLingering(clock: Clock, request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
  const end = (): void => {
    timer.cancel();
    response.end();
  };
  const timer = clock.setTimer(clock.nowMs() + LINGER_MS, end);
  response.once('close', () => timer.cancel());
  response.write(body);
  discard(request, end);
  request.once('end', end);
  request.resume();
}
