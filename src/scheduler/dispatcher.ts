/**
 * Lets free slots pull the next batch out of the queue.
 *
 *   task came ── poke ──▶ once a turn ─┐
 *   batch ended: its slot is free ─────┼─▶ dispatch: for a free slot, ask the policy ─▶ run │ shed │ waitUntil │ idle
 *   the policy's instant has come ─────┘                                                 │             └ one timer
 *                                                                                        └ BatchRuns
 *
 * A batch is assembled at the latest moment, when a slot is free or about to be (batch/prefetch.ts): until then tasks
 * may leave and join it. From there on batch/batch-runs.ts has it.
 *
 * Where several models share the slots, cores/core-slots.ts decides which dispatcher starts the next batch.
 */
import { type Instant, WakeTimer } from '../core/clock.ts';
import { BatchRuns, type BatchRunsOptions } from './batch/batch-runs.ts';
import type { CreatePrefetch, Prefetch, PrefetchTenant } from './batch/prefetch.ts';
import type { RunningBatch } from './batch/running-batch.ts';
import { SessionUse } from './cores/session-use.ts';
import { SlotUsage, type Urgency } from './cores/slot-tenant.ts';
import type { LatencyModel } from './latency/latency-model.ts';
import type { BatchPolicy, Decision, QueueSnapshot } from './policy/batch-policy.ts';
import { QueueSituation, urgencyOf, workBefore } from './policy/queue-situation.ts';
import type { Lane } from './queue/lane.ts';
import type { QuarantineLanes } from './queue/quarantine-lanes.ts';
import { shedInQueue } from './queue/queue-errors.ts';

export interface DispatcherOptions extends BatchRunsOptions {
  /** How long its runs take, by the threads that they have. */
  readonly latency: LatencyModel;
  readonly policy: BatchPolicy;
  readonly prefetch: CreatePrefetch;
  /** The model's weight, as in SchedulerOptions. */
  readonly weight: number;
  /** Runs a function once, after the events of this turn of the event loop. */
  readonly defer: (run: () => void) => void;
}

export class Dispatcher implements PrefetchTenant {
  readonly usage: SlotUsage;
  readonly situation: QueueSituation;
  readonly #options: DispatcherOptions;
  readonly #deferred = (): void => {
    this.#isDeferred = false;
    // Requests of one turn wait in their sockets while the others are read.
    this.#options.statistics.onLag(this.#options.clock.nowMs() - this.#pokedAt);
    this.dispatch();
  };
  readonly #runs: BatchRuns;
  readonly #prefetch: Prefetch;
  readonly #timer: WakeTimer;
  readonly #sessions: SessionUse;
  readonly #snapshot: { freeSlots: number } & QueueSnapshot<Lane>;
  #policy: BatchPolicy;
  #isDeferred = false;
  #pokedAt: Instant = 0;
  #isDispatching = false;
  /** The policy waits until then; a new head of a lane ends that. */
  #heldUntil: Instant = -Infinity;
  /** Called each time that the last task or batch has ended. */
  onQuiet: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    const { queue, slots, clock, statistics } = options;
    this.#options = options;
    this.#policy = options.policy;
    this.usage = new SlotUsage(options.weight, clock.nowMs());
    options.executor.onSlots = () => {
      options.latency.use(this.threads);
      this.dispatch();
    };
    this.situation = new QueueSituation(this, slots, statistics);
    this.#runs = new BatchRuns(options, this, () => this.dispatch());
    this.#sessions = new SessionUse(options, this, this.#runs.all);
    this.#timer = new WakeTimer(clock, () => this.dispatch());
    this.#prefetch = options.prefetch(this, options.executor, slots, clock);
    this.#snapshot = { freeSlots: 0, lanes: this.#runs.lanes, situation: this.situation };
    queue.onEmpty = () => this.#afterLeaving();
    slots.join(this);
  }

  get runningBatches(): number {
    return this.#runs.all.length;
  }

  /** The lanes that may run, and what quarantined callers may have waiting. */
  get lanes(): QuarantineLanes {
    return this.#runs.lanes;
  }

  get queuedTasks(): number {
    return this.#options.queue.queuedTasks;
  }

  /** This dispatcher's batches. */
  get uses(): readonly RunningBatch[] {
    return this.#runs.all;
  }

  /** Most batches that it may run at once. */
  get slots(): number {
    const { executor, slots } = this.#options;
    if (!this.usesSlots) return executor.slots;
    return Math.min(executor.slots, Math.max(1, Math.floor(slots.total / this.threads)));
  }

  /** It can fill all the cores that models share by itself. */
  get isOnAllSlots(): boolean {
    return this.usesSlots && this.slots * this.threads >= this.#options.slots.total;
  }

  get threads(): number {
    return this.#options.executor.threads ?? 1;
  }

  get usesSlots(): boolean {
    const { executor } = this.#options;
    return executor.isInline !== true && executor.isOnDevice !== true;
  }

  get freeSlots(): number {
    if (this.#sessions.isChanging && this.#runs.all.length > 0) return 0;
    const { executor, slots } = this.#options;
    const own = executor.slots - this.#runs.all.length;
    return !this.usesSlots ? own : Math.min(own, Math.ceil(slots.free / this.threads));
  }

  get isQuiet(): boolean {
    return this.#runs.all.length === 0 && this.#options.queue.queuedTasks === 0;
  }

  /** Some batch may start now: a slot is free, or a worker should get its next batch. */
  mayStart(now: Instant): boolean {
    return this.queuedTasks > 0 && (this.freeSlots > 0 || this.#prefetch.due(now) !== undefined);
  }

  urgency(): Urgency {
    return urgencyOf(this.#options.queue, this.situation.overheadMs);
  }

  workBefore(order: Instant): number {
    return this.threads * workBefore(this.#options.queue, order);
  }

  isWaiting(now: Instant): boolean {
    return this.#heldUntil > now && !this.#options.queue.hasFullLane;
  }

  /**
   * A task came to `lane` now: dispatches once, after this turn. Does nothing while no slot is free: the next free slot
   * will pull.
   */
  poke(lane: Lane, now: Instant): void {
    const { queue, slots } = this.#options;
    if (queue.queuedTasks === 1 && this.#runs.all.length === 0) slots.onWork(this);
    if (lane.oldestEnqueuedAt >= now) this.#heldUntil = -Infinity;
    if (this.#isDeferred || !this.mayStart(now)) return;
    // A lane that fills on shared slots is not looked at for each arrival.
    if (slots.isShared && this.usesSlots && this.isWaiting(now)) return;
    this.#isDeferred = true;
    this.#pokedAt = now;
    this.#options.defer(this.#deferred);
  }

  /** Replaces the policy and dispatches. */
  usePolicy(policy: BatchPolicy): void {
    this.#policy = policy;
    this.#heldUntil = -Infinity;
    this.dispatch();
  }

  /** Starts what may start now, also of other models that share the slots. */
  dispatch(): void {
    if (!this.#isDispatching) this.#sessions.choose();
    if (this.#options.slots.isShared && this.usesSlots) {
      this.#options.slots.pump();
      this.#runAhead();
      this.#afterLeaving();
      return;
    }
    // A batch may end before its start returns (an executor that throws): the loop below then goes on, without
    // recursion.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    try {
      while (this.queuedTasks > 0 && this.freeSlots > 0 && this.#dispatchOne());
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

  /** Gives the next batch to a worker that is about to end one. Nothing is shed or held back for it. */
  #runAhead(): void {
    if (this.#isDispatching || this.queuedTasks === 0 || this.freeSlots > 0) return;
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

  /** Sheds all that the policy wants shed; returns its next other decision. */
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
    const { lane, rows, kind, reason } = decision;
    const { queue, statistics } = this.#options;
    const oldest = lane.head!;
    if (oldest.isSoft && !oldest.isFirst) this.situation.lookAt(oldest, lane.plan, now);
    const { plan } = lane;
    plan.backlog.look(plan.queuedRows, plan.maxBatchSize, now);
    const members = queue.take(lane, rows, now, kind === 'run' ? 'oldest' : 'newest');
    if (members.length === 0) return;
    const isFirstRun = lane.isolation === undefined;
    if (isFirstRun) statistics.onStart(members[0]!, Math.max(now, after?.expectedEnd ?? 0));
    this.#runs.start({ lane, members, reason: isFirstRun ? reason : 'isolation', after }, now);
  }

  /** Does nothing while dispatching: tasks that move from the queue to a slot are counted in neither. */
  #afterLeaving(): void {
    if (this.#isDispatching) return;
    this.#sessions.noteDemand();
    if (this.#options.queue.queuedTasks === 0) {
      this.#timer.disarm();
      this.#prefetch.disarm();
      this.lanes.onEmpty();
      this.situation.onEmpty();
    }
    if (this.isQuiet) this.onQuiet?.();
  }
}
