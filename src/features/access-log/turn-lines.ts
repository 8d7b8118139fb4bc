/**
 * Lines on their way to a file or standard output: those of one turn of the event loop are written together.
 *
 *   add ──▶ this turn's text ──▶ destination, which holds MAX_BUFFERED_BYTES ──▶ file
 *                                    └ more than that, or nobody reads: lost, and counted
 *
 * Nobody waits for them, requests least of all.
 */
import { clearImmediate, setImmediate } from 'node:timers';
import type { Clock } from '../../core/clock.ts';

/** pino's destination, as far as it is used here. */
export interface LineDestination {
  write(text: string): boolean;
  on(event: 'drop' | 'drain', listener: () => void): unknown;
  /** So many bytes were written. */
  on(event: 'write', listener: (bytes: number) => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  end(): void;
  flushSync(): void;
}

export interface TurnLinesOptions {
  readonly destination: LineDestination;
  readonly clock: Clock;
  /** So many lines were lost since the last call; about so many, if they were in the destination's hands. */
  readonly onLost: (lines: number) => void;
}

/** Text of more characters is written before the turn ends. */
const MOST_AT_ONCE = 64 * 1024;

export class TurnLines {
  /** Lines lost since the start. */
  lost = 0;
  readonly #options: TurnLinesOptions;
  readonly #write = (): void => this.#writeTurn();
  #text = '';
  #lines = 0;
  /** All that the destination took, and the bytes of it that have not left. */
  #taken = { lines: 0, bytes: 0 };
  #waitingBytes = 0;
  #told = 0;
  #isDropped = false;
  #turn: NodeJS.Immediate | undefined;
  /** Nobody will ever read them, or it is closed. */
  #isGone = false;

  constructor(options: TurnLinesOptions) {
    this.#options = options;
    const { destination } = options;
    // The destination calls this within `write`.
    destination.on('drop', () => {
      this.#isDropped = true;
    });
    destination.on('write', (bytes) => {
      this.#waitingBytes -= bytes;
    });
    destination.on('drain', () => this.#tell());
    destination.on('error', ({ code }) => {
      if (code !== 'EPIPE' || this.#isGone) return;
      this.#giveUp();
    });
  }

  /** A line with its end. */
  add(line: string): void {
    this.#text += line;
    this.#lines += 1;
    if (this.#text.length > MOST_AT_ONCE) this.#writeTurn();
    else this.#turn ??= setImmediate(this.#write);
  }

  /** Resolves when all is written, or after `patienceMs` or a failure to write: then the rest is lost. */
  close(patienceMs: number): Promise<void> {
    const { destination, clock } = this.#options;
    this.#writeTurn();
    if (this.#isGone) return Promise.resolve();
    this.#isGone = true;
    return new Promise((resolve) => {
      const giveUp = (): void => {
        timer.cancel();
        // Else pino would write once more when the process exits, for as long as it takes: on a full disk, for ever.
        destination.flushSync = () => undefined;
        this.#giveUp();
        resolve();
      };
      const timer = clock.setTimer(clock.nowMs() + patienceMs, giveUp);
      destination.once('close', () => {
        timer.cancel();
        this.#tell();
        resolve();
      });
      destination.on('error', giveUp);
      destination.end();
    });
  }

  #writeTurn(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    const text = this.#text;
    const lines = this.#lines;
    this.#text = '';
    this.#lines = 0;
    if (lines === 0) return;
    this.#isDropped = this.#isGone;
    if (!this.#isGone) this.#options.destination.write(text);
    if (this.#isDropped) {
      this.lost += lines;
      return;
    }
    this.#taken.lines += lines;
    this.#taken.bytes += text.length;
    this.#waitingBytes += text.length;
  }

  /** Neither the lines that wait will be written, nor those to come. */
  #giveUp(): void {
    const { lines, bytes } = this.#taken;
    this.#isGone = true;
    if (this.#waitingBytes > 0) this.lost += Math.ceil((this.#waitingBytes * lines) / bytes);
    this.#waitingBytes = 0;
    this.#tell();
  }

  #tell(): void {
    const lines = this.lost - this.#told;
    this.#told = this.lost;
    if (lines > 0) this.#options.onLost(lines);
  }
}
