/** Large requests that never end: sent at once up to their last byte, or trickled. The server keeps what has come. */
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import { openCall, openSession } from '../../support/raw-grpc.ts';
import { type Counts, count, pause, until } from '../driving.ts';
import { type Attack, LARGE_BYTES, PREDICT, REST_PREDICT } from './attack.ts';

const WIDTH = 30;
const PIECE = Buffer.alloc(64 * 1024, ' ');
/** Beyond the most that a server may want to see in a second, for a while. */
const TRICKLE_MS = 1000;

/** gRPC messages of 63 MiB, all but the last byte. */
export const heldMessages: Attack = async (target, seconds, signal) => {
  const counts: Counts = {};
  const end = until(seconds, signal);
  const one = async (): Promise<void> => {
    while (!end.aborted) {
      const session = openSession(target.grpc);
      session.on('error', () => undefined);
      count(counts, 'begun');
      await new Promise<void>((resolve) => {
        const stream = openCall(session, PREDICT);
        stream.on('response', (headers) => count(counts, `grpc ${String(headers['grpc-status'])}`));
        stream.on('error', () => undefined);
        stream.on('close', () => resolve());
        stream.resume();
        end.addEventListener('abort', () => stream.destroy(), { once: true });
        const head = Buffer.alloc(5);
        head.writeUInt32BE(LARGE_BYTES, 1);
        stream.write(head);
        let left = LARGE_BYTES - 1;
        const more = (): void => {
          while (left > 0 && !stream.destroyed) {
            const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
            left -= piece.length;
            if (!stream.write(piece)) {
              stream.once('drain', more);
              return;
            }
          }
          if (left === 0) count(counts, 'held');
        };
        more();
      });
      session.destroy();
      await pause(50, end);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, one));
  return counts;
};

/** REST bodies of 63 MiB: half at once, then a byte each second. */
export const trickledBodies: Attack = async (target, seconds, signal) => {
  const counts: Counts = {};
  const end = until(seconds, signal);
  const { hostname, port } = new URL(target.rest);
  const one = async (): Promise<void> => {
    while (!end.aborted) {
      const socket = connect(Number(port), hostname);
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('error', () => undefined);
      socket.on('data', (answer) => {
        const status = /^HTTP\/1.1 (\d+)/.exec(answer.toString('latin1'))?.[1];
        if (status !== undefined) count(counts, `http ${status}`);
        socket.destroy();
      });
      end.addEventListener('abort', () => socket.destroy(), { once: true });
      count(counts, 'begun');
      socket.write(`POST ${REST_PREDICT} HTTP/1.1\r\nhost: a\r\ncontent-length: ${LARGE_BYTES}\r\n\r\n`);
      for (let sent = 0; sent < LARGE_BYTES / 2 && !socket.destroyed; sent += PIECE.length) {
        if (!socket.write(PIECE)) {
          await Promise.race([closed, new Promise<void>((resolve) => socket.once('drain', () => resolve()))]);
        }
      }
      while (!socket.destroyed) {
        socket.write(' ');
        await Promise.race([closed, pause(TRICKLE_MS, end)]);
      }
      await pause(50, end);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, one));
  return counts;
};
