/**
 * The executor's slots, and what makes a free one pull the next batch out of the queue.
 *
 *   task came ── poke ──▶ once a turn ─┐
 *   batch ended: its slot is free ─────┼──▶ dispatch: while a slot is free, ask the policy ──▶ run │ shed │ waitUntil │ idle
 *   the policy's instant has come ─────┘                                                       │       └ one timer
 *                                                                                              └ RunningBatch
 *
 * A batch is put together at the latest moment, when a slot is free to run it, or is about to be (prefetch.ts): until
 * then its tasks may leave and others may join. Never more than `executor.slots` batches are in `run`; a batch of which every member was cancelled still
 * holds its slot until the executor has answered. Whatever fails, fails one batch's members; where one of them may be at
 * fault for it, they are run again apart (isolation.ts).
 *
 * Where several models share the slots (core-slots.ts), who starts next is decided there, and this one is asked to.
 */
import type { Clock, Instant } from '../core/clock.ts';
import { type ServingError, toServingError } from '../core/errors.ts';
import type { BatchResult, Executor } from '../core/executor.ts';
import type { BatchRecord, DispatchReason, Telemetry } from '../telemetry/request-record.ts';
import { takeMembers, takeNewestMembers } from './batch-members.ts';
import type { BatchPolicy, Decision, QueueSnapshot } from './batch-policy.ts';
import { type CoreSlots, SlotUsage, type Urgency } from './core-slots.ts';
import { Isolator } from './isolation.ts';
import type { Lane } from './lane.ts';
import { Prefetch, type PrefetchTenant } from './prefetch.ts';
import { expiredInQueue, shedInQueue } from './queue-errors.ts';
import { QueueSituation, urgencyOf, workDueBy } from './queue-situation.ts';
import type { RunStatistics } from './run-statistics.ts';
import { RunningBatch } from './running-batch.ts';
import type { Task } from './task.ts';
import type { TaskQueue } from './task-queue.ts';
import { WakeTimer } from './wake-timer.ts';

export interface DispatcherOptions {
  readonly executor: Executor;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly queue: TaskQueue;
  readonly policy: BatchPolicy;
  readonly slots: CoreSlots;
  /** Of worker time, beside other models, when there is too little of it. */
  readonly weight: number;
  readonly statistics: RunStatistics;
  readonly model: string;
  readonly version: string;
  /** Runs a function once, after the events of this turn of the event loop. */
  readonly defer: (run: () => void) => void;
  /** Called once for each batch, after its members were settled. */
  readonly onBatch: ((record: BatchRecord) => void) | undefined;
}

export class Dispatcher implements PrefetchTenant {
  readonly usage: SlotUsage;
  readonly situation: QueueSituation;
  readonly #options: DispatcherOptions;
  readonly #deferred = (): void => {
    this.#isDeferred = false;
    // Requests that come in one turn wait in their sockets for each other to be read: that is seen from here alone.
    this.#options.statistics.onLag(this.#options.clock.nowMs() - this.#pokedAt);
    this.dispatch();
  };
  readonly #uses: RunningBatch[] = [];
  readonly #prefetch: Prefetch;
  readonly #isolator: Isolator;
  readonly #timer: WakeTimer;
  readonly #snapshot: { freeSlots: number } & QueueSnapshot<Lane>;
  #policy: BatchPolicy;
  #isDeferred = false;
  #pokedAt: Instant = 0;
  #isDispatching = false;
  /** What waits was looked at and held back until then; a new head of a lane ends that. */
  #heldUntil: Instant = -Infinity;
  /** Called when nothing waits and nothing runs, at each change that leads there. */
  onQuiet: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    const { queue, slots, clock, statistics } = options;
    this.#options = options;
    this.#policy = options.policy;
    this.usage = new SlotUsage(options.weight, clock.nowMs());
    this.situation = new QueueSituation(this, slots, statistics);
    this.#timer = new WakeTimer(clock, () => this.dispatch());
    this.#prefetch = new Prefetch(this, options.executor, slots, clock);
    this.#isolator = new Isolator(queue);
    this.#snapshot = { freeSlots: 0, lanes: queue, situation: this.situation };
    queue.onEmpty = () => this.#afterLeaving();
    slots.join(this);
  }

  get runningBatches(): number {
    return this.#uses.length;
  }

  get queuedTasks(): number {
    return this.#options.queue.queuedTasks;
  }

  /** Batches that run, of this dispatcher. */
  get uses(): readonly RunningBatch[] {
    return this.#uses;
  }

  /** How many batches it may run at once at most. */
  get slots(): number {
    const { executor, slots } = this.#options;
    return this.usesSlots ? Math.min(executor.slots, slots.total) : executor.slots;
  }

  get usesSlots(): boolean {
    return this.#options.executor.isInline !== true;
  }

  get freeSlots(): number {
    const { executor, slots } = this.#options;
    const own = executor.slots - this.#uses.length;
    return this.usesSlots ? Math.min(own, slots.free) : own;
  }

  get isQuiet(): boolean {
    return this.#uses.length === 0 && this.#options.queue.queuedTasks === 0;
  }

  urgency(): Urgency {
    return urgencyOf(this.#options.queue, this.situation.overheadMs);
  }

  workDueBy(due: Instant): number {
    return workDueBy(this.#options.queue, due);
  }

  isWaiting(now: Instant): boolean {
    return this.#heldUntil > now && !this.#options.queue.hasFullLane;
  }

  /**
   * A task came to `lane`, now: dispatches once after this turn. With no free slot there is nothing to do: the next one
   * will pull.
   */
  poke(lane: Lane, now: Instant): void {
    const { queue, slots } = this.#options;
    if (queue.queuedTasks === 1 && this.#uses.length === 0) slots.onWork(this);
    if (lane.oldestEnqueuedAt >= now) this.#heldUntil = -Infinity;
    if (this.#isDeferred || (this.freeSlots <= 0 && this.#prefetch.due(now) === undefined)) return;
    // Beside others, what waits for company is not looked at for every guest.
    if (slots.isShared && this.usesSlots && this.isWaiting(now)) return;
    this.#isDeferred = true;
    this.#pokedAt = now;
    this.#options.defer(this.#deferred);
  }

  /** From here on `policy` decides, beginning now. */
  usePolicy(policy: BatchPolicy): void {
    this.#policy = policy;
    this.#heldUntil = -Infinity;
    this.dispatch();
  }

  /** Starts what may start now; of other models too, where they share the slots. */
  dispatch(): void {
    if (this.usesSlots && this.#options.slots.isShared) {
      this.#options.slots.pump();
      this.#runAhead();
      return;
    }
    // A batch may end before its start returns (an executor that throws): the loop below then goes on, not a recursion.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    try {
      while (this.freeSlots > 0 && this.#dispatchOne());
    } finally {
      this.#isDispatching = false;
    }
    this.#runAhead();
    this.#afterLeaving();
  }

  startOne(): boolean {
    if (this.#isDispatching || this.freeSlots <= 0) return false;
    this.#isDispatching = true;
    try {
      return this.#dispatchOne();
    } finally {
      this.#isDispatching = false;
      this.#afterLeaving();
    }
  }

  #dispatchOne(): boolean {
    const now = this.#options.clock.nowMs();
    this.situation.now = now;
    this.#snapshot.freeSlots = this.freeSlots;
    const decision = this.#decide(now);
    switch (decision.kind) {
      case 'run':
      case 'runNewest':
        this.#run(decision, now);
        return true;
      case 'waitUntil':
        this.#heldUntil = decision.at;
        this.#timer.arm(decision.at);
        return false;
      case 'idle':
        return false;
    }
  }

  /** Gives a batch to a worker that is about to end its own. Only what is to run: all else is decided when it has. */
  #runAhead(): void {
    if (this.#isDispatching || this.freeSlots > 0 || this.queuedTasks === 0) return;
    const now = this.#options.clock.nowMs();
    const after = this.#prefetch.due(now);
    if (after === undefined) return;
    const startsAt = Math.max(now, after.expectedEnd);
    this.situation.now = startsAt;
    this.#snapshot.freeSlots = 1;
    const decision = this.#policy.decide(this.#snapshot, startsAt);
    if (decision.kind !== 'run' && decision.kind !== 'runNewest') return;
    this.#isDispatching = true;
    try {
      this.#run(decision, now, after);
    } finally {
      this.#isDispatching = false;
      this.#afterLeaving();
    }
  }

  /** Gives up what is to be given up, all at once: whoever shares the slots need not be asked again for each. */
  #decide(now: Instant): Exclude<Decision<Lane>, { kind: 'shed' }> {
    for (;;) {
      const decision = this.#policy.decide(this.#snapshot, now);
      if (decision.kind !== 'shed') return decision;
      this.#shed(decision, now);
    }
  }

  #shed({ lane, reason }: Decision<Lane> & { kind: 'shed' }, now: Instant): void {
    const task = lane.head!;
    this.#options.slots.onRefusal(now);
    task.owner.fail(shedInQueue(reason, task, now, lane.latency.meanMs(task.rows)));
  }

  #run(decision: Decision<Lane> & { kind: 'run' | 'runNewest' }, now: Instant, after?: RunningBatch): void {
    const { lane, rows, kind } = decision;
    const { executor, clock, queue, statistics } = this.#options;
    const oldest = lane.head!;
    if (oldest.isSoft) this.situation.lookAt(oldest, lane.plan, now);
    const take = kind === 'run' ? takeMembers : takeNewestMembers;
    const members = take(queue, lane, rows, now);
    if (members.length === 0) return;
    const isFirstRun = lane.isolation === undefined;
    if (isFirstRun) statistics.onStart(members[0]!, Math.max(now, after?.expectedEnd ?? 0));
    const running = this.#begin(lane, members, isFirstRun ? decision.reason : 'isolation', now, after);
    try {
      const inputs = running.assemble(executor);
      const batch = running.start(inputs, clock.nowMs());
      if (batch === undefined) {
        running.release(executor);
        this.#fail(running, expiredInQueue());
        return;
      }
      executor.run(batch, after?.batch).then(
        (result) => this.#complete(running, result),
        (thrown: unknown) => this.#runFailed(running, toServingError(thrown)),
      );
    } catch (thrown) {
      this.#fail(running, thrown);
    }
  }

  #begin(
    lane: Lane,
    members: readonly Task[],
    reason: DispatchReason,
    now: Instant,
    after: RunningBatch | undefined,
  ): RunningBatch {
    const { model, version, telemetry, slots } = this.#options;
    const running = new RunningBatch({ lane, members, reason, model, version, telemetry, after }, now);
    this.#uses.push(running);
    running.holdsSlot = this.usesSlots;
    if (running.holdsSlot) slots.take(running, running.record.expectedMs ?? 0, now);
    return running;
  }

  #complete(running: RunningBatch, result: BatchResult): void {
    const now = this.#options.clock.nowMs();
    // The one before it may have been heard of late, but it has ended.
    running.begin(result.runStart ?? now);
    const { executeStart, size } = running.record;
    this.#options.statistics.onRun(running.plan, size, now - executeStart, now, result.runEnd);
    if (running.isRerun) running.lane.isolation!.onAnswered();
    else this.#isolator.onRun(now - executeStart);
    try {
      running.complete(result, now);
    } catch (thrown) {
      running.fail(toServingError(thrown));
    }
    this.#ended(running);
  }

  #runFailed(running: RunningBatch, error: ServingError): void {
    const { clock, statistics } = this.#options;
    if (!this.#isolator.takeApart(running, error, clock.nowMs(), statistics.meanRunMs)) running.fail(error);
    this.#ended(running);
  }

  #fail(running: RunningBatch, thrown: unknown): void {
    running.fail(toServingError(thrown));
    this.#ended(running);
  }

  /** Members first (views, cheap), then the slot's next batch (a copy), then the bookkeeping. */
  #ended(running: RunningBatch): void {
    const { clock, telemetry, onBatch, slots, statistics } = this.#options;
    const { record } = running;
    const now = clock.nowMs();
    record.end = now;
    this.#uses.splice(this.#uses.indexOf(running), 1);
    running.next?.begin(now);
    if (running.after !== undefined) running.after.next = undefined;
    if (running.holdsSlot) slots.giveBack(running, this, now - running.slotSince, now);
    if (running.isRerun) this.#isolator.onEnded(running, now - running.slotSince);
    else statistics.onEnd(record, running.slotSince, running.firstMember, running.lastMember);
    this.dispatch();
    this.#afterLeaving();
    telemetry.recordBatch(record);
    onBatch?.(record);
  }

  /** Not while dispatching: tasks are on their way from the queue to a slot then, and counted in neither. */
  #afterLeaving(): void {
    if (this.#isDispatching) return;
    if (this.#options.queue.queuedTasks === 0) {
      this.#timer.disarm();
      this.#prefetch.disarm();
      this.situation.onEmpty();
    }
    if (this.isQuiet) this.onQuiet?.();
  }
}
