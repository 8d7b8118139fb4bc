/**
 * Puts the requests of one servable version into batches and the batches on its executor. One Scheduler per version.
 *
 *   submit ─▶ checks, capacity ─▶ lane ── a free slot pulls ──▶ batch ─▶ Executor.run ─▶ each request's own rows
 *                  └ refused now
 *
 * Contract:
 * - Every request settles exactly once: with its outputs or with a ServingError. It is heard at once when its client
 *   leaves or its deadline passes, waiting or running.
 * - No expired or cancelled request is given to the executor.
 * - At capacity (`maxEnqueuedBatches` full batches wait) requests are refused with `overloaded` and a time to retry
 *   after. A request that finds nothing waiting is always taken, however large.
 * - First come, first served within a lane; between lanes the policy decides (batch-policy.ts).
 * - A failing run fails its own members and nobody else.
 * - The request's bytes are read until its rows are copied into a batch, and not after.
 */
import { setImmediate } from 'node:timers';
import type { Clock, Instant } from '../core/clock.ts';
import { toServingError } from '../core/errors.ts';
import type { Executor } from '../core/executor.ts';
import type { Signature } from '../core/signature.ts';
import type { TensorMap } from '../core/tensor.ts';
import type { BatchRecord, Telemetry } from '../telemetry/request-record.ts';
import { STAGE_QUEUE } from '../telemetry/stage-clock.ts';
import { type BatchPolicy, GreedyPolicy } from './batch-policy.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Lane } from './lane.ts';
import { PendingRequest } from './pending-request.ts';
import { draining, emptyFixedBatch, expiredOnArrival, overloaded, unknownSignature } from './queue-errors.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { SignaturePlan } from './signature-plan.ts';
import { checkPartCount } from './split-request.ts';
import type { SchedulerRequest } from './task.ts';
import { TaskQueue } from './task-queue.ts';

export interface SchedulerInit {
  readonly executor: Executor;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly options: SchedulerOptions;
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly model: string;
  readonly version: string;
  /** What runs next; by default GreedyPolicy with the options' batchTimeoutMicros. */
  readonly policy?: BatchPolicy;
  /** Called once for each batch, after its members were settled and telemetry has the record. */
  readonly onBatch?: (record: BatchRecord) => void;
  /** Runs a function after this turn's events; by default setImmediate. Tests and simulators bring their own. */
  readonly defer?: (run: () => void) => void;
}

/** Before any batch has ended there is no time to estimate from. */
const DEFAULT_RETRY_AFTER_MS = 100;

export class Scheduler {
  readonly #clock: Clock;
  readonly #executor: Executor;
  readonly #plans = new Map<string, SignaturePlan>();
  readonly #queue = new TaskQueue();
  readonly #dispatcher: Dispatcher;
  #closed: Promise<void> | undefined;

  constructor(init: SchedulerInit) {
    const { executor, clock, telemetry, options, model, version } = init;
    this.#clock = clock;
    this.#executor = executor;
    for (const [name, signature] of init.signatures) this.#plans.set(name, new SignaturePlan(name, signature, options));
    this.#dispatcher = new Dispatcher({
      executor,
      clock,
      telemetry,
      queue: this.#queue,
      policy: init.policy ?? new GreedyPolicy(options.batchTimeoutMicros),
      model,
      version,
      defer: init.defer ?? afterThisPoll,
      onBatch: init.onBatch,
    });
  }

  /** Rows that wait. A request that is run whole counts as one. */
  get queuedRows(): number {
    return this.#queue.queuedRows;
  }

  /** Requests, or parts of large ones, that wait. */
  get queuedTasks(): number {
    return this.#queue.queuedTasks;
  }

  get runningBatches(): number {
    return this.#dispatcher.runningBatches;
  }

  /**
   * Resolves with the wanted outputs, in their order, of the request's own rows; the caller may keep them (views of the
   * batch's outputs). Rejects with a ServingError. Owns `context.cancel.onCancel` until it settles.
   */
  submit(request: SchedulerRequest): Promise<TensorMap> {
    try {
      return this.#admit(request);
    } catch (thrown) {
      return Promise.reject(toServingError(thrown));
    }
  }

  /** Refuses what comes from now on with `draining`; resolves when all that waits has run. Twice is once. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = new Promise((resolve) => {
        this.#dispatcher.onQuiet = resolve;
      });
      // No company will come any more: nothing is held back for it.
      this.#dispatcher.usePolicy(new GreedyPolicy(0));
      if (this.#dispatcher.isQuiet) this.#dispatcher.onQuiet?.();
    }
    return this.#closed;
  }

  #admit(request: SchedulerRequest): Promise<TensorMap> {
    const { context, signatureName, inputs } = request;
    const now = this.#clock.nowMs();
    if (this.#closed !== undefined) throw draining();
    context.cancel.throwIfCancelled();
    if (!(context.deadline > now)) throw expiredOnArrival();
    const plan = this.#plans.get(signatureName);
    if (plan === undefined) throw unknownSignature(signatureName, this.#plans.keys());
    const rows = plan.rowsOf(inputs);
    if (rows === 0) {
      const answer = plan.emptyAnswer(request.outputs);
      if (answer !== undefined) return Promise.resolve(answer);
      if (plan.isFixed) throw emptyFixedBatch(plan);
    }
    const units = Math.max(1, rows);
    checkPartCount(units, plan.maxBatchSize);
    this.#checkCapacity(plan, units);
    return this.#enqueue(this.#queue.laneFor(plan, request, rows), request, units, now);
  }

  #enqueue(lane: Lane, request: SchedulerRequest, units: number, now: Instant): Promise<TensorMap> {
    const { context, inputs } = request;
    return new Promise((resolve, reject) => {
      context.stages.enter(STAGE_QUEUE, now);
      new PendingRequest(context, this.#queue, resolve, reject).enqueue(lane, inputs, units, now);
      this.#dispatcher.poke();
    });
  }

  /** What came in this turn may fit the free slots: only what they leave is a queue. */
  #checkCapacity(plan: SignaturePlan, rows: number): void {
    if (!isOver(plan, rows)) return;
    this.#dispatcher.dispatch();
    if (isOver(plan, rows)) throw overloaded(plan, rows, this.#retryAfterMs(plan));
  }

  /** When the batches that wait should have run, if they take as long as the last ones did. */
  #retryAfterMs(plan: SignaturePlan): number {
    const { meanRunMs, runningBatches } = this.#dispatcher;
    if (meanRunMs === undefined) return DEFAULT_RETRY_AFTER_MS;
    const ahead = Math.ceil(plan.queuedRows / plan.maxBatchSize) + runningBatches;
    return Math.max(1, Math.ceil((meanRunMs * ahead) / this.#executor.slots));
  }
}

function isOver(plan: SignaturePlan, rows: number): boolean {
  return plan.queuedRows > 0 && plan.queuedRows + rows > plan.maxQueuedRows;
}

/**
 * setImmediate runs after the event loop's poll phase, when every socket that had bytes has been read: all requests of
 * one poll ride together. A microtask would run after the first socket's callback, and batches would be of one.
 */
function afterThisPoll(run: () => void): void {
  setImmediate(run);
}
