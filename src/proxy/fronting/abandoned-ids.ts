/**
 * The ids of requests to the application for which nobody waits any more. What it asks of models for them is refused.
 *
 *   all of an id   ended by their deadlines, or their clients left before an answer   ▸ abandoned, for KEPT_MS
 *   one of them    ended otherwise                                                    ▸ wanted, for KEPT_MS
 *   one of them    is open                                                            ▸ fronted-deadlines.ts knows it
 *
 * Work behind an answer is the application's own business, so an id that was wanted is not abandoned by another request.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import { isLocal } from '../caller.ts';

/** How long an id is known. Chosen: an application that has not asked by then does something else. */
export const KEPT_MS = 10_000;
/** The most ids that are known as abandoned; the oldest are forgotten first. */
export const MOST_ABANDONED = 4096;
/** Ids that share one of so many places are wanted together. */
const PLACE_BITS = 15;

interface Abandoned {
  readonly caller: string;
  readonly until: Instant;
}

export class AbandonedIds {
  readonly #clock: Clock;
  /** The ids in the order in which they were abandoned. */
  readonly #abandoned = new Map<string, Abandoned>();
  /** The time until which the ids of a place are wanted: each answered request writes it, which allocates nothing. */
  readonly #wantedUntil = new Float64Array(2 ** PLACE_BITS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0 = nothing is to be looked up. */
  get size(): number {
    return this.#abandoned.size;
  }

  /** A request of the id has ended, and not by its deadline or its client. `hash`: of the id, 32 bits. */
  want(id: string, hash: number): void {
    this.#abandoned.delete(id);
    this.#wantedUntil[placeOf(hash)] = this.#clock.nowMs() + KEPT_MS;
  }

  /** A request of the id has ended by its deadline, or its client has left; `caller`: whose it was. */
  abandon(id: string, hash: number, caller: string): void {
    const now = this.#clock.nowMs();
    if (this.#isWanted(hash, now)) return;
    // It becomes the youngest.
    this.#abandoned.delete(id);
    this.#abandoned.set(id, { caller, until: now + KEPT_MS });
    if (this.#abandoned.size > MOST_ABANDONED) this.#abandoned.delete(this.#oldest!);
  }

  /**
   * Nobody waits for what `caller` asks for requests of the id; undefined = it is not known. Only the application is meant,
   * which is on this machine or passes its caller's name on.
   */
  isAbandoned(id: string, hash: number, caller: string, isPassedOn: boolean): boolean | undefined {
    const now = this.#clock.nowMs();
    this.#forgetOld(now);
    const abandoned = this.#abandoned.get(id);
    if (abandoned !== undefined) return isLocal(caller) || (isPassedOn && caller === abandoned.caller);
    return this.#isWanted(hash, now) ? false : undefined;
  }

  #isWanted(hash: number, now: Instant): boolean {
    return this.#wantedUntil[placeOf(hash)]! > now;
  }

  get #oldest(): string | undefined {
    return this.#abandoned.keys().next().value;
  }

  #forgetOld(now: Instant): void {
    for (const [id, { until }] of this.#abandoned) {
      if (until > now) return;
      this.#abandoned.delete(id);
    }
  }
}

function placeOf(hash: number): number {
  return hash >>> (32 - PLACE_BITS);
}
