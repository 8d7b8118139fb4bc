/**
 * Runs the batches of one scheduler on its executor, and settles their members.
 *
 *   start ──▶ assembled ──▶ Executor.run ──▶ members settled ──▶ slot free: the next batch starts ──▶ recorded
 *                 └ all members cancelled or expired ──┘
 *
 * A batch whose members were all cancelled holds its slot until the executor has answered. A failure fails the members
 * of one batch only; where one of them may be at fault, the others are run again (isolator.ts).
 */
import type { Instant } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { BatchResult } from '../../core/executor.ts';
import type { SlotTenant } from '../cores/slot-tenant.ts';
import { QuarantineLanes } from '../queue/quarantine-lanes.ts';
import { expiredInQueue } from '../queue/queue-errors.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import { releaseInputs } from './batch-assembly.ts';
import { Isolator } from './isolator.ts';
import { Judge } from './judge.ts';
import { type BatchStart, RunningBatch } from './running-batch.ts';

/** The dispatcher. */
interface Tenant extends SlotTenant {
  /** Starts what may start: a batch's members are settled and its slot is free. */
  dispatch(): void;
  /** Dispatches then, or earlier. */
  wakeBy(at: Instant): void;
}

export class BatchRuns {
  readonly #parts: SchedulerParts;
  readonly #tenant: Tenant;
  readonly #isolator: Isolator;
  readonly #all: RunningBatch[] = [];
  /** Batches that run, or wait for the batch before them on their worker. */
  readonly all: readonly RunningBatch[] = this.#all;
  /** The lanes that may run, and what quarantined callers may have waiting. */
  readonly lanes: QuarantineLanes;

  constructor(parts: SchedulerParts, tenant: Tenant) {
    this.#parts = parts;
    this.#tenant = tenant;
    this.lanes = new QuarantineLanes(parts, (at) => tenant.wakeBy(at));
    this.#isolator = new Isolator(parts, this.lanes, new Judge(parts.queue, parts.clock));
  }

  /** Runs the members together. Never throws: a failure fails the members. */
  start(start: BatchStart, now: Instant): void {
    const { executor, clock } = this.#parts;
    const running = this.#begin(start, now);
    try {
      const inputs = running.assemble(executor);
      const batch = running.start(inputs, clock.nowMs());
      if (batch === undefined) {
        releaseInputs(inputs, executor);
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
    const { slots, quarantined } = this.#parts;
    const running = new RunningBatch(start, this.#parts, this.#tenant, now);
    this.#all.push(running);
    const { lane, record, threads } = running;
    if (lane.efficientSize !== undefined)
      running.level = lane.efficientSize.onStart(threads, record.size, lane.headRows);
    if (quarantined.count > 0) this.#isolator.onSlotTaken(running, now);
    running.holdsSlot = this.#tenant.usesSlots;
    if (running.holdsSlot) slots.take(running, running.record.expectedMs ?? 0, now);
    return running;
  }

  #complete(running: RunningBatch, result: BatchResult): void {
    const now = this.#parts.clock.nowMs();
    // The batch before it has ended, though the event loop may not have noticed yet.
    running.begin(result.runStart ?? now);
    const { executeStart, size } = running.record;
    const { runStart = executeStart, runEnd = now } = result;
    if (running.holdsSlot) this.#tenant.usage.onRun(runEnd - runStart, now);
    if (!running.lane.isOdd) {
      const { length, threads, level } = running;
      const beside = running.holdsSlot ? this.#parts.slots.besideOf(running, now) : 0;
      const run = { size, length, threads, beside, runMs: now - executeStart, runEnd: result.runEnd };
      this.#parts.statistics.onRun(running.plan, run, now);
      running.lane.efficientSize?.onRun({ threads, size, level, beside, runMs: run.runMs }, now);
    }
    running.plan.good.aliveAt = now;
    if (running.candidate !== undefined) running.plan.good.keep(running.candidate, now);
    if (running.isRerun || running.lane.quarantined !== undefined) this.#isolator.onAnswered(running.lane, now);
    try {
      const misfit = running.complete(result, now);
      if (misfit !== undefined) this.#runWhole(running, misfit, now);
    } catch (thrown) {
      running.fail(toServingError(thrown), false);
    }
    this.#ended(running);
  }

  /**
   * The model has no such batch axis, whoever said so. From now on requests of the signature are run as they come: those
   * that wait, those that come, and the members of this batch that were not answered.
   */
  #runWhole(running: RunningBatch, misfit: string, now: Instant): void {
    const { onMisfit } = this.#parts;
    const { plan, lane } = running;
    if (plan.wholeReason === undefined) onMisfit?.(plan.name, misfit);
    const members = running.wantedMembers();
    this.stopSharing(plan, misfit, () => {
      if (members.length > 0) running.setAside('backend_failed', now);
      for (const member of members) member.owner.runWhole(member, plan, lane.outputs);
    });
  }

  /** Each request of the signature runs as it came from now on, those that wait too; those of `first` before them. */
  stopSharing(plan: SignaturePlan, reason: string, first?: () => void): void {
    const waiting = this.#parts.queue.sharingTasks(plan);
    plan.runWhole(reason);
    first?.();
    for (const { task, outputs } of waiting) task.owner.runWhole(task, plan, outputs);
  }

  #runFailed(running: RunningBatch, thrown: ServingError): void {
    const error = running.lane.isOdd ? asRefusal(thrown) : thrown;
    if (error.kind === 'deadline_exceeded') running.expire(this.#parts.clock.nowMs());
    let isEnded = false;
    let isSettled = false;
    const isSeenTo = this.#isolator.onFailed(running, error, () => {
      isSettled = true;
      if (isEnded) this.#parts.telemetry.recordBatch(running.record);
    });
    if (!isSeenTo) running.fail(error, false);
    this.#free(running);
    isEnded = true;
    if (isSettled || !isSeenTo) this.#parts.telemetry.recordBatch(running.record);
  }

  #fail(running: RunningBatch, thrown: unknown): void {
    running.fail(toServingError(thrown), false);
    this.#ended(running);
  }

  /** The slot's next batch starts before this one is recorded. */
  #ended(running: RunningBatch): void {
    this.#free(running);
    this.#parts.telemetry.recordBatch(running.record);
  }

  #free(running: RunningBatch): void {
    const { clock, slots, statistics, quarantined } = this.#parts;
    const { record } = running;
    const now = clock.nowMs();
    record.end = now;
    if (this.#all.length === 1) this.#all.pop();
    else this.#all.splice(this.#all.indexOf(running), 1);
    if (running.after !== undefined) running.after.next = undefined;
    slots.callers.onRun(running.members, running.threads * (now - running.slotSince), now);
    if (running.holdsSlot) slots.giveBack(running, this.#tenant, now - running.slotSince, now);
    running.next?.begin(now);
    if (running.isRerun) this.#isolator.onRerun(running, now - running.slotSince, now);
    else if (!running.lane.isOdd) {
      statistics.onEnd(record, running.plan, running.slotSince, running.members, running.room);
    }
    if (quarantined.count > 0) this.#isolator.onSlotFree(running, now);
    this.#tenant.dispatch();
  }
}

/** A runtime that fails on a shape that nobody declared has refused it. */
function asRefusal(error: ServingError): ServingError {
  const isRefusal = error.kind === 'backend_failed' || error.kind === 'internal';
  return isRefusal ? new ServingError('invalid_request', error.message, { cause: error }) : error;
}
