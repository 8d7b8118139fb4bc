/**
 * Decides when a child process hangs, from its pulses (pulse.ts). A long run is no hang: pulses come from another thread.
 *
 *     silent    no pulse for SILENT_CHECKS looks, CHECK_MS apart: the process is stopped, or starved beyond use
 *     overdue   a run goes on UNWANTED_RUN_MS after its deadline: nobody has waited for it for so long that it is stuck.
 *               A run without a deadline may take as long as it likes.
 *
 * It looks when the event loop has taken in what had arrived. So a server that was itself stopped, or a laptop that slept,
 * accuses nobody. Before the first pulse it does not look: a process that cannot even start ends by itself.
 */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers';
import type { Clock, Instant, TimerHandle } from '../../../core/clock.ts';
import { type Pulse, PulseReader } from './pulse.ts';

export const CHECK_MS = 2000;
export const SILENT_CHECKS = 5;
export const UNWANTED_RUN_MS = 60_000;

export interface PulseWatchOptions {
  readonly clock: Clock;
  readonly stream: Readable;
  readonly onPulse: (pulse: Pulse) => void;
  /** Told why, once for each look that finds it so. */
  readonly onHang: (reason: string) => void;
}

export class PulseWatch {
  readonly #options: PulseWatchOptions;
  #last: Pulse | undefined;
  #isFresh = false;
  #silentChecks = 0;
  #deadline: Instant = Infinity;
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: PulseWatchOptions) {
    this.#options = options;
    const reader = new PulseReader((pulse) => this.#onPulse(pulse));
    // A process that ends may reset it; its exit says so.
    options.stream.on('data', (chunk: Buffer) => reader.push(chunk)).on('error', () => undefined);
  }

  /** Undefined until there was one. */
  get last(): Pulse | undefined {
    return this.#last;
  }

  /** Until the next call a run with this deadline goes on; Infinity = none does, or it has none. */
  expectBy(deadline: Instant): void {
    this.#deadline = deadline;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #onPulse(pulse: Pulse): void {
    if (this.#last === undefined) this.#arm();
    this.#last = pulse;
    this.#isFresh = true;
    this.#options.onPulse(pulse);
  }

  #arm(): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    this.#timer = clock.setTimer(clock.nowMs() + CHECK_MS, () => setImmediate(() => this.#check()));
  }

  #check(): void {
    if (this.#isStopped) return;
    const { clock, onHang } = this.#options;
    this.#silentChecks = this.#isFresh ? 0 : this.#silentChecks + 1;
    this.#isFresh = false;
    if (this.#silentChecks >= SILENT_CHECKS) {
      onHang(`it gave no sign of life for ${(SILENT_CHECKS * CHECK_MS) / 1000} s`);
    } else if (clock.nowMs() > this.#deadline + UNWANTED_RUN_MS) {
      onHang(`a run went on ${UNWANTED_RUN_MS / 1000} s after its deadline`);
    }
    this.#arm();
  }
}
