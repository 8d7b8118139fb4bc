/** Sends HTTP/2 frames as fast as a server takes them, on some connections, and connects again when it is cut off. */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeHeaders } from '../../../src/proxy/http2/hpack/hpack-encoder.ts';
import { callFields, F, frame, greeting, T } from '../../support/http2-frames.ts';
import { pause } from '../driving.ts';
import type { Attack, Target } from './attack.ts';

const CONNECTIONS = 4;
const FRAMES_AT_ONCE = 100;

/** A call that a gRPC server takes. */
export const CALL = callFields('/grpc.health.v1.Health/Check', 'attack');
export const CALL_BLOCK = encodeHeaders(CALL);

export function callHeaders(id: number, isEnd = false): Buffer {
  return frame(T.HEADERS, F.END_HEADERS | (isEnd ? F.END_STREAM : 0), id, CALL_BLOCK);
}

/** `next` gives the i-th piece of a connection: i counts from 0. `ownSettings` are the client's. */
export function floodOf(next: (i: number) => Buffer, ownSettings: Readonly<Record<number, number>> = {}): Attack {
  return async (target, seconds, signal) => {
    let isOver = false;
    const over = pause(seconds * 1000, signal).then(() => {
      isOver = true;
    });
    const counts = { connections: 0, pieces: 0, cut_off: 0 };
    const one = async (): Promise<void> => {
      while (!isOver) await floodOnce(target, next, greeting(ownSettings), over, counts);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, one));
    return counts;
  };
}

async function floodOnce(
  target: Target,
  next: (i: number) => Buffer,
  first: Buffer,
  over: Promise<void>,
  counts: { connections: number; pieces: number; cut_off: number },
): Promise<void> {
  const socket = connect(target);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  // A GOAWAY is followed by the end.
  socket.once('end', () => {
    counts.cut_off += 1;
    socket.destroy();
  });
  socket.resume();
  socket.write(first);
  counts.connections += 1;
  void over.then(() => socket.destroy());
  for (let i = 0; !socket.destroyed; i += FRAMES_AT_ONCE) {
    const pieces = Array.from({ length: FRAMES_AT_ONCE }, (_, j) => next(i + j));
    counts.pieces += FRAMES_AT_ONCE;
    if (!socket.write(Buffer.concat(pieces))) await Promise.race([drained(socket), closed]);
    else await turn();
  }
  socket.destroy();
  await closed;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve));
}
