/**
 * Decides which sessions a model's next batches go to, and whether it should have more of them.
 *
 *   batches wait beside a free core for long        ──▶ Executor.grow: one more session
 *   the model keeps a core busy and is by itself    ──▶ Executor.widen: as many as there are cores
 *   another number of threads would be done sooner  ──▶ Executor.use, once what runs has ended
 */
import type { Instant } from '../../core/clock.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { RunningBatch } from '../batch/running-batch.ts';
import { RateWindow } from '../rate-window.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import { BUSY_MODEL_CORES, DEMAND_SHARE, DEMAND_SPAN_MS } from '../tuning.ts';
import type { SlotTenant } from './slot-tenant.ts';
import { ThreadChoice } from './thread-choice.ts';

export class SessionUse {
  readonly #parts: SchedulerParts;
  readonly #tenant: SlotTenant;
  readonly #running: readonly RunningBatch[];
  readonly #demand: SessionDemand;
  readonly #choice = new ThreadChoice();
  /** The executor's. */
  plans: readonly SessionPlan[] | undefined;
  /** Nothing starts until what runs has ended: then batches go to sessions of another number of threads. */
  isChanging = false;

  /** @param running the tenant's batches, as they are at each call */
  constructor(parts: SchedulerParts, tenant: SlotTenant, running: readonly RunningBatch[]) {
    this.#parts = parts;
    this.#tenant = tenant;
    this.#running = running;
    this.#demand = new SessionDemand(parts.clock.nowMs());
  }

  /** Call when something has come, started or ended. The tenant uses slots. */
  noteDemand(): void {
    const { executor, slots, clock, queue } = this.#parts;
    const tenant = this.#tenant;
    if (executor.grow === undefined) return;
    const now = clock.nowMs();
    const isStarved = queue.queuedTasks > 0 && slots.free > 0 && this.#running.length >= executor.slots;
    if (this.#demand.note(isStarved, now)) executor.grow();
    const isBusy = tenant.usage.busy.perMs(now) >= BUSY_MODEL_CORES;
    if (isBusy && !slots.isContended(tenant, now)) executor.widen?.();
  }

  /** Call before anything starts. True: the executor has other threads and slots now. */
  choose(): boolean {
    const { executor, queue, slots, clock } = this.#parts;
    const { plans } = this;
    const lane = queue.first;
    if (plans === undefined || plans.length < 2 || lane === undefined) return false;
    const now = clock.nowMs();
    const { curve: curves } = lane.plan;
    const mostRows = (threadsOfRun: number): number => lane.mostRowsOf(threadsOfRun);
    const { threads } = this.#tenant;
    let rows = queue.queuedRows;
    for (const { record } of this.#running) rows += record.rows;
    const isContended = slots.isContended(this.#tenant, now);
    const chosen = this.#choice.choose({ plans, threads, rows, mostRows, curves, isContended }, now);
    this.isChanging = chosen !== threads && this.#running.length > 0;
    if (chosen === threads || this.isChanging) return false;
    executor.use?.(chosen);
    return true;
  }
}

/**
 * Notices that a model could use more cores than its sessions can: batches wait, a core is free, and every session runs
 * one. That alone happens between any two batches; only where it is so for DEMAND_SHARE of the time, one more session is
 * asked for.
 */
export class SessionDemand {
  readonly #starved: RateWindow;
  #since: Instant | undefined;

  constructor(now: Instant) {
    this.#starved = new RateWindow(DEMAND_SPAN_MS, now);
  }

  /** The present state. True = one more session would have been used for long enough; counting begins anew. */
  note(isStarved: boolean, now: Instant): boolean {
    if (this.#since !== undefined) this.#starved.add(now - this.#since, now);
    this.#since = isStarved ? now : undefined;
    return isStarved && this.#starved.perMs(now) >= DEMAND_SHARE;
  }
}
