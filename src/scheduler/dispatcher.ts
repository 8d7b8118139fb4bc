/**
 * The executor's slots, and what makes a free one pull the next batch out of the queue.
 *
 *   task came ── poke ──▶ once a turn ─┐
 *   batch ended: its slot is free ─────┼──▶ dispatch: while a slot is free, ask the policy ──▶ run │ waitUntil │ idle
 *   the policy's instant has come ─────┘                                                       │       └ one timer
 *                                                                                              └ RunningBatch
 *
 * A batch is put together at the latest moment, when a slot is free to run it: until then its tasks may leave and others
 * may join. Never more than `executor.slots` batches are in `run`; a batch of which every member was cancelled still
 * holds its slot until the executor has answered. Whatever fails, fails one batch's members.
 */
import type { Clock, Instant, TimerHandle } from '../core/clock.ts';
import { toServingError } from '../core/errors.ts';
import type { BatchResult, Executor } from '../core/executor.ts';
import type { BatchRecord, DispatchReason, Telemetry } from '../telemetry/request-record.ts';
import type { BatchPolicy } from './batch-policy.ts';
import type { Lane } from './lane.ts';
import { expiredInQueue } from './queue-errors.ts';
import { RunningBatch } from './running-batch.ts';
import type { Task } from './task.ts';
import type { TaskQueue } from './task-queue.ts';

export interface DispatcherOptions {
  readonly executor: Executor;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly queue: TaskQueue;
  readonly policy: BatchPolicy;
  readonly model: string;
  readonly version: string;
  /** Runs a function once, after the events of this turn of the event loop. */
  readonly defer: (run: () => void) => void;
  /** Called once for each batch, after its members were settled. */
  readonly onBatch: ((record: BatchRecord) => void) | undefined;
}

/** Weight of the newest batch in the mean: the last twenty or so count. */
const MEAN_WEIGHT = 0.1;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #deferred = (): void => {
    this.#isDeferred = false;
    this.dispatch();
  };
  #policy: BatchPolicy;
  #running = 0;
  #meanRunMs: number | undefined;
  #isDeferred = false;
  #isDispatching = false;
  #timer: TimerHandle | undefined;
  #timerAt: Instant = Infinity;
  /** Called when nothing waits and nothing runs, at each change that leads there. */
  onQuiet: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#policy = options.policy;
    options.queue.onEmpty = () => this.#afterLeaving();
  }

  get runningBatches(): number {
    return this.#running;
  }

  get freeSlots(): number {
    return this.#options.executor.slots - this.#running;
  }

  get isQuiet(): boolean {
    return this.#running === 0 && this.#options.queue.queuedTasks === 0;
  }

  /** Mean time that the executor takes for a batch, over the last ones that succeeded; undefined before the first. */
  get meanRunMs(): number | undefined {
    return this.#meanRunMs;
  }

  /** A task came: dispatches once after this turn. With no free slot there is nothing to do: the next one will pull. */
  poke(): void {
    if (this.#isDeferred || this.freeSlots <= 0) return;
    this.#isDeferred = true;
    this.#options.defer(this.#deferred);
  }

  /** From here on `policy` decides, beginning now. */
  usePolicy(policy: BatchPolicy): void {
    this.#policy = policy;
    this.dispatch();
  }

  /** Starts what may start now. */
  dispatch(): void {
    // A batch may end before its start returns (an executor that throws): the loop below then goes on, not a recursion.
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    try {
      while (this.freeSlots > 0 && this.#dispatchOne());
    } finally {
      this.#isDispatching = false;
    }
    this.#afterLeaving();
  }

  #dispatchOne(): boolean {
    const { queue, clock } = this.#options;
    const now = clock.nowMs();
    const decision = this.#policy.decide({ freeSlots: this.freeSlots, lanes: queue.lanes() }, now);
    switch (decision.kind) {
      case 'run':
        this.#run(this.#take(decision.lane, decision.rows, now), decision.lane, decision.reason, now);
        return true;
      case 'waitUntil':
        this.#arm(decision.at);
        return false;
      case 'idle':
        return false;
    }
  }

  /** The tasks that ride: from the head on, while they fit. What has expired is failed instead, and takes no place. */
  #take(lane: Lane, rows: number, now: Instant): Task[] {
    const members: Task[] = [];
    let room = Math.min(rows, lane.maxBatchSize);
    for (let task = lane.head; task !== undefined; task = lane.head) {
      const { context } = task.owner;
      if (context.cancel.reason !== undefined) task.owner.fail(context.cancel.reason);
      else if (!(context.deadline > now)) task.owner.fail(expiredInQueue());
      else if (task.rows <= room || members.length === 0) {
        this.#options.queue.remove(task);
        members.push(task);
        room -= task.rows;
      } else break;
    }
    return members;
  }

  #run(members: readonly Task[], lane: Lane, reason: DispatchReason, now: Instant): void {
    if (members.length === 0) return;
    const { executor, clock, model, version, telemetry } = this.#options;
    const running = new RunningBatch({ lane, members, reason, model, version, telemetry }, now);
    this.#running += 1;
    try {
      const inputs = running.assemble(executor);
      const batch = running.start(inputs, clock.nowMs());
      if (batch === undefined) {
        running.release(executor);
        this.#fail(running, expiredInQueue());
        return;
      }
      executor.run(batch).then(
        (result) => this.#complete(running, result),
        (thrown: unknown) => this.#fail(running, thrown),
      );
    } catch (thrown) {
      this.#fail(running, thrown);
    }
  }

  #complete(running: RunningBatch, result: BatchResult): void {
    const now = this.#options.clock.nowMs();
    const runMs = now - running.record.executeStart;
    this.#meanRunMs = this.#meanRunMs === undefined ? runMs : this.#meanRunMs + MEAN_WEIGHT * (runMs - this.#meanRunMs);
    try {
      running.complete(result, now);
    } catch (thrown) {
      running.fail(toServingError(thrown));
    }
    this.#ended(running);
  }

  #fail(running: RunningBatch, thrown: unknown): void {
    running.fail(toServingError(thrown));
    this.#ended(running);
  }

  /** Members first (views, cheap), then the slot's next batch (a copy), then the bookkeeping. */
  #ended(running: RunningBatch): void {
    const { clock, telemetry, onBatch } = this.#options;
    running.record.end = clock.nowMs();
    this.#running -= 1;
    this.dispatch();
    telemetry.recordBatch(running.record);
    onBatch?.(running.record);
  }

  #arm(at: Instant): void {
    if (at === this.#timerAt) return;
    this.#disarm();
    this.#timerAt = at;
    this.#timer = this.#options.clock.setTimer(at, () => {
      this.#timer = undefined;
      this.#timerAt = Infinity;
      this.dispatch();
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  /** Not while dispatching: tasks are on their way from the queue to a slot then, and counted in neither. */
  #afterLeaving(): void {
    if (this.#isDispatching) return;
    if (this.#options.queue.queuedTasks === 0) this.#disarm();
    if (this.isQuiet) this.onQuiet?.();
  }
}
