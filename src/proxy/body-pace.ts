/**
 * Ends bodies that arrive too slowly. Whoever sends a body holds memory until it is whole, so in every
 * `body_read_timeout_s` seconds it must get on by that many times LEAST_BYTES_PER_SECOND.
 *
 * Seconds are counted in ticks, not by the clock: a process that stood still (a blocked event loop, SIGSTOP) has not
 * read what its clients sent meanwhile.
 */
import type { Clock, TimerHandle } from '../core/clock.ts';
import { ServingError } from '../core/errors.ts';

/** 32 kbit/s: any client that means to be answered is faster. */
export const LEAST_BYTES_PER_SECOND = 4096;
const TICK_MS = 1000;

/** The progress of one body. */
export class BodyPace {
  readonly #timeoutS: number;
  #ticks = 0;
  #bytesBefore = 0;

  /** @param timeoutS in whole seconds; Infinity = no limit */
  constructor(timeoutS: number) {
    this.#timeoutS = timeoutS;
  }

  /** Call it once a second with the bytes received so far. Returns why the body is given up. */
  tick(receivedBytes: number): ServingError | undefined {
    this.#ticks += 1;
    if (this.#ticks < this.#timeoutS) return undefined;
    const bytes = receivedBytes - this.#bytesBefore;
    const least = this.#timeoutS * LEAST_BYTES_PER_SECOND;
    if (bytes < least) return slowBody(bytes, least, this.#timeoutS);
    return this.restart(receivedBytes);
  }

  /** Nothing is owed for the seconds until now. */
  restart(receivedBytes: number): undefined {
    this.#ticks = 0;
    this.#bytesBefore = receivedBytes;
  }
}

export interface WatchedBody {
  readonly receivedBytes: number;
  /** The body came too slowly: ends the request. */
  onSlow(error: ServingError): void;
}

/** The bodies that arrive at a server, on one timer that runs only while there are some. */
export class BodyWatch {
  readonly #clock: Clock;
  readonly #timeoutS: number;
  readonly #bodies = new Map<WatchedBody, BodyPace>();
  #timer: TimerHandle | undefined;

  /** @param timeoutS as in BodyPace */
  constructor(clock: Clock, timeoutS: number) {
    this.#clock = clock;
    this.#timeoutS = timeoutS;
  }

  add(body: WatchedBody): void {
    if (this.#timeoutS === Infinity) return;
    this.#bodies.set(body, new BodyPace(this.#timeoutS));
    if (this.#timer === undefined) this.#arm();
  }

  /** The body is whole, or nobody wants it any more. */
  remove(body: WatchedBody): void {
    if (!this.#bodies.delete(body) || this.#bodies.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + TICK_MS, () => {
      this.#timer = undefined;
      for (const [body, pace] of [...this.#bodies]) {
        const late = pace.tick(body.receivedBytes);
        if (late === undefined) continue;
        this.#bodies.delete(body);
        body.onSlow(late);
      }
      if (this.#timer === undefined && this.#bodies.size > 0) this.#arm();
    });
  }
}

function slowBody(bytes: number, least: number, timeoutS: number): ServingError {
  return new ServingError(
    'body_timeout',
    `the body came too slowly: ${bytes} bytes in ${timeoutS} s, and at least ${least} are wanted; ` +
      'send it faster, or raise --body_read_timeout_s',
  );
}
