/**
 * How many requests the application has at a time (--app_max_concurrency). The others wait in the order in which they came,
 * but a free slot goes to the caller that has the fewest: so beside others a caller has no more than its share, and alone
 * it has all.
 *
 *   enter ──▶ has a slot ──▶ onSlot … leave ──▶ the slot is the next one's
 *        └──▶ waits ──▶ onSlot, or leave, or onTurnedAway after MAX_WAIT_MS without a deadline of its own
 *        └──▶ MAX_WAITING wait: onTurnedAway for the last of the caller that has the most waiting
 *
 * p-queue has neither a bound of its length nor of the time in it, and starts what it is given in a later turn.
 */
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import type { ServingError } from '../../../core/errors.ts';
import { appBusy, appFull } from './app-errors.ts';

/** Each holds a socket and a head; a queue longer than this is not worth its end. */
const MAX_WAITING = 1024;
/** The longest wait, which is Envoy's default for an answer. */
const MAX_WAIT_MS = 15_000;

export interface AppSlotsOptions {
  readonly clock: Clock;
  /** The application's address, for texts. */
  readonly app: string;
  /** The number of slots, at least 1. */
  readonly max: number;
  readonly maxWaiting?: number;
  readonly maxWaitMs?: number;
}

/** The slots and the waiting users of one caller. */
interface CallerSlots {
  readonly caller: string;
  inside: number;
  /** Users that wait, in order. */
  readonly queue: SlotUser[];
}

/** A user that waits or is inside. */
interface Slot {
  readonly of: CallerSlots;
  /** Users that have come before. */
  readonly number: number;
  isInside: boolean;
  /** The timer of a user that waits for a limited time. */
  limit: TimerHandle | undefined;
}

/** A request for the application. It enters once, and leaves once it has ended. */
export interface SlotUser {
  /** Written by AppSlots; undefined at first. */
  slot: Slot | undefined;
  /** The caller's name, as proxy/caller.ts writes it. */
  readonly caller: string;
  /** Somebody else sees to it that it does not wait too long. */
  readonly hasDeadline: boolean;
  /** It may go to the application. */
  onSlot(): void;
  /** It waits no more: it gets none. */
  onTurnedAway(error: ServingError): void;
}

export class AppSlots {
  readonly #options: AppSlotsOptions;
  /** The users that have a slot or wait for one. */
  readonly #callers = new Map<string, CallerSlots>();
  #entered = 0;
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
    const { maxWaiting = MAX_WAITING } = this.#options;
    const of = this.#of(user.caller);
    of.queue.push(user);
    this.#entered += 1;
    user.slot = { of, number: this.#entered, isInside: false, limit: undefined };
    this.#waiting += 1;
    this.#giveOut();
    if (this.#waiting > maxWaiting) this.#turnOneAway();
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
    const { of } = slot;
    if (slot.isInside) {
      of.inside -= 1;
      this.#inside -= 1;
    } else {
      slot.limit?.cancel();
      of.queue.splice(of.queue.indexOf(user), 1);
      this.#waiting -= 1;
    }
    this.#forgetIdle(of);
    if (slot.isInside) this.#giveOut();
  }

  #of(caller: string): CallerSlots {
    let of = this.#callers.get(caller);
    if (of === undefined) {
      of = { caller, inside: 0, queue: [] };
      this.#callers.set(caller, of);
    }
    return of;
  }

  #forgetIdle({ caller, inside, queue }: CallerSlots): void {
    if (inside === 0 && queue.length === 0) this.#callers.delete(caller);
  }

  /** The last one of the caller that has the most waiting. */
  #turnOneAway(): void {
    const { app, max } = this.#options;
    let most: CallerSlots | undefined;
    for (const each of this.#callers.values()) if (each.queue.length >= (most?.queue.length ?? 1)) most = each;
    const user = most!.queue.at(-1)!;
    this.leave(user);
    user.onTurnedAway(appFull(app, max, this.#waiting));
  }

  /** The first one that waits of the caller that has the fewest slots; of several such callers, who came first. */
  #next(): SlotUser {
    let next: SlotUser | undefined;
    let fewest = Infinity;
    for (const { inside, queue } of this.#callers.values()) {
      const first = queue[0];
      if (first === undefined || inside > fewest) continue;
      if (inside === fewest && first.slot!.number > next!.slot!.number) continue;
      next = first;
      fewest = inside;
    }
    return next!;
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
      while (this.#inside < this.#options.max && this.#waiting > 0) {
        const user = this.#next();
        const slot = user.slot!;
        slot.of.queue.shift();
        this.#waiting -= 1;
        slot.limit?.cancel();
        slot.isInside = true;
        slot.of.inside += 1;
        this.#inside += 1;
        user.onSlot();
      }
    } finally {
      this.#isGivingOut = false;
    }
  }
}
