/**
 * Decides which sessions a model's next batches go to, and whether it should have more of them.
 *
 *   its sessions compute nearly all the time, and for long
 *     another number of threads would be done sooner  ──▶ Executor.widen, Executor.grow: sessions of so many
 *     batches wait beside a free core                 ──▶ Executor.grow: one more session
 *   another number of threads is done sooner          ──▶ Executor.use, once what runs has ended
 */
import type { Instant } from '../../core/clock.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { RunningBatch } from '../batch/running-batch.ts';
import { RateWindow, RecentMinimum } from '../rate-window.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import {
  BUSY_LONG_RUNS_SHARE,
  BUSY_SHARE,
  DEMAND_SHARE,
  DEMAND_SPAN_MS,
  LONG_RUN_MS,
  PLAN_KEPT_MS,
} from '../tuning.ts';
import type { SlotTenant } from './slot-tenant.ts';
import { ThreadChoice } from './thread-choice.ts';

/**
 * Threads of a run in the sessions that a model begins with, where it may have others. The executor's own number says
 * nothing: it may have been used before, by another scheduler.
 */
const NARROW = 1;

export class SessionUse {
  readonly #parts: SchedulerParts;
  readonly #tenant: SlotTenant;
  readonly #running: readonly RunningBatch[];
  readonly #demand: SessionDemand;
  readonly #choice = new ThreadChoice();
  /** Rows that waited and ran lately, below 0: callers that were answered together all ask again a moment later. */
  readonly #rows: RecentMinimum;
  /** When another plan is looked for again, with one only. */
  #lookAt: Instant = -Infinity;
  /** The executor's. */
  plans: readonly SessionPlan[] | undefined;
  /** Other sessions were chosen: batches go to those of so many threads when what runs has ended. */
  #chosen: number | undefined;

  /** @param running the tenant's batches, as they are at each call */
  constructor(parts: SchedulerParts, tenant: SlotTenant, running: readonly RunningBatch[]) {
    this.#parts = parts;
    this.#tenant = tenant;
    this.#running = running;
    this.#demand = new SessionDemand(parts.clock.nowMs());
    this.#rows = new RecentMinimum(PLAN_KEPT_MS, parts.clock.nowMs());
  }

  /** Nothing starts until what runs has ended: then batches go to sessions of another number of threads. */
  get isChanging(): boolean {
    return this.#chosen !== undefined;
  }

  /** Call when something has come, started or ended. The tenant uses slots. */
  noteDemand(): void {
    const { executor, slots, clock, queue } = this.#parts;
    if (executor.grow === undefined) return;
    const now = clock.nowMs();
    // The last choice says nothing of a model that has nothing to do.
    const isLacking = this.#running.length > 0 && this.#choice.isLacking;
    // While a change waits for a run to end, so does what is queued.
    const isFull = this.#running.length >= executor.slots && !this.isChanging;
    // The choice between two plans says what is lacking, but for other models' cores, where it has none.
    const isChosen = this.#hasSeveralPlans && !slots.isContended(this.#tenant, now);
    const isStarved = isFull && queue.queuedTasks > 0 && slots.free > 0 && !isChosen;
    if (!this.#demand.note(isStarved || isLacking, now)) return;
    if (!this.#isBusy(now) && !slots.isContended(this.#tenant, now)) return;
    if (isLacking && this.#tenant.threads === NARROW) executor.widen?.();
    else executor.grow();
  }

  get #hasSeveralPlans(): boolean {
    return this.plans !== undefined && this.plans.length > 1;
  }

  /** More or other sessions would make the answers come sooner: they wait for runs, and not for what surrounds these. */
  #isBusy(now: Instant): boolean {
    const { computing, computeMs } = this.#tenant.usage;
    return computing.perMs(now) >= (computeMs >= LONG_RUN_MS ? BUSY_LONG_RUNS_SHARE : BUSY_SHARE);
  }

  /** Call before anything starts. True: the executor has other threads and slots now. */
  choose(): boolean {
    const { executor, clock } = this.#parts;
    const { threads } = this.#tenant;
    const now = clock.nowMs();
    if (this.#chosen === undefined) {
      const chosen = this.#choose(now);
      if (chosen !== threads) this.#chosen = chosen;
    }
    if (this.#chosen === undefined || this.#running.length > 0) return false;
    executor.use?.(this.#chosen);
    if (this.#choice.isSecondLook) this.#parts.queue.first?.plan.curve.renew(this.#chosen);
    this.#chosen = undefined;
    this.#choice.onUse(now);
    return true;
  }

  #choose(now: Instant): number {
    const { executor, queue, slots } = this.#parts;
    const { plans } = this;
    const { threads } = this.#tenant;
    const { widestThreads: wide = NARROW } = executor;
    const lane = queue.first;
    if (plans === undefined || lane === undefined || wide <= NARROW) return threads;
    if (plans.length === 1 && now < this.#lookAt) return threads;
    this.#lookAt = now + PLAN_KEPT_MS;
    const { curve: curves } = lane.plan;
    const mostRows = (threadsOfRun: number): number => lane.mostRowsOf(threadsOfRun);
    let rowsNow = queue.queuedRows;
    for (const { record } of this.#running) rowsNow += record.rows;
    this.#rows.add(-rowsNow, now);
    const rows = -this.#rows.least(now);
    const isContended = slots.isContended(this.#tenant, now);
    const facts = { plans, threads, narrow: NARROW, wide, rows, mostRows, curves, isContended };
    return this.#choice.choose(facts, now);
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
