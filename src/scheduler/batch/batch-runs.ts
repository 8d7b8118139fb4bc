/**
 * Runs the batches of one scheduler on its executor, and settles their members.
 *
 *   start ──▶ assembled ──▶ Executor.run ──▶ members settled ──▶ slot free: the next batch starts ──▶ recorded
 *                 └ all members cancelled or expired ──┘
 *
 * A batch whose members were all cancelled holds its slot until the executor has answered. A failure fails the members
 * of one batch only; where one of them may be at fault, they are run again in parts (isolator.ts).
 */
import type { Clock, Instant } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { BatchResult, Executor } from '../../core/executor.ts';
import type { BatchRecord } from '../../telemetry/request-record.ts';
import type { CoreSlots } from '../cores/core-slots.ts';
import type { SlotTenant } from '../cores/slot-tenant.ts';
import type { RunStatistics } from '../latency/run-statistics.ts';
import { expiredInQueue } from '../queue/queue-errors.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import { Isolator } from './isolator.ts';
import { type BatchContext, type BatchStart, RunningBatch } from './running-batch.ts';

export interface BatchRunsOptions extends BatchContext {
  readonly executor: Executor;
  /** The members of failed batches wait here to be run again. */
  readonly queue: TaskQueue;
  readonly clock: Clock;
  readonly slots: CoreSlots;
  readonly statistics: RunStatistics;
  /** A signature has shown that it has no batch axis: its requests are run whole. Called once for each signature. */
  readonly onMisfit?: ((signatureName: string, reason: string) => void) | undefined;
  /** Called once for each batch, after its members were settled. */
  readonly onBatch: ((record: BatchRecord) => void) | undefined;
}

export class BatchRuns {
  readonly #options: BatchRunsOptions;
  readonly #tenant: SlotTenant;
  readonly #onSlotFree: () => void;
  readonly #isolator: Isolator;
  readonly #all: RunningBatch[] = [];
  /** Batches that run, or wait for the batch before them on their worker. */
  readonly all: readonly RunningBatch[] = this.#all;

  /** @param onSlotFree called when a batch's members are settled and its slot is free */
  constructor(options: BatchRunsOptions, tenant: SlotTenant, onSlotFree: () => void) {
    this.#options = options;
    this.#tenant = tenant;
    this.#onSlotFree = onSlotFree;
    this.#isolator = new Isolator(options.queue);
  }

  /** Runs the members together. Never throws: a failure fails the members. */
  start(start: BatchStart, now: Instant): void {
    const { executor, clock } = this.#options;
    const running = this.#begin(start, now);
    try {
      const inputs = running.assemble(executor);
      const batch = running.start(inputs, clock.nowMs());
      if (batch === undefined) {
        running.release(executor);
        this.#fail(running, expiredInQueue(running.firstMember.owner.context));
        return;
      }
      executor.run(batch, start.after?.batch).then(
        (result) => this.#complete(running, result),
        (thrown: unknown) => this.#runFailed(running, toServingError(thrown)),
      );
    } catch (thrown) {
      this.#fail(running, thrown);
    }
  }

  #begin(start: BatchStart, now: Instant): RunningBatch {
    const { slots } = this.#options;
    const running = new RunningBatch(start, this.#options, now);
    this.#all.push(running);
    running.holdsSlot = this.#tenant.usesSlots;
    if (running.holdsSlot) slots.take(running, running.record.expectedMs ?? 0, now);
    return running;
  }

  #complete(running: RunningBatch, result: BatchResult): void {
    const now = this.#options.clock.nowMs();
    // The batch before it has ended, though the event loop may not have noticed yet.
    running.begin(result.runStart ?? now);
    const { executeStart, size } = running.record;
    const { isOdd } = running.lane;
    if (!isOdd) this.#options.statistics.onRun(running.plan, size, now - executeStart, now, result.runEnd);
    if (running.isRerun) running.lane.isolation!.onAnswered();
    else if (!isOdd) this.#isolator.budget.onRun(now - executeStart);
    try {
      const misfit = running.complete(result, now);
      if (misfit !== undefined) this.#runWhole(running, misfit, now);
    } catch (thrown) {
      running.fail(toServingError(thrown));
    }
    this.#ended(running);
  }

  /**
   * The model has no such batch axis, whoever said so. From now on requests of the signature are run as they come: those
   * that wait, those that come, and the members of this batch that were not answered.
   */
  #runWhole(running: RunningBatch, misfit: string, now: Instant): void {
    const { queue, onMisfit } = this.#options;
    const { plan, lane } = running;
    if (plan.wholeReason === undefined) onMisfit?.(plan.name, misfit);
    const waiting = queue.sharingTasks(plan);
    const members = running.wantedMembers();
    plan.runWhole(misfit);
    if (members.length > 0) running.setAside('backend_failed', now);
    for (const member of members) member.owner.runWhole(member, plan, lane.outputs);
    for (const { task, outputs } of waiting) task.owner.runWhole(task, plan, outputs);
  }

  #runFailed(running: RunningBatch, thrown: ServingError): void {
    const { clock, statistics } = this.#options;
    const now = clock.nowMs();
    const error = running.lane.isOdd ? asRefusal(thrown) : thrown;
    if (error.kind === 'deadline_exceeded') running.expire(now);
    if (!this.#isolator.takeApart(running, error, now, statistics.meanRunMs)) running.fail(error);
    this.#ended(running);
  }

  #fail(running: RunningBatch, thrown: unknown): void {
    running.fail(toServingError(thrown));
    this.#ended(running);
  }

  /** The slot's next batch starts before this one is recorded. */
  #ended(running: RunningBatch): void {
    const { clock, telemetry, onBatch, slots, statistics } = this.#options;
    const { record } = running;
    const now = clock.nowMs();
    record.end = now;
    this.#all.splice(this.#all.indexOf(running), 1);
    running.next?.begin(now);
    if (running.after !== undefined) running.after.next = undefined;
    if (running.holdsSlot) slots.giveBack(running, this.#tenant, now - running.slotSince, now);
    if (running.isRerun) {
      this.#isolator.budget.onRerun(now - running.slotSince);
      running.lane.isolation!.onMemberSettled();
    } else if (!running.lane.isOdd)
      statistics.onEnd(record, running.slotSince, running.firstMember, running.lastMember);
    this.#onSlotFree();
    telemetry.recordBatch(record);
    onBatch?.(record);
  }
}

/** A runtime that fails on a shape that nobody declared has refused it. */
function asRefusal(error: ServingError): ServingError {
  const isRefusal = error.kind === 'backend_failed' || error.kind === 'internal';
  return isRefusal ? new ServingError('invalid_request', error.message, { cause: error }) : error;
}
