/**
 * Decides when a worker is given its next batch before it ends the current one, so that it need not wait for the event
 * loop between the two. `noPrefetch` never does; scheduler.ts chooses.
 *
 *   worker  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓ running ▓▓▓▓▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓ its next ▓▓▓▓▓▓▓▓
 *                                     │◀─ lead ─▶│
 *                                     └ assembled and given to the worker
 *
 * A request that comes within the lead is in a later batch than it would be otherwise. So the lead is small beside the
 * run, and no batch is given early
 * - where the executor cannot take it (one on the event loop never can), or the run's length is unknown;
 * - where another model wants the same slots: a free slot decides who is next (cores/core-slots.ts);
 * - where deadlines are short beside the run: a request that comes just after would wait for two runs, and the event
 *   loop, which has to refuse requests, would find no pause between runs;
 * - after a run that is well over its time: its end is unknown, and another slot may come free first.
 */
import { type Clock, type Instant, WakeTimer } from '../../core/clock.ts';
import type { Executor } from '../../core/executor.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SlotTenant } from '../cores/slot-tenant.ts';
import type { QueueSituation } from '../policy/queue-situation.ts';
import { MAX_PREFETCH_LEAD_MS, MIN_PREFETCH_RUNS, PREFETCH_LEAD_SHARE } from '../tuning.ts';
import type { RunningBatch } from './running-batch.ts';

export interface Prefetch {
  /**
   * The running batch whose worker should be given its next batch now; undefined = none. If one should later, the
   * tenant is asked to dispatch then. Called while no slot is free and something waits.
   */
  due(now: Instant): RunningBatch | undefined;
  /** Nothing waits any more. */
  disarm(): void;
}

/** The dispatcher. */
export interface PrefetchTenant extends SlotTenant {
  readonly uses: readonly RunningBatch[];
  readonly situation: QueueSituation;
  /** Starts what may start now. */
  dispatch(): void;
}

export type CreatePrefetch = (tenant: PrefetchTenant, executor: Executor, slots: CoreSlots, clock: Clock) => Prefetch;

/** No batch is given early. */
export const noPrefetch: CreatePrefetch = () => ({ due: () => undefined, disarm: () => undefined });

/** Batches are given shortly before the expected end of a run. */
export const leadPrefetch: CreatePrefetch = (tenant, executor, slots, clock) =>
  new LeadPrefetch(tenant, executor, slots, clock);

class LeadPrefetch implements Prefetch {
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

  due(now: Instant): RunningBatch | undefined {
    if (this.#executor.takesNext !== true) return undefined;
    const first = this.#endsFirst();
    if (first?.record.expectedMs === undefined) return undefined;
    const leadMs = Math.min(MAX_PREFETCH_LEAD_MS, PREFETCH_LEAD_SHARE * first.record.expectedMs);
    if (now < first.expectedEnd - leadMs) {
      this.#timer.arm(first.expectedEnd - leadMs);
      return undefined;
    }
    const isOverdue = now > first.expectedEnd + leadMs;
    return isOverdue || this.#isUnfair(first.record.expectedMs, leadMs, now) ? undefined : first;
  }

  disarm(): void {
    this.#timer.disarm();
  }

  /** The batch that is expected to end first, of those that have begun and have no next batch. */
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
    return situation.tightestMs < leadMs + MIN_PREFETCH_RUNS * runMs || this.#slots.isContended(this.#tenant, now);
  }
}
