/**
 * The cores that all models' batches share: never more batches at once than slots, and who is next when more want to.
 *
 *   model a ─ waits ─┐
 *   model b ─ waits ─┼─▶ a slot comes free ─▶ 1. the more important class of head
 *   model c ─ idle   ┘                        2. in overload, of the urgent: least worker time over weight, in steps
 *                                             3. the earliest latest start
 *
 * Overload = somebody was refused or shed within OVERLOAD_MS. Only then is time rationed: before that everybody gets what
 * they ask for, and urgency alone decides. A model that has used little waits like all others until it is urgent, so that
 * its batches fill, and then goes first: put first at once, it would run rows one by one and cost the others twice.
 *
 * Worker time ("virtual time") is charged when a batch ends, over the model's weight. Nobody is ever more than CREDIT_MS
 * behind: a model that comes back from resting goes first for so long, and has earned no more than that.
 *
 * One for each process; a scheduler without one has slots without end and is bounded by its executor alone. Batches that
 * run on the event loop take no slot (Executor.isInline). With a single tenant everything here is a comparison.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import { RateWindow, RecentMaximum, RecentMinimum } from '../rate-window.ts';
import { BUSY_SPAN_MS, type SlotTenant, type SlotUse } from './slot-tenant.ts';

const OVERLOAD_MS = 250;
const CREDIT_MS = 500;
/** Virtual times in the same step count as equal: a few batches' length more or less is no unfairness. */
const STEP_MS = 50;
const TIGHTEST_SPAN_MS = 500;
/** Short beside any batch that is worth a slot. */
const ASK_AGAIN_MS = 0.5;
/**
 * Who must start within so many of the longest runs is urgent: a slot that is given away now comes back no later. Not
 * of the mean run: a model with short runs would pull that down, and find the slot taken by a long one when its time
 * has come.
 */
const URGENT_RUNS = 1.25;
const LONGEST_SPAN_MS = 500;

export class CoreSlots {
  /** Batches at once, over all tenants; `resize` alone writes it. */
  total: number;
  /** Several have joined; `join` and `leave` alone write it. */
  isShared = false;
  readonly #clock: Clock;
  readonly #tenants: SlotTenant[] = [];
  readonly #uses: SlotUse[] = [];
  /** Of the runs that started lately, as they were expected: a stall is no length. */
  readonly #longest: RecentMaximum;
  /** Worker time of all tenants, and the most that one has used. */
  readonly #busy: RateWindow;
  readonly #tightest: RecentMinimum;
  #aheadMs = 0;
  #refusedAt: Instant = -Infinity;
  #isPumping = false;
  /** Bytes of inputs that wait, over all tenants; kept by the queues. */
  queuedBytes = 0;

  constructor(total: number, clock: Clock) {
    this.total = total;
    this.#clock = clock;
    this.#busy = new RateWindow(BUSY_SPAN_MS, clock.nowMs());
    this.#tightest = new RecentMinimum(TIGHTEST_SPAN_MS, clock.nowMs());
    this.#longest = new RecentMaximum(LONGEST_SPAN_MS, clock.nowMs());
  }

  /** From now on so many. Of fewer, those that run in excess of them end first. */
  resize(total: number): void {
    this.total = total;
    this.pump();
  }

  /** Below 0 where a worker was given a batch while it runs one, or slots were taken away while their batches ran. */
  get free(): number {
    return this.total - this.#uses.length;
  }

  /** Batches that run. */
  get uses(): readonly SlotUse[] {
    return this.#uses;
  }

  /** Another tenant has work for the slots, or has used them lately. */
  isContended(tenant: SlotTenant, now: Instant): boolean {
    if (!this.isShared) return false;
    return this.#tenants.some(
      (other) => other !== tenant && other.usesSlots && (other.queuedTasks > 0 || other.usage.busy.perMs(now) > 0),
    );
  }

  join(tenant: SlotTenant): void {
    tenant.usage.virtualMs = this.#leastVirtual(tenant);
    this.#tenants.push(tenant);
    this.isShared = this.#tenants.length > 1;
  }

  /** Call once, when nothing of the tenant runs or waits. */
  leave(tenant: SlotTenant): void {
    const index = this.#tenants.indexOf(tenant);
    if (index !== -1) this.#tenants.splice(index, 1);
    this.isShared = this.#tenants.length > 1;
  }

  /** A batch starts, and should take so long. */
  take(use: SlotUse, expectedMs: number, now: Instant): void {
    this.#uses.push(use);
    this.#longest.add(expectedMs, now);
  }

  /** How long before its latest start a batch may find every slot taken: it must be ready to start by then. */
  urgentMs(now: Instant): number {
    return URGENT_RUNS * Math.max(0, this.#longest.most(now));
  }

  /** The batch has ended, after `ranMs`. */
  giveBack(use: SlotUse, tenant: SlotTenant, ranMs: number, now: Instant): void {
    const index = this.#uses.indexOf(use);
    const last = this.#uses.pop()!;
    if (last !== use) this.#uses[index] = last;
    this.#busy.add(ranMs, now);
    tenant.usage.busy.add(ranMs, now);
    tenant.usage.virtualMs += ranMs / tenant.usage.weight;
    this.#aheadMs = Math.max(this.#aheadMs, tenant.usage.virtualMs);
  }

  /** Work has come to a tenant that had none. */
  onWork(tenant: SlotTenant): void {
    if (!this.isShared) return;
    tenant.usage.virtualMs = Math.max(tenant.usage.virtualMs, this.#leastVirtual(tenant) - CREDIT_MS);
  }

  /** Somebody was told no for want of time. */
  onRefusal(now: Instant): void {
    this.#refusedAt = now;
  }

  isOverloaded(now: Instant): boolean {
    return now - this.#refusedAt < OVERLOAD_MS;
  }

  /** Share of the slots that was busy lately; 0 where they are without end. */
  load(now: Instant): number {
    return Math.min(1, this.#busy.perMs(now) / this.total);
  }

  /** Slots' worth of time that a tenant may count on: what the others leave, and never less than its part. */
  shareOf(tenant: SlotTenant, slots: number, now: Instant): number {
    if (!this.isShared) return slots;
    let others = 0;
    let active = 1;
    for (const other of this.#tenants) {
      const busy = other === tenant ? 0 : other.usage.busy.perMs(now);
      if (busy === 0) continue;
      others += busy;
      active += 1;
    }
    return Math.min(slots, Math.max(this.total / active, this.total - others));
  }

  /** Worker time of other tenants' work that goes before a request of `tenant` that is due by `due`. */
  othersWorkMs(tenant: SlotTenant, due: Instant, now: Instant): number {
    if (!this.isShared) return 0;
    const { usage } = tenant;
    // Asked for each request, and the same for all that come together: worked out anew when it may have changed.
    const isFresh = now - usage.askedAt < ASK_AGAIN_MS && Math.abs(due - usage.askedDue) < ASK_AGAIN_MS;
    if (!isFresh) {
      usage.askedAt = now;
      usage.askedDue = due;
      usage.othersWorkMs = this.#othersWorkMs(tenant, due, now);
    }
    return usage.othersWorkMs;
  }

  #othersWorkMs(tenant: SlotTenant, due: Instant, now: Instant): number {
    const isRationed = this.isOverloaded(now);
    let work = 0;
    for (const other of this.#tenants) {
      if (other === tenant || other.queuedTasks === 0 || !other.usesSlots) continue;
      if (!isRationed || this.#step(other) <= this.#step(tenant)) work += other.workDueBy(due);
    }
    return work;
  }

  /** A client has given its request so long. */
  noteDeadline(ms: number, now: Instant): void {
    this.#tightest.add(ms, now);
  }

  /** The shortest time that any client gave its request lately. */
  tightestMs(now: Instant): number {
    return this.#tightest.least(now);
  }

  /** Starts what may start, the most deserving first. Called by a tenant whose work or slots have changed. */
  pump(): void {
    // A batch may end before its start returns: the loop below then goes on.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      for (const tenant of this.#tenants) tenant.usage.isPassed = false;
      for (;;) {
        const next = this.free > 0 ? this.#next(this.#clock.nowMs()) : undefined;
        if (next === undefined) break;
        if (!next.startOne()) next.usage.isPassed = true;
      }
    } finally {
      this.#isPumping = false;
    }
  }

  #next(now: Instant): SlotTenant | undefined {
    const isRationed = this.isOverloaded(now);
    let best: SlotTenant | undefined;
    let bestPriority = 0;
    let bestStep = 0;
    let bestStart = 0;
    const urgentBefore = now + this.urgentMs(now);
    for (const tenant of this.#tenants) {
      if (tenant.queuedTasks === 0 || tenant.usage.isPassed || !tenant.usesSlots) continue;
      if (tenant.isWaiting(now)) continue;
      const { priority, latestStart } = tenant.urgency();
      const step = !isRationed ? 0 : latestStart < urgentBefore ? this.#step(tenant) : Infinity;
      const isFirst =
        best === undefined ||
        priority < bestPriority ||
        (priority === bestPriority && (step < bestStep || (step === bestStep && latestStart < bestStart)));
      if (!isFirst) continue;
      best = tenant;
      bestPriority = priority;
      bestStep = step;
      bestStart = latestStart;
    }
    return best;
  }

  #step({ usage }: SlotTenant): number {
    return Math.floor(Math.max(usage.virtualMs, this.#aheadMs - CREDIT_MS) / STEP_MS);
  }

  /** Of the tenants that have work or used slots lately; 0 where there is none. */
  #leastVirtual(joining: SlotTenant): number {
    const now = this.#clock.nowMs();
    let least = Infinity;
    for (const tenant of this.#tenants) {
      if (tenant === joining || (tenant.queuedTasks === 0 && tenant.usage.busy.perMs(now) === 0)) continue;
      least = Math.min(least, tenant.usage.virtualMs);
    }
    return least === Infinity ? 0 : least;
  }
}
