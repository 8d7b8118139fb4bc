/**
 * Decides from its heartbeats (heartbeat.ts) that a child process hangs. A long run is no hang: another thread sends
 * the heartbeats.
 *
 *     silent    SILENT_CHECKS checks, CHECK_MS apart, found no new heartbeat: the process is stopped, or gets no CPU
 *     overdue   a run is still in progress `overdueMs` after its deadline: it is stuck, or does work that has no bound.
 *               A run without a deadline may take any time.
 *
 * A check comes after the event loop has read the heartbeats that had arrived. So a server that was itself stopped, or
 * a laptop that slept, reports no hang. Checks begin with the first heartbeat: a process that cannot start exits by
 * itself.
 */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers';
import type { Clock, Instant, TimerHandle } from '../../../core/clock.ts';
import { type Heartbeat, HeartbeatReader } from './heartbeat.ts';

export const CHECK_MS = 2000;
export const SILENT_CHECKS = 5;
export const OVERDUE_RUN_MS = 60_000;
/** The limit where runs are ended when nobody waits for them: about the time that a new process takes to load. */
export const ABANDONED_RUN_MS = 2000;

export interface HeartbeatMonitorOptions {
  readonly clock: Clock;
  readonly stream: Readable;
  readonly onHeartbeat: (heartbeat: Heartbeat) => void;
  /** Default: OVERDUE_RUN_MS. */
  readonly overdueMs?: number | undefined;
  /** Called with the reason, by each check that finds a hang. */
  readonly onHang: (reason: string, what: 'silent' | 'overdue') => void;
}

export class HeartbeatMonitor {
  readonly #options: HeartbeatMonitorOptions;
  #last: Heartbeat | undefined;
  #isFresh = false;
  #silentChecks = 0;
  #deadline: Instant = Infinity;
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: HeartbeatMonitorOptions) {
    this.#options = options;
    const reader = new HeartbeatReader((heartbeat) => this.#onHeartbeat(heartbeat));
    // A process that ends may reset the stream; its exit is reported elsewhere.
    options.stream.on('data', (chunk: Buffer) => reader.push(chunk)).on('error', () => undefined);
  }

  /** The last heartbeat; undefined before the first. */
  get last(): Heartbeat | undefined {
    return this.#last;
  }

  /** Sets the deadline of the current run; Infinity = no run is in progress, or it has no deadline. */
  expectBy(deadline: Instant): void {
    this.#deadline = deadline;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #onHeartbeat(heartbeat: Heartbeat): void {
    if (this.#last === undefined) this.#scheduleCheck();
    this.#last = heartbeat;
    this.#isFresh = true;
    this.#options.onHeartbeat(heartbeat);
  }

  #scheduleCheck(): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    this.#timer = clock.setTimer(clock.nowMs() + CHECK_MS, () => setImmediate(() => this.#check()));
  }

  #check(): void {
    if (this.#isStopped) return;
    const { clock, onHang, overdueMs = OVERDUE_RUN_MS } = this.#options;
    this.#silentChecks = this.#isFresh ? 0 : this.#silentChecks + 1;
    this.#isFresh = false;
    if (this.#silentChecks >= SILENT_CHECKS) {
      onHang(`no heartbeat came for ${(SILENT_CHECKS * CHECK_MS) / 1000} s`, 'silent');
    } else if (clock.nowMs() > this.#deadline + overdueMs) {
      onHang(`a run went on ${overdueMs / 1000} s after its deadline, or after its callers had gone`, 'overdue');
    }
    this.#scheduleCheck();
  }
}
