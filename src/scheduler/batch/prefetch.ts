/**
 * When a worker's next batch is put together while it still runs one, so that it need not wait for the event loop
 * between the two.
 *
 *   worker  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓ running ▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓ its next ▓▓▓▓▓▓▓▓
 *                                     │◀─ lead ─▶│
 *                                     └ copied together and given to it
 *
 * Who comes within the lead rides a batch later than without. So the lead is small beside the run, and nothing is put
 * together early
 * - where the executor cannot take it (one on the event loop never can), or the run's length is not known;
 * - where another model wants the same slots: who goes next is decided when a slot comes free
 *   (scheduler/cores/core-slots.ts);
 * - where clients give little time, beside the run: who comes just after would wait for two runs, and while workers never
 *   pause the event loop, which refuses whom it must, has to wait for a core;
 * - after a run that is well over its time: nobody knows when it ends, and another slot may come free first.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import type { Executor } from '../../core/executor.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SlotTenant } from '../cores/slot-tenant.ts';
import type { QueueSituation } from '../policy/queue-situation.ts';
import { WakeTimer } from '../wake-timer.ts';
import type { RunningBatch } from './running-batch.ts';

/** Of a run's expected length, and at most: what timers of a millisecond and a busy event loop need. */
const LEAD_SHARE = 0.25;
const MOST_LEAD_MS = 2;
/** Runs within the shortest time that a client has given lately. With fewer nothing is put together early. */
const RUNS_IN_TIME = 10;

/** The dispatcher. */
export interface PrefetchTenant extends SlotTenant {
  readonly uses: readonly RunningBatch[];
  readonly situation: QueueSituation;
  /** Looks at what may start now. */
  dispatch(): void;
}

export class Prefetch {
  readonly #tenant: PrefetchTenant;
  readonly #executor: Executor;
  readonly #slots: CoreSlots;
  readonly #timer: WakeTimer;

  constructor(tenant: PrefetchTenant, executor: Executor, slots: CoreSlots, clock: Clock) {
    this.#tenant = tenant;
    this.#executor = executor;
    this.#slots = slots;
    this.#timer = new WakeTimer(clock, () => tenant.dispatch());
  }

  /**
   * The running batch that should be given its next one now. Undefined: none; if one should later, the tenant is asked
   * to dispatch then. To be asked while no slot is free and something waits.
   */
  due(now: Instant): RunningBatch | undefined {
    if (this.#executor.takesNext !== true) return undefined;
    const first = this.#endsFirst();
    if (first?.record.expectedMs === undefined) return undefined;
    const leadMs = Math.min(MOST_LEAD_MS, LEAD_SHARE * first.record.expectedMs);
    if (now < first.expectedEnd - leadMs) {
      this.#timer.arm(first.expectedEnd - leadMs);
      return undefined;
    }
    const isOverdue = now > first.expectedEnd + leadMs;
    return isOverdue || this.#isUnfair(first.record.expectedMs, leadMs, now) ? undefined : first;
  }

  /** Nothing waits. */
  disarm(): void {
    this.#timer.disarm();
  }

  /** Of those that have begun and have no next one. */
  #endsFirst(): RunningBatch | undefined {
    let first: RunningBatch | undefined;
    for (const use of this.#tenant.uses) {
      if (use.after !== undefined || use.next !== undefined) continue;
      if (first === undefined || use.expectedEnd < first.expectedEnd) first = use;
    }
    return first;
  }

  #isUnfair(runMs: number, leadMs: number, now: Instant): boolean {
    const { situation } = this.#tenant;
    situation.now = now;
    return situation.tightestMs < leadMs + RUNS_IN_TIME * runMs || this.#slots.isContended(this.#tenant, now);
  }
}
