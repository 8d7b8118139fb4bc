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

/** A user that waits or is inside. */
interface Slot {
  isInside: boolean;
  /** Of one that waits for a limited time. */
  limit: TimerHandle | undefined;
}

/** A request for the application. It enters once, and leaves once it has ended. */
export interface SlotUser {
  /** Written by AppSlots; undefined at first. */
  slot: Slot | undefined;
  /** Somebody else sees to it that it does not wait too long. */
  readonly hasDeadline: boolean;
  /** It may go to the application. */
  onSlot(): void;
  /** It waits no more: it gets none. */
  onTurnedAway(error: ServingError): void;
}

/** Users that have left the queue, beside as many that wait, before it is made anew without them. */
const MOST_GONE = 64;

export class AppSlots {
  readonly #options: AppSlotsOptions;
  /** In order; with some that have left since. */
  #queue: SlotUser[] = [];
  #inside = 0;
  #waiting = 0;
  #isGivingOut = false;

  constructor(options: AppSlotsOptions) {
    this.#options = options;
  }

  /** Requests that the application has. */
  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Calls one of the user's functions, now or later, unless it leaves before. */
  enter(user: SlotUser): void {
    const { app, max, maxWaiting = MAX_WAITING } = this.#options;
    if (this.#waiting >= maxWaiting) {
      user.onTurnedAway(appFull(app, max, this.#waiting));
      return;
    }
    user.slot = { isInside: false, limit: undefined };
    this.#queue.push(user);
    this.#waiting += 1;
    this.#giveOut();
    if (!user.hasDeadline && user.slot?.isInside === false) user.slot.limit = this.#limit(user);
  }

  get max(): number {
    return this.#options.max;
  }

  isWaiting(user: SlotUser): boolean {
    return user.slot?.isInside === false;
  }

  /** Frees its slot, or its place in the queue. A second call has no effect. */
  leave(user: SlotUser): void {
    const { slot } = user;
    user.slot = undefined;
    if (slot === undefined) return;
    if (!slot.isInside) this.#leaveQueue(slot);
    else {
      this.#inside -= 1;
      this.#giveOut();
    }
  }

  #leaveQueue(slot: Slot): void {
    slot.limit?.cancel();
    this.#waiting -= 1;
    if (this.#queue.length > 2 * this.#waiting + MOST_GONE) {
      this.#queue = this.#queue.filter((each) => this.isWaiting(each));
    }
  }

  #limit(user: SlotUser): TimerHandle {
    const { clock, app, max, maxWaitMs = MAX_WAIT_MS } = this.#options;
    return clock.setTimer(clock.nowMs() + maxWaitMs, () => {
      this.leave(user);
      user.onTurnedAway(appBusy(app, max, maxWaitMs));
    });
  }

  /** A user that leaves as soon as it has its slot must not make this call itself again and again. */
  #giveOut(): void {
    if (this.#isGivingOut) return;
    this.#isGivingOut = true;
    try {
      while (this.#inside < this.#options.max && this.#queue.length > 0) {
        const user = this.#queue.shift()!;
        const { slot } = user;
        if (slot === undefined) continue;
        this.#waiting -= 1;
        slot.limit?.cancel();
        slot.isInside = true;
        this.#inside += 1;
        user.onSlot();
      }
    } finally {
      this.#isGivingOut = false;
    }
  }
}
