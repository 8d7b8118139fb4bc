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
import { BatchRuns } from './batch/batch-runs.ts';
import { Prefetch } from './batch/prefetch.ts';
import type { RunningBatch } from './batch/running-batch.ts';
import { Sparing } from './callers/precedence.ts';
import { SessionUse } from './cores/session-use.ts';
import { type SlotTenant, SlotUsage, type Urgency } from './cores/slot-tenant.ts';
import type { BatchPolicy, Decision, QueueSnapshot } from './policy/batch-policy.ts';
import { QueueSituation, urgencyOf, workBefore } from './policy/queue-situation.ts';
import type { Lane } from './queue/lane.ts';
import type { QuarantineLanes } from './queue/quarantine-lanes.ts';
import { shedInQueue } from './queue/queue-errors.ts';
import type { SchedulerParts } from './scheduler-parts.ts';
import type { SignaturePlan } from './signature-plan.ts';

export interface DispatcherOptions extends SchedulerParts {
  readonly policy: BatchPolicy;
  /** The model's weight, as in SchedulerOptions. */
  readonly weight: number;
  /** Runs a function once, after the events of this turn of the event loop. */
  readonly defer: (run: () => void) => void;
}

export class Dispatcher implements SlotTenant {
  /** The executor's facts as of its last `onSlots`: they are needed for each request, and lie behind several layers. */
  threads = 1;
  usesSlots = true;
  #ownSlots = 0;
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
  readonly #sparing: Sparing;
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
      this.#readExecutor();
      this.dispatch();
    };
    this.situation = new QueueSituation(this, slots, statistics);
    this.#runs = new BatchRuns(options, this);
    this.#sessions = new SessionUse(options, this, this.#runs.all);
    this.#sparing = new Sparing(options);
    this.#timer = new WakeTimer(clock, () => this.#wake());
    this.#prefetch = new Prefetch(this, options.executor, slots);
    this.#snapshot = { freeSlots: 0, lanes: this.lanes, situation: this.situation };
    this.#readExecutor();
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
    if (!this.usesSlots) return this.#ownSlots;
    return Math.min(this.#ownSlots, Math.max(1, Math.floor(this.#options.slots.total / this.threads)));
  }

  /** It can fill all the cores that models share by itself. */
  get isOnAllSlots(): boolean {
    return this.usesSlots && this.slots * this.threads >= this.#options.slots.total;
  }

  get freeSlots(): number {
    const running = this.#runs.all.length;
    if (this.#sessions.isChanging && running > 0) return 0;
    const own = this.#ownSlots - running;
    return this.usesSlots ? Math.min(own, Math.ceil(this.#options.slots.free / this.threads)) : own;
  }

  get isQuiet(): boolean {
    return this.#runs.all.length === 0 && this.#options.queue.queuedTasks === 0;
  }

  /** Some batch may start now: a slot is free, or a worker should get its next batch. */
  mayStart(now: Instant): boolean {
    return this.#options.queue.queuedTasks > 0 && (this.freeSlots > 0 || this.#endingSoon(now) !== undefined);
  }

  /** The same as that of BatchRuns. */
  stopSharing(plan: SignaturePlan, reason: string): void {
    this.#runs.stopSharing(plan, reason);
    this.dispatch();
  }

  wakeBy(at: Instant): void {
    this.#timer.armBy(at);
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
    if (slots.isShared && queue.queuedTasks === 1 && this.#runs.all.length === 0) slots.onWork(this);
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

  /** An instant has come for which somebody asked. The policy's own may be a later one, and is not to be forgotten. */
  #wake(): void {
    if (this.#heldUntil > this.#options.clock.nowMs()) this.#timer.armBy(this.#heldUntil);
    this.dispatch();
  }

  /** Starts what may start now, also of other models that share the slots. */
  dispatch(): void {
    const { queue, slots } = this.#options;
    if (!this.#isDispatching && this.#sessions.plans !== undefined && this.#sessions.choose()) this.#readExecutor();
    if (slots.isShared && this.usesSlots) {
      slots.pump();
      this.#runAhead();
      this.#afterLeaving();
      return;
    }
    // A batch may end before its start returns (an executor that throws): the loop below then goes on, without
    // recursion.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    try {
      while (queue.queuedTasks > 0 && this.freeSlots > 0 && this.#dispatchOne());
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
    const decision = this.#decide(now);
    switch (decision.kind) {
      case 'run':
      case 'runNewest':
        this.#run(decision, now);
        return true;
      case 'waitUntil':
        this.#heldUntil = decision.at;
        this.#timer.armBy(decision.at);
        return false;
      case 'idle':
        return false;
    }
  }

  /** The batch whose worker should get its next one now; undefined too while a change of sessions waits for all to end. */
  #endingSoon(now: Instant): RunningBatch | undefined {
    return this.#sessions.isChanging ? undefined : this.#prefetch.due(now);
  }

  /** Gives the next batch to a worker that is about to end one. Nothing is shed or held back for it. */
  #runAhead(): void {
    if (this.#isDispatching || this.#options.queue.queuedTasks === 0 || this.freeSlots > 0) return;
    const now = this.#options.clock.nowMs();
    const after = this.#endingSoon(now);
    if (after === undefined) return;
    const startsAt = Math.max(now, after.expectedEnd);
    const decision = this.#ask(1, startsAt);
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
    const { freeSlots } = this;
    for (;;) {
      const decision = this.#ask(freeSlots, now);
      if (decision.kind !== 'shed') return decision;
      if (decision.reason !== 'early_drop' || !this.#sparing.spares(decision.lane, this.slots, now))
        this.#shed(decision, now);
    }
  }

  #ask(freeSlots: number, now: Instant): Decision<Lane> {
    this.situation.now = now;
    this.#snapshot.freeSlots = freeSlots;
    return this.#policy.decide(this.#snapshot, now);
  }

  #shed({ lane, reason }: Decision<Lane> & { kind: 'shed' }, now: Instant): void {
    const task = lane.head!;
    this.#options.slots.onRefusal(now);
    task.owner.fail(shedInQueue(reason, task, now, lane.latency.meanMs(task.rows)));
  }

  #run(decision: Decision<Lane> & { kind: 'run' | 'runNewest' }, now: Instant, after?: RunningBatch): void {
    const { lane, rows, kind, reason } = decision;
    const { queue } = this.#options;
    const oldest = lane.head!;
    if (oldest.isSoft && !oldest.isFirst) this.situation.lookAt(oldest, lane.plan, now);
    const { plan } = lane;
    const { queuedRows, maxBatchSize, backlog } = plan;
    if (queuedRows > maxBatchSize || backlog.since !== Infinity) backlog.look(queuedRows, maxBatchSize, now);
    const members = queue.take(lane, rows, now, kind === 'run' ? 'oldest' : 'newest');
    if (members.length === 0) return;
    const isFirstRun = lane.isolation === undefined;
    this.#runs.start({ lane, members, reason: isFirstRun ? reason : 'isolation', after }, now);
  }

  /** Does nothing while dispatching: tasks that move from the queue to a slot are counted in neither. */
  #afterLeaving(): void {
    if (this.#isDispatching) return;
    if (this.usesSlots) this.#sessions.noteDemand();
    if (this.#options.queue.queuedTasks > 0) return;
    this.#timer.disarm();
    this.situation.onEmpty();
    if (this.#runs.all.length === 0) this.onQuiet?.();
  }

  #readExecutor(): void {
    const { executor, latency } = this.#options;
    this.threads = executor.threads ?? 1;
    this.usesSlots = executor.isInline !== true && executor.isOnDevice !== true;
    this.#ownSlots = executor.slots;
    this.#sessions.plans = executor.plans;
    latency.use(this.threads);
  }
}
