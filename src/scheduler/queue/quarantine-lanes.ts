/**
 * The lanes that a policy may choose from. The lanes of a quarantined caller that owes too much
 * (batch/quarantined-callers.ts) are left out until its debt is paid, while there are others: requests of callers that
 * are not quarantined wait or run, or did so lately (a client may send its next request only after an answer). Without
 * others such a caller is served as fast as any.
 */
import type { Instant } from '../../core/clock.ts';
import { NO_CALLER } from '../batch/quarantined-callers.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import type { Task } from '../task.ts';
import { OTHERS_MS, RERUN_TIME_SHARE } from '../tuning.ts';
import type { Lane } from './lane.ts';
import { overCallerBudget } from './queue-errors.ts';

type Parts = Pick<SchedulerParts, 'queue' | 'quarantined' | 'statistics' | 'clock'>;

export class QuarantineLanes implements Iterable<Lane> {
  readonly #parts: Parts;
  readonly #wakeBy: (at: Instant) => void;
  /** When a batch with requests of others last started or ended. */
  #othersAt: Instant = -Infinity;

  /** @param wakeBy dispatches at an instant or before it: a lane that was left out may run then */
  constructor(parts: Parts, wakeBy: (at: Instant) => void) {
    this.#parts = parts;
    this.#wakeBy = wakeBy;
  }

  /** The lanes that may run now. */
  [Symbol.iterator](): Iterator<Lane> {
    const { queue, quarantined } = this.#parts;
    return quarantined.count === 0 ? queue[Symbol.iterator]() : this.#allowed();
  }

  /** How far the caller's debt is over the limit, in ms, while there are others; else 0 or less. */
  overMs(caller: string, now: Instant): number {
    const { quarantined, statistics } = this.#parts;
    const overMs = quarantined.overMs(caller, now, statistics.meanRunMs);
    return overMs > 0 && this.#hasOthers(now) ? overMs : 0;
  }

  /** Rows of the caller's own lanes that wait. */
  waitingRows(caller: string): number {
    let rows = 0;
    for (const lane of this.#parts.queue) if (lane.quarantined === caller) rows += lane.queuedRows;
    return rows;
  }

  /** A batch of these has started or ended. */
  onBatch(members: readonly Task[], now: Instant): void {
    const { quarantined } = this.#parts;
    if (members.some((member) => !quarantined.has(callerOf(member)))) this.#othersAt = now;
  }

  /** The caller is quarantined from now on: its requests leave the lanes that they share with others. */
  separate(caller: string): void {
    const { queue } = this.#parts;
    for (const lane of [...queue]) {
      if (lane.quarantined !== undefined || lane.isolation !== undefined) continue;
      queue.separate(lane, caller, (task) => callerOf(task) === caller);
    }
  }

  /** Refuses what waits of the caller beyond one batch, if it owes too much and there are others. */
  trim(caller: string, now: Instant): void {
    const overMs = this.overMs(caller, now);
    if (overMs <= 0) return;
    let room: number | undefined;
    for (const lane of [...this.#parts.queue]) {
      if (lane.quarantined !== caller) continue;
      room ??= lane.plan.maxBatchSize;
      for (const task of [...lane.tasks()]) {
        if (task.owner.isSettled) continue;
        if (task.rows <= room) room -= task.rows;
        else task.owner.fail(overCallerBudget(overMs));
      }
    }
  }

  *#allowed(): Iterator<Lane> {
    const now = this.#parts.clock.nowMs();
    for (const lane of this.#parts.queue) {
      const overMs = lane.quarantined === undefined ? 0 : this.overMs(lane.quarantined, now);
      if (overMs > 0) this.#wake(now, overMs);
      else yield lane;
    }
  }

  #wake(now: Instant, overMs: number): void {
    // The timer must not fire now again: a debt may be too small to be seen beside the time.
    const payMs = Math.max(1, overMs / RERUN_TIME_SHARE);
    this.#wakeBy(Math.min(now + payMs, Math.max(now, this.#othersAt) + OTHERS_MS));
  }

  #hasOthers(now: Instant): boolean {
    if (now - this.#othersAt < OTHERS_MS) return true;
    for (const lane of this.#parts.queue)
      if (lane.quarantined === undefined && lane.isolation?.isTrial !== true) return true;
    return false;
  }
}

function callerOf({ owner }: Task): string {
  return owner.context.caller ?? NO_CALLER;
}
