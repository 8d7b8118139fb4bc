/**
 * The application's clients, in a process of their own: an open loop of GETs, `node app-client.js PORT RATE SECONDS
 * SEED`. A request goes out when it is intended, on any connection that is idle, or on a new one. It costs some 30 µs a
 * request.
 *
 * Latency counts from the write: a timer's own lateness (up to 1 ms) is told apart. Prints one line of JSON, in µs.
 */
import type { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';

/** One answered request, in µs. */
export interface Answered {
  readonly total: number;
  /** Time to the application, in it, and back. */
  readonly toApp: number;
  readonly inApp: number;
  readonly back: number;
}

export interface ClientFigures {
  readonly answered: readonly Answered[];
  /** The answer was not 200, or did not come. */
  readonly failed: number;
  /** How late each request went out, in µs. */
  readonly lateness: readonly number[];
}

const ENDING_MS = 2000;
const [port, rate, seconds, seed] = process.argv.slice(2).map(Number) as [number, number, number, number];
const REQUEST = 'GET /items HTTP/1.1\r\nhost: app\r\n\r\n';
const idle: Socket[] = [];
const all = new Set<Socket>();
const answered: Answered[] = [];
const lateness: number[] = [];
let failed = 0;
let open = 0;

function ask(): void {
  open += 1;
  const socket = idle.pop() ?? newConnection();
  const sentAt = process.hrtime.bigint();
  let text = '';
  const end = (isGood: boolean): void => {
    socket.off('data', read).off('close', broken);
    open -= 1;
    if (!isGood) failed += 1;
    else idle.push(socket);
  };
  const broken = (): void => end(false);
  const read = (bytes: Buffer): void => {
    text += bytes.toString('latin1');
    const head = text.indexOf('\r\n\r\n');
    if (head === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < head + 4 + length) return;
    const stages = /x-stages: (\d+) (\d+)/i.exec(text);
    const isGood = text.startsWith('HTTP/1.1 200 ') && stages !== null;
    if (isGood) note(sentAt, BigInt(stages[1]!), BigInt(stages[2]!));
    end(isGood);
  };
  socket.on('data', read).once('close', broken);
  socket.write(REQUEST);
}

function note(sentAt: bigint, hadAt: bigint, doneAt: bigint): void {
  const now = process.hrtime.bigint();
  const micros = (from: bigint, to: bigint): number => Number(to - from) / 1000;
  answered.push({
    total: micros(sentAt, now),
    toApp: micros(sentAt, hadAt),
    inApp: micros(hadAt, doneAt),
    back: micros(doneAt, now),
  });
}

function newConnection(): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  all.add(socket);
  return socket.on('error', () => undefined);
}

/** Random arrivals, the same for each seed. */
async function send(): Promise<void> {
  const random = new SeededRandom(seed);
  const start = performance.now();
  for (let due = 0; due < 1000 * seconds; due += random.exponential(1000 / rate)) {
    const early = start + due - performance.now();
    if (early > 0) await pause(early);
    lateness.push(Math.max(0, 1000 * (performance.now() - start - due)));
    ask();
  }
  for (const until = performance.now() + ENDING_MS; open > 0 && performance.now() < until; ) await pause(10);
}

await send();
for (const socket of all) socket.removeAllListeners('close').destroy();
const figures: ClientFigures = { answered, failed: failed + open, lateness };
process.stdout.write(`${JSON.stringify(figures)}\n`);
