/** The deadline of one request to the application: the client's, as it counts here and as the application carries it on. */
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';
import type { RequestHead } from './client-and-app.ts';
import type { CalledBy, FrontedDeadline, FrontedDeadlines } from './fronted-deadlines.ts';
import { timeoutOf } from './heads/deadline.ts';
import type { FrontedRecord } from './telemetry/fronted-record.ts';

export class RequestTime {
  /** Undefined = without a deadline. */
  readonly timeoutMs: number | undefined;
  readonly #clock: Clock;
  readonly #receivedAt: Instant;
  #timer: TimerHandle | undefined;
  /** The deadline as the requests that are made for this one know it. */
  #carried: FrontedDeadline | undefined;

  /** The request has just been received. */
  constructor(clock: Clock, head: RequestHead) {
    this.#clock = clock;
    this.#receivedAt = clock.nowMs();
    this.timeoutMs = timeoutOf(head);
  }

  /** Less than can be told to the application is left from the beginning: a call of gRPC may have less than 1 ms. */
  isTooShort(isGrpc: boolean): boolean {
    return this.timeoutMs !== undefined && this.timeoutMs < (isGrpc ? Number.MIN_VALUE : 1);
  }

  start(onLate: () => void): void {
    if (this.timeoutMs !== undefined) this.#timer = this.#clock.setTimer(this.#receivedAt + this.timeoutMs, onLate);
  }

  /** Undefined = without a deadline. */
  leftMs(): number | undefined {
    if (this.timeoutMs === undefined) return undefined;
    return Math.max(0, this.#receivedAt + this.timeoutMs - this.#clock.nowMs());
  }

  /** The application gets the request: what it asks of models for it has what is left. */
  carry(deadlines: FrontedDeadlines, record: FrontedRecord, by: CalledBy): void {
    const at = this.#receivedAt + (this.timeoutMs ?? Infinity);
    // Sent once more, it is what it was.
    this.#carried ??= deadlines.add(record.trace?.traceId, record.id, at, by);
  }

  /** The request goes on without it. */
  lift(): void {
    this.#timer?.cancel();
    this.#carried?.lift();
  }

  /** The request is over. */
  end(): void {
    this.#timer?.cancel();
    this.#carried?.remove();
  }

  /** It will be over at once, by its deadline or as its client has left. */
  abandon(hasLeft: boolean): void {
    this.#carried?.abandon(hasLeft);
  }
}
