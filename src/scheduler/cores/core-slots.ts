/**
 * The cores that the batches of all models share. A batch takes as many as its runs have threads, and one starts while a
 * core is free; where more want to, this decides which model is next.
 *
 *   model a ─ waits ─┐
 *   model b ─ waits ─┼─▶ a core comes free ─▶ 1. the more important class of head
 *   model c ─ idle   ┘                        2. in overload, of the urgent: least core time over weight, in steps
 *                                             3. the earliest latest start
 *
 * Overload = a request was refused or shed within OVERLOAD_MS. Without overload only class and urgency decide. In
 * overload core time is shared fairly: a model that has used little waits like all others until it is urgent, so that
 * its batches fill, and then goes first. If it went first at once, it would run rows one by one and take more time from
 * the others.
 *
 * Core time ("virtual time": run time times threads) is charged when a batch ends, divided by the model's weight. No model is ever more than
 * MAX_CREDIT_MS behind: a model that was idle goes first for no longer than that.
 *
 * One object for each process. A scheduler without one has unlimited slots and is bounded by its executor only. Batches
 * that run on the event loop (Executor.isInline) or on a device (isOnDevice) take no slot.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import { CallerTable } from '../callers/caller-table.ts';
import { RateWindow, RecentMinimum } from '../rate-window.ts';
import {
  BUSY_SPAN_MS,
  DEADLINE_SPAN_MS,
  FAIRNESS_STEP_MS,
  LONGEST_RUN_SPAN_MS,
  MAX_CREDIT_MS,
  MAX_PASSING_SHARE,
  OTHERS_WORK_AGE_MS,
  OVERLOAD_MS,
  URGENT_RUNS,
} from '../tuning.ts';
import type { SlotTenant, SlotUse } from './slot-tenant.ts';

export class CoreSlots {
  /** Cores for the batches of all tenants; only `resize` writes it. */
  total: number;
  /** Threads of the batches that run. */
  #taken = 0;
  /** Several tenants have joined; only `join` and `leave` write it. */
  isShared = false;
  readonly #clock: Clock;
  readonly #tenants: SlotTenant[] = [];
  readonly #uses: SlotUse[] = [];
  /** Expected lengths of the runs that started lately, below 0: measured lengths would include stalls. */
  readonly #longest: RecentMinimum;
  /** Core time of all tenants. */
  readonly #busy: RateWindow;
  readonly #tightest: RecentMinimum;
  /** The most virtual time of a tenant. */
  #aheadMs = 0;
  #refusedAt: Instant = -Infinity;
  #isPumping = false;
  /** The time that batches have run, summed over them, up to an instant; not that for which they wait for another's end. */
  #runMs = 0;
  #runMsAt: Instant = 0;
  /** Bytes of inputs that wait, over all tenants; the queues write it. */
  queuedBytes = 0;
  /** Each caller's use of the slots. */
  readonly callers = new CallerTable();
  /** Bytes of inputs of the requests that wait or run; each pending request writes its own. */
  requestBytes = 0;

  constructor(total: number, clock: Clock) {
    this.total = total;
    this.#clock = clock;
    this.#busy = new RateWindow(BUSY_SPAN_MS, clock.nowMs());
    this.#tightest = new RecentMinimum(DEADLINE_SPAN_MS, clock.nowMs());
    this.#longest = new RecentMinimum(LONGEST_RUN_SPAN_MS, clock.nowMs());
  }

  /** Changes the number of cores. If there are fewer, running batches end as usual. */
  resize(total: number): void {
    this.total = total;
    this.pump();
  }

  /**
   * Below 0 where a batch has more threads than cores were free, a worker was given its next batch early, or `resize` left
   * fewer cores than run.
   */
  get free(): number {
    return this.total - this.#taken;
  }

  get tenants(): readonly SlotTenant[] {
    return this.#tenants;
  }

  /** Batches that run. */
  get uses(): readonly SlotUse[] {
    return this.#uses;
  }

  /** Another tenant has tasks that wait for the slots, or has used slots lately. */
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

  /** A batch starts. It should take `expectedMs`. */
  take(use: SlotUse, expectedMs: number, now: Instant): void {
    use.takenAt = now;
    use.runMsBefore = this.#runMsUntil(now);
    this.#uses.push(use);
    this.#taken += use.threads;
    this.#longest.add(-expectedMs, now);
  }

  /** How long before its latest start a batch is urgent: a slot that is taken now may not be free earlier. */
  urgentMs(now: Instant): number {
    return URGENT_RUNS * Math.max(0, -this.#longest.least(now));
  }

  /** The batch has ended, after `ranMs`. */
  giveBack(use: SlotUse, tenant: SlotTenant, ranMs: number, now: Instant): void {
    this.#runMsUntil(now);
    const index = this.#uses.indexOf(use);
    const last = this.#uses.pop()!;
    if (last !== use) this.#uses[index] = last;
    this.#taken -= use.threads;
    const coreMs = ranMs * use.threads;
    this.#busy.add(coreMs, now);
    tenant.usage.busy.add(coreMs, now);
    tenant.usage.virtualMs += coreMs / tenant.usage.weight;
    this.#aheadMs = Math.max(this.#aheadMs, tenant.usage.virtualMs);
  }

  /**
   * How many other batches ran beside one that still holds its slot: the mean over its time, as a whole number. The number
   * at its start would be 0 for the first of two that start together.
   */
  besideOf(use: SlotUse, now: Instant): number {
    const heldMs = now - use.takenAt;
    const all = heldMs > 0 ? (this.#runMsUntil(now) - use.runMsBefore) / heldMs : this.#begun;
    return Math.round(all) - 1;
  }

  #runMsUntil(now: Instant): number {
    this.#runMs += this.#begun * (now - this.#runMsAt);
    this.#runMsAt = now;
    return this.#runMs;
  }

  /** A batch that its worker got before the end of another takes no core yet. */
  get #begun(): number {
    let begun = 0;
    for (const { after } of this.#uses) if (after === undefined) begun += 1;
    return begun;
  }

  /** Work has come to a tenant that had none. Call it only where slots are shared. */
  onWork(tenant: SlotTenant): void {
    tenant.usage.virtualMs = Math.max(tenant.usage.virtualMs, this.#leastVirtual(tenant) - MAX_CREDIT_MS);
  }

  /** A request was refused or shed because it would be late or the queue is full. */
  onRefusal(now: Instant): void {
    this.#refusedAt = now;
  }

  isOverloaded(now: Instant): boolean {
    return now - this.#refusedAt < OVERLOAD_MS;
  }

  /** Share of the cores that was busy lately; 0 where they are unlimited. */
  load(now: Instant): number {
    return Math.min(1, this.#busy.perMs(now) / this.total);
  }

  /**
   * Time that all cores together need for the requests that wait, in full batches; that of the runs of a model that has
   * none of them (on another server, say) if it needs longer.
   */
  waitingMs(): number {
    let work = 0;
    let longest = 0;
    for (const tenant of this.#tenants) {
      if (tenant.queuedTasks === 0) continue;
      const own = tenant.workBefore(Infinity);
      if (tenant.usesSlots) work += own;
      else longest = Math.max(longest, own / tenant.slots);
    }
    return Math.max(longest, work / this.total);
  }

  /** How many of its `slots` a tenant may count on: the cores that the others leave, and at least an equal part. */
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
    return Math.min(slots, Math.max(this.total / active, this.total - others) / tenant.threads);
  }

  /** Core time of other tenants' work that goes before a request of `tenant` with that order. */
  othersWorkMs(tenant: SlotTenant, order: Instant, now: Instant): number {
    if (!this.isShared) return 0;
    const { usage } = tenant;
    // Asked for each request. The answer is kept for requests that come together.
    const isFresh = now - usage.askedAt < OTHERS_WORK_AGE_MS && Math.abs(order - usage.askedOrder) < OTHERS_WORK_AGE_MS;
    if (!isFresh) {
      usage.askedAt = now;
      usage.askedOrder = order;
      usage.othersWorkMs = this.#othersWorkMs(tenant, order, now);
    }
    return usage.othersWorkMs;
  }

  #othersWorkMs(tenant: SlotTenant, order: Instant, now: Instant): number {
    const isRationed = this.isOverloaded(now);
    let work = 0;
    for (const other of this.#tenants) {
      // Promised work counts as well, and is in no queue yet.
      if (other === tenant || !other.usesSlots) continue;
      if (!isRationed || this.#step(other) <= this.#step(tenant)) work += other.workBefore(order);
    }
    return work;
  }

  /**
   * The share of the cores that other tenants' requests take which have not come yet, and will go before what `tenant` has
   * waiting: in overload those of tenants that have used less. 0 to MAX_PASSING_SHARE.
   */
  passingShare(tenant: SlotTenant, now: Instant): number {
    if (!this.isShared || !this.isOverloaded(now)) return 0;
    const { usage } = tenant;
    if (now - usage.passingAt >= OTHERS_WORK_AGE_MS) {
      usage.passingAt = now;
      usage.passingShare = this.#passingShare(tenant, now);
    }
    return usage.passingShare;
  }

  #passingShare(tenant: SlotTenant, now: Instant): number {
    const step = this.#step(tenant);
    let busy = 0;
    for (const other of this.#tenants) {
      if (other !== tenant && other.usesSlots && this.#step(other) < step) busy += other.usage.busy.perMs(now);
    }
    return Math.min(MAX_PASSING_SHARE, busy / this.total);
  }

  /** A client has set a deadline `ms` from now. */
  noteDeadline(ms: number, now: Instant): void {
    this.#tightest.add(ms, now);
  }

  /** The shortest deadline that any client set lately. */
  tightestMs(now: Instant): number {
    return this.#tightest.least(now);
  }

  /** Starts what may start, in the order above. Called by a tenant whose work or slots have changed. */
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
    return Math.floor(Math.max(usage.virtualMs, this.#aheadMs - MAX_CREDIT_MS) / FAIRNESS_STEP_MS);
  }

  /** The least virtual time of the tenants that have work or used slots lately; 0 where there is none. */
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
