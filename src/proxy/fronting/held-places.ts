/**
 * The pace of clients whose requests have one of the application's places (--app_max_concurrency). Who sends a body that it
 * has announced, or takes an answer that waits for it, more slowly than LEAST_BYTES_PER_SECOND over `timeoutS` gives the
 * place up; while others wait for one, over CROWDED_S. The application may be as slow as it likes.
 *
 * Seconds are ticks, as in proxy/body-pace.ts.
 */
import { type Clock, repeat, type TimerHandle } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { LEAST_BYTES_PER_SECOND } from '../body-pace.ts';

const TICK_MS = 1000;
/** Requests that have no deadline wait for 15 s. */
const CROWDED_S = 5;

/** A request that has a place. */
export interface PlaceHolder {
  /** The client owes more of the body, and the application would take it. */
  readonly owesBody: boolean;
  /** The answer waits for the client. */
  readonly isUntaken: boolean;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Its client is too slow: it must give the place up. Called once. */
  onTooSlow(error: ServingError): void;
}

/** Seconds in which bytes were owed, and the bytes that came. */
class Progress {
  #seconds = 0;
  #before = 0;

  /** Returns the bytes of the last seconds if they are too few. */
  tick(isOwed: boolean, bytes: number, limitS: number): number | undefined {
    if (!isOwed) this.#seconds = 0;
    if (this.#seconds === 0) this.#before = bytes;
    if (!isOwed) return undefined;
    this.#seconds += 1;
    // The first tick has seen no second.
    if (this.#seconds <= limitS) return undefined;
    const got = bytes - this.#before;
    const least = (this.#seconds - 1) * LEAST_BYTES_PER_SECOND;
    this.#seconds = 1;
    this.#before = bytes;
    return got < least ? got : undefined;
  }
}

export class HeldPlaces {
  readonly #clock: Clock;
  readonly #timeoutS: number;
  readonly #isCrowded: () => boolean;
  readonly #holders = new Map<PlaceHolder, { readonly body: Progress; readonly answer: Progress }>();
  #timer: TimerHandle | undefined;

  /** @param timeoutS in whole seconds. `isCrowded`: others wait for a place. */
  constructor(clock: Clock, timeoutS: number, isCrowded: () => boolean) {
    this.#clock = clock;
    this.#timeoutS = timeoutS;
    this.#isCrowded = isCrowded;
  }

  add(holder: PlaceHolder): void {
    this.#holders.set(holder, { body: new Progress(), answer: new Progress() });
    this.#timer ??= repeat(this.#clock, TICK_MS, () => this.#tick());
  }

  /** May be called again, and for one that was never added. */
  remove(holder: PlaceHolder): void {
    this.#holders.delete(holder);
    if (this.#holders.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tick(): void {
    const limitS = this.#isCrowded() ? Math.min(CROWDED_S, this.#timeoutS) : this.#timeoutS;
    for (const [holder, { body, answer }] of [...this.#holders]) {
      const sent = body.tick(holder.owesBody, holder.requestBytes, limitS);
      const taken = answer.tick(holder.isUntaken, holder.responseBytes, limitS);
      if (sent !== undefined) holder.onTooSlow(tooSlow(`sent ${sent} bytes of its body`, limitS));
      else if (taken !== undefined) holder.onTooSlow(tooSlow(`took ${taken} bytes of its answer`, limitS));
    }
  }
}

function tooSlow(what: string, seconds: number): ServingError {
  const held = 'it has one of the places that --app_max_concurrency allows';
  const least = `at least ${seconds * LEAST_BYTES_PER_SECOND} are wanted while ${held}`;
  return new ServingError('body_timeout', `the client ${what} in ${seconds} s, and ${least}; be faster`);
}
