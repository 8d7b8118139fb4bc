/**
 * Reads the first bytes of connections until a judge knows what they are. Then the connection is paused, and has another
 * owner, who gets the bytes.
 *
 *   add ──▶ waiting ── judged ──▶ onJudged(socket, verdict, bytes)
 *              └── timeoutMs over, or the client has left: onGone, and the connection is closed
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

export interface FirstBytesOptions<T> {
  readonly clock: Clock;
  /** The time for all bytes that the judge wants, in ms. */
  readonly timeoutMs: number;
  /** Gets all bytes so far; undefined: it wants more. It must know after some bytes. */
  readonly judge: (bytes: Buffer) => T | undefined;
  readonly onGone: (why: 'timeout' | 'left') => void;
}

export class FirstBytes<T> {
  readonly #options: FirstBytesOptions<T>;
  readonly #waiting = new Set<Socket>();
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: FirstBytesOptions<T>) {
    this.#options = options;
  }

  /** `onJudged` is called at most once, while the connection is paused. `bytes` are all that have come. */
  add(socket: Socket, onJudged: (verdict: T, bytes: Buffer) => void): void {
    const { clock, timeoutMs, judge, onGone } = this.#options;
    let received: Buffer | undefined;
    const stop = (): void => {
      timer.cancel();
      this.#forget(socket);
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.off('error', onEnd);
      socket.off('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      received = received === undefined ? chunk : Buffer.concat([received, chunk]);
      const verdict = judge(received);
      if (verdict === undefined) return;
      stop();
      socket.pause();
      onJudged(verdict, received);
    };
    const onEnd = (): void => {
      socket.destroy();
    };
    const onClose = (): void => {
      stop();
      onGone('left');
    };
    const timer = clock.setTimer(clock.nowMs() + timeoutMs, () => {
      stop();
      socket.on('error', () => undefined);
      socket.destroy();
      onGone('timeout');
    });
    this.#waiting.add(socket);
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('error', onEnd);
    socket.on('close', onClose);
    socket.resume();
  }

  /** Resolves when no connection waits, and those that have been judged have their next owner. */
  untilEmpty(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Closes the connections that wait and on which nothing has come. */
  destroySilent(): void {
    for (const socket of this.#waiting) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Closes the connections that wait. */
  destroy(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #forget(socket: Socket): void {
    this.#waiting.delete(socket);
    if (this.#waiting.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

/** Puts bytes back in front of what comes next, for the next owner of a paused connection. */
export function putBack(socket: Socket, bytes: Buffer): void {
  if (bytes.length > 0) socket.unshift(bytes);
}
