/**
 * Decides when a worker is given its next batch before it ends the current one, so that it need not wait for the event
 * loop between the two.
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
import type { Instant } from '../../core/clock.ts';
import type { Executor } from '../../core/executor.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SlotTenant } from '../cores/slot-tenant.ts';
import type { QueueSituation } from '../policy/queue-situation.ts';
import { MAX_PREFETCH_LEAD_MS, MIN_PREFETCH_RUNS, PREFETCH_LEAD_SHARE } from '../tuning.ts';
import type { RunningBatch } from './running-batch.ts';

/** The dispatcher. */
interface PrefetchTenant extends SlotTenant {
  readonly uses: readonly RunningBatch[];
  readonly situation: QueueSituation;
  /** Dispatches then, or earlier. */
  wakeBy(at: Instant): void;
}

export class Prefetch {
  readonly #tenant: PrefetchTenant;
  readonly #executor: Executor;
  readonly #slots: CoreSlots;

  constructor(tenant: PrefetchTenant, executor: Executor, slots: CoreSlots) {
    this.#tenant = tenant;
    this.#executor = executor;
    this.#slots = slots;
  }

  /**
   * The running batch whose worker should be given its next batch now; undefined = none. If one should later, the
   * tenant is woken then. Called while no slot is free and something waits.
   */
  due(now: Instant): RunningBatch | undefined {
    if (this.#executor.takesNext !== true) return undefined;
    const first = this.#endsFirst();
    if (first?.record.expectedMs === undefined) return undefined;
    const leadMs = Math.min(MAX_PREFETCH_LEAD_MS, PREFETCH_LEAD_SHARE * first.record.expectedMs);
    if (now < first.expectedEnd - leadMs) {
      this.#tenant.wakeBy(first.expectedEnd - leadMs);
      return undefined;
    }
    const isOverdue = now > first.expectedEnd + leadMs;
    return isOverdue || this.#isUnfair(first.record.expectedMs, leadMs, now) ? undefined : first;
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
