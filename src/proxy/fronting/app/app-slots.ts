/**
 * How many requests the application has at a time (--app_max_concurrency). The others wait in the order in which they
 * came.
 *
 *   enter ──▶ has a slot ──▶ onSlot … leave ──▶ the slot is the next one's
 *        └──▶ waits ──▶ onSlot, or leave, or onTurnedAway after MAX_WAIT_MS without a deadline of its own
 *        └──▶ onTurnedAway, if MAX_WAITING wait
 *
 * p-queue has neither a bound of its length nor of the time in it, and starts what it is given in a later turn.
 */
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import type { ServingError } from '../../../core/errors.ts';
import { appBusy, appFull } from './app-errors.ts';

/** Each holds a socket and a head; a queue longer than this is not worth its end. */
const MAX_WAITING = 1024;
/** As long as Envoy waits for an answer where nobody has said otherwise. */
const MAX_WAIT_MS = 15_000;

export interface AppSlotsOptions {
  readonly clock: Clock;
  /** The application's address, for texts. */
  readonly app: string;
  /** Slots. At least 1. */
  readonly max: number;
  readonly maxWaiting?: number;
  readonly maxWaitMs?: number;
}

/** A request for the application. It enters once, and leaves once it has ended. */
export interface SlotUser {
  /** Somebody else sees to it that it does not wait too long. */
  readonly hasDeadline: boolean;
  /** It may go to the application. */
  onSlot(): void;
  /** It waits no more: it gets none. */
  onTurnedAway(error: ServingError): void;
}

export class AppSlots {
  readonly #options: AppSlotsOptions;
  readonly #inside = new Set<SlotUser>();
  /** In order, with the timers of those that wait for a limited time. */
  readonly #waiting = new Map<SlotUser, TimerHandle | undefined>();
  #isGivingOut = false;

  constructor(options: AppSlotsOptions) {
    this.#options = options;
  }

  /** Requests that the application has. */
  get inside(): number {
    return this.#inside.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls one of the user's functions, now or later, unless it leaves before. */
  enter(user: SlotUser): void {
    const { app, max, maxWaiting = MAX_WAITING } = this.#options;
    if (this.#waiting.size >= maxWaiting) {
      user.onTurnedAway(appFull(app, max, this.#waiting.size));
      return;
    }
    this.#waiting.set(user, undefined);
    this.#giveOut();
    if (!user.hasDeadline && this.#waiting.has(user)) this.#waiting.set(user, this.#limit(user));
  }

  get max(): number {
    return this.#options.max;
  }

  isWaiting(user: SlotUser): boolean {
    return this.#waiting.has(user);
  }

  /** Frees its slot, or its place in the queue. A second call has no effect. */
  leave(user: SlotUser): void {
    this.#waiting.get(user)?.cancel();
    this.#waiting.delete(user);
    if (this.#inside.delete(user)) this.#giveOut();
  }

  #limit(user: SlotUser): TimerHandle {
    const { clock, app, max, maxWaitMs = MAX_WAIT_MS } = this.#options;
    return clock.setTimer(clock.nowMs() + maxWaitMs, () => {
      this.#waiting.delete(user);
      user.onTurnedAway(appBusy(app, max, maxWaitMs));
    });
  }

  /** A user that leaves as soon as it has its slot must not make this call itself again and again. */
  #giveOut(): void {
    if (this.#isGivingOut) return;
    this.#isGivingOut = true;
    try {
      for (const [user, timer] of this.#waiting) {
        if (this.#inside.size >= this.#options.max) break;
        this.#waiting.delete(user);
        timer?.cancel();
        this.#inside.add(user);
        user.onSlot();
      }
    } finally {
      this.#isGivingOut = false;
    }
  }
}
