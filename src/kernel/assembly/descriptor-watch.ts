/**
 * Notices that the process has no file descriptors left, and gets some back. The caps on connections leave a reserve, but
 * models may use it up, and the limit may be lowered while the server runs.
 *
 *   look ── one can be opened ──▶ the reserve is filled again, the gates relax
 *     └──── none ──▶ the reserve is closed, the gates end idle connections ──▶ health checks are accepted again
 *
 * Until then libuv closes new connections as they come, and does not tell.
 */
import { closeSync, openSync } from 'node:fs';
import { type Clock, repeat, type TimerHandle } from '../../core/clock.ts';

const LOOK_MS = 250;
/** Descriptors that are kept open, so that there is something to close when there is nothing left. */
const RESERVE = 8;
const LOG_PAUSE_MS = 5000;
/** Error codes for descriptors that have run out: those of the process, and those of the whole system. */
const NONE_LEFT: readonly (string | undefined)[] = ['EMFILE', 'ENFILE'];

interface Squeezed {
  squeeze(): void;
  relax(): void;
}

interface DescriptorWatchOptions {
  readonly clock: Clock;
  readonly gates: readonly Squeezed[];
  /** Called when none was left, at most once every LOG_PAUSE_MS. */
  readonly onNoneLeft: () => void;
  /** Returns a descriptor, or throws as openSync does. Default: of /dev/null. */
  readonly open?: () => number;
  readonly close?: (descriptor: number) => void;
}

export class DescriptorWatch {
  readonly #options: DescriptorWatchOptions;
  readonly #reserve: number[] = [];
  #timer: TimerHandle | undefined;
  #toldAt = -Infinity;

  constructor(options: DescriptorWatchOptions) {
    this.#options = options;
  }

  /** Begins to look. Call once. */
  start(): void {
    this.#look();
    this.#timer = repeat(this.#options.clock, LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#release();
  }

  #look(): void {
    const { clock, gates, onNoneLeft, open = openNothing } = this.#options;
    try {
      // This opens one more than is kept, which shows that others could have one.
      while (this.#reserve.length <= RESERVE) this.#reserve.push(open());
      this.#closeOne();
      for (const gate of gates) gate.relax();
    } catch (error) {
      if (!NONE_LEFT.includes((error as NodeJS.ErrnoException).code)) return;
      this.#release();
      for (const gate of gates) gate.squeeze();
      if (clock.nowMs() - this.#toldAt < LOG_PAUSE_MS) return;
      this.#toldAt = clock.nowMs();
      onNoneLeft();
    }
  }

  #release(): void {
    while (this.#reserve.length > 0) this.#closeOne();
  }

  #closeOne(): void {
    const { close = closeSync } = this.#options;
    close(this.#reserve.pop()!);
  }
}

function openNothing(): number {
  return openSync('/dev/null', 'r');
}
