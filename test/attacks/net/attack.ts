/**
 * Attacks on a server from outside, as a stranger would make them. Each module has one, of the same form; tests run them
 * small, measure.ts for longer and beside a well-behaved neighbour. They need nothing of the server but its address.
 */
import type { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { pause as pauseOrEnd } from '../driving.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What happened, by name: connections opened, frames sent, … */
export type Counts = Readonly<Record<string, number>>;

/** Attacks for so many seconds, or until the signal; leaves no connection behind. Never rejects. */
export type Attack = (target: Target, seconds: number, signal: AbortSignal) => Promise<Counts>;

/** "127.0.0.1:8500", also in a URL. */
export function targetOf(address: string): Target {
  const [, host, port] = /(?:^|\/\/)([^/]+):(\d+)$/.exec(address) ?? [];
  if (host === undefined) throw new Error(`${address} is no address`);
  return { host, port: Number(port) };
}

export interface HeldConnections {
  readonly count: number;
  /** Sent on each as soon as it is open. */
  readonly greeting?: Buffer | undefined;
  /** Sent on each every second. */
  readonly drip?: Buffer | undefined;
}

/** More at once would only wait in the server's queue. */
const OPENING_AT_ONCE = 200;
const OPENS_AGAIN_MS = 1000;

/** Holds so many connections, and opens another one for each that the server closes, a second later. */
export async function hold(
  target: Target,
  seconds: number,
  signal: AbortSignal,
  held: HeldConnections,
): Promise<Counts> {
  const { count, greeting, drip } = held;
  const sockets = new Set<Socket>();
  /** Also those that are being opened. */
  const all = new Set<Socket>();
  const counts = { opened: 0, failed: 0, closed: 0, most: 0 };
  let opening = 0;
  let pausing = 0;
  const open = (): void => {
    opening += 1;
    let isOpen = false;
    const socket = connect(target, () => {
      opening -= 1;
      isOpen = true;
      counts.opened += 1;
      sockets.add(socket);
      counts.most = Math.max(counts.most, sockets.size);
      if (greeting !== undefined) socket.write(greeting);
    });
    all.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      all.delete(socket);
      if (!isOpen) {
        opening -= 1;
        counts.failed += 1;
      } else counts.closed += 1;
      sockets.delete(socket);
      pausing += 1;
      void pause(OPENS_AGAIN_MS, undefined, { ref: false }).then(() => {
        pausing -= 1;
      });
    });
    socket.resume();
  };
  const over = pauseOrEnd(seconds * 1000, signal).then(() => true);
  let ticks = 0;
  for (;;) {
    while (sockets.size + opening + pausing < count && opening < OPENING_AT_ONCE) open();
    if (await Promise.race([over, pause(10, false)])) break;
    ticks += 1;
    if (drip !== undefined && ticks % 100 === 0) for (const socket of sockets) socket.write(drip);
  }
  for (const socket of all) socket.destroy();
  return counts;
}
