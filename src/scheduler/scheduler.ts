/**
 * Puts the requests of one servable version into batches, and runs the batches on its executor. One Scheduler per
 * version.
 *
 *   submit ─▶ checks, admission ─▶ lane ── a free slot pulls ──▶ batch ─▶ Executor.run ─▶ each request's own rows
 *                  └ refused now
 *
 * Contract:
 * - Every request settles exactly once, with its outputs or a ServingError. It settles at once when its client leaves
 *   or its deadline passes, whether it waits or runs.
 * - No expired or cancelled request is given to the executor.
 * - A request that could not be answered in time is refused at once, with a delay to retry after
 *   (admission/admission.ts). At capacity (`maxEnqueuedBatches` full batches wait) every request is refused. If nothing
 *   waits, a request of any size is admitted.
 * - Within a lane, the request that is due first goes first. Between lanes the policy decides (policy/slack-policy.ts),
 *   between models the slots that they share (cores/core-slots.ts).
 * - A failing run fails only its own members, and only the member at fault where its values are the reason
 *   (batch/isolator.ts). Its caller shares no batch with others for a while (batch/quarantined-callers.ts).
 * - The request's bytes are read until it settles, and not after.
 */
import { setImmediate } from 'node:timers';
import type { Clock, Instant } from '../core/clock.ts';
import { ServingError, type SharedError } from '../core/errors.ts';
import type { Signature } from '../core/signature.ts';
import type { TensorMap } from '../core/tensor.ts';
import { STAGE_QUEUE } from '../ledger/stage-clock.ts';
import { Admission } from './admission/admission.ts';
import { partedWorkOf } from './admission/parted-work.ts';
import type { AdmittedWork } from './admission/promised-work.ts';
import { SharedRefusals } from './admission/shared-refusals.ts';
import { NO_CALLER, QuarantinedCallers } from './batch/quarantined-callers.ts';
import type { Holding } from './callers/holdings.ts';
import { CoreSlots } from './cores/core-slots.ts';
import { Dispatcher } from './dispatcher.ts';
import { LatencyModel, type LatencySeed } from './latency/latency-model.ts';
import { RunStatistics } from './latency/run-statistics.ts';
import { type BatchPolicy, GreedyPolicy } from './policy/batch-policy.ts';
import { SlackPolicy } from './policy/slack-policy.ts';
import type { Lane } from './queue/lane.ts';
import { checkPartCount, PendingRequest } from './queue/pending-request.ts';
import {
  draining,
  emptyFixedBatch,
  expiredOnArrival,
  overCallerBudget,
  unknownSignature,
} from './queue/queue-errors.ts';
import { TaskQueue } from './queue/task-queue.ts';
import { RefusalGate } from './refusal-gate.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import type { SchedulerParts } from './scheduler-parts.ts';
import { SignaturePlan, UNEQUAL_ROWS } from './signature-plan.ts';
import type { PartedRequest, SchedulerRequest, TaskContext, Ticket } from './task.ts';

export interface SchedulerInit
  extends Pick<SchedulerParts, 'model' | 'version' | 'executor' | 'clock' | 'telemetry'>,
    Partial<Pick<SchedulerParts, 'onMisfit' | 'quarantine'>> {
  readonly options: SchedulerOptions;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The slots that it shares with other schedulers. Default: unlimited, so that only its executor's slots count. */
  readonly slots?: CoreSlots;
  /** Runs measured at load, so that the first forecast is not a guess. */
  readonly seeds?: readonly LatencySeed[];
  /** Spreads retry delays, 0 to 1. Default: Math.random. */
  readonly random?: () => number;
  /** Runs a function after this turn's events. Default: setImmediate. Tests and simulators bring their own. */
  readonly defer?: (run: () => void) => void;
}

/** A run that goes on. */
export interface RunSoFar {
  readonly since: Instant;
  /** Undefined where its time was not known when it started. */
  readonly expectedMs: number | undefined;
}

/** The admission of requests without rows, which need no run. */
const NOTHING_ADMITTED: AdmittedWork = { onQueued: () => undefined, release: () => undefined };

export class Scheduler {
  /** How long its runs take: to be seeded, saved and restored. */
  readonly latency = new LatencyModel();
  readonly #clock: Clock;
  readonly #plans = new Map<string, SignaturePlan>();
  readonly #slots: CoreSlots;
  readonly #queue: TaskQueue;
  readonly #dispatcher: Dispatcher;
  readonly #admission: Admission;
  readonly #quarantined = new QuarantinedCallers();
  readonly #gate: RefusalGate;
  #closed: Promise<void> | undefined;

  constructor(init: SchedulerInit) {
    const { model, version, executor, clock, telemetry, quarantine, onMisfit, options } = init;
    const { kind = 'slack', weight = 1, callerCoreShare = 0, maxQueuedBytes = Infinity } = options;
    const slots = init.slots ?? new CoreSlots(Infinity, clock);
    const statistics = new RunStatistics();
    const runsInline = (): boolean => executor.isInline === true;
    const queue = new TaskQueue(slots);
    this.#clock = clock;
    this.#slots = slots;
    this.#queue = queue;
    for (const [name, signature] of init.signatures) {
      this.#plans.set(name, new SignaturePlan(name, signature, { ...options, runsInline }, this.latency));
    }
    this.#seed(init.seeds ?? []);
    const { latency } = this;
    const quarantined = this.#quarantined;
    const parts: SchedulerParts = {
      ...{ model, version, executor, clock, telemetry, queue, slots, latency, statistics },
      ...{ quarantined, quarantine, onMisfit },
    };
    const dispatcher = new Dispatcher({
      ...parts,
      policy: policyOf(options),
      weight,
      defer: init.defer ?? afterThisPoll,
    });
    this.#dispatcher = dispatcher;
    const refusals = new SharedRefusals(init.random ?? Math.random);
    const shared = { ...parts, dispatcher, callerCoreShare, refusals };
    const isPredicting = kind === 'slack';
    this.#admission = new Admission({ ...shared, maxQueuedBytes, isPredicting, isByDeadline: kind !== 'greedy' });
    this.#gate = new RefusalGate({ ...shared, admission: this.#admission });
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

  /** The run that has gone on for longest; undefined = none goes on. */
  get longestRun(): RunSoFar | undefined {
    const starts = this.#dispatcher.uses.map(({ record }) => record).filter(({ executeStart }) => executeStart > 0);
    if (starts.length === 0) return undefined;
    const { executeStart, expectedMs } = starts.reduce((a, b) => (b.executeStart < a.executeStart ? b : a));
    return { since: executeStart, expectedMs };
  }

  /**
   * Resolves with the wanted outputs, in their order, for the request's own rows: views of the batch's outputs that the
   * caller may keep. Throws a ServingError if the request is refused (a refusal makes no promise), and rejects with one
   * if it fails later. Owns `context.cancel.listener` until the request settles.
   */
  submit(request: SchedulerRequest): Promise<TensorMap> {
    const { context, inputs, isOddShape } = request;
    const now = this.#clock.nowMs();
    const plan = this.#planFor(request, now);
    const rows = plan.rowsOf(inputs, isOddShape);
    if (rows === UNEQUAL_ROWS) return this.#submitAlone(plan, request);
    if (rows === 0) {
      const answer = plan.emptyAnswer(request.outputs);
      if (answer !== undefined) return Promise.resolve(answer);
      if (plan.isFixed) throw emptyFixedBatch(plan);
    }
    const holding = this.#holdingOf(context, now);
    const quarantined = this.#quarantined.count === 0 ? undefined : this.#admitQuarantined(plan, context, now);
    const lane = this.#queue.laneFor(plan, request, rows, quarantined);
    const units = lane.wholeSize === undefined ? rows : 1;
    checkPartCount(units, plan.maxBatchSize);
    let ticket: Ticket;
    try {
      ticket = this.#admission.admit(lane, units, context, holding, now);
    } catch (error) {
      this.#gate.onRefused(error, lane, units, context, holding, now);
      throw error;
    }
    return this.#enqueue(lane, request, units, holding, ticket);
  }

  /**
   * Admits requests that will be submitted some at a time as if they were one: throws what `submit` would throw for one as
   * large, if all of it cannot be answered in time or its first run has no room, and nothing has run then. The requests'
   * contexts name what it returns as `admitted`: no forecast refuses them, though a full queue may, for the moment. Until
   * they have come they count as what waits.
   */
  admit(request: PartedRequest): AdmittedWork {
    const { context, parts, outputs } = request;
    const now = this.#clock.nowMs();
    const plan = this.#planFor(request, now);
    const work = partedWorkOf(plan, parts, outputs);
    const { rows, workMs, lastInputs } = work;
    const holding = this.#holdingOf(context, now);
    if (lastInputs === undefined) return NOTHING_ADMITTED;
    const quarantined = this.#quarantined.count === 0 ? undefined : this.#admitQuarantined(plan, context, now);
    const lane = this.#queue.laneFor(
      plan,
      { ...request, inputs: lastInputs },
      Math.abs(plan.rowsOf(lastInputs)),
      quarantined,
    );
    const ticket = this.#admission.admitParted(lane, work, context, holding, now);
    context.expectedEnd = ticket.expectedEnd;
    // A quarantined caller's rows yield to all others.
    const order = ticket.isSoft || quarantined !== undefined ? Infinity : ticket.order;
    const admitted = this.#queue.promised.add({ holding, rows, workMs, order });
    this.#admission.onQueued(lane, rows, holding, now);
    return admitted;
  }

  /**
   * Why a request that is not decoded yet would be refused, where that is known already (refusal-gate.ts); it counts as
   * submitted then. `signatureName`: all of its outputs are wanted, for any number of rows but 0. Undefined: submit it.
   */
  refusalOf(signatureName: string, context: TaskContext): SharedError | undefined {
    const now = this.#clock.nowMs();
    if (this.#closed !== undefined || context.cancel.isCancelled || !(context.deadline > now)) return undefined;
    const plan = this.#plans.get(signatureName);
    return plan === undefined ? undefined : this.#gate.refusalOf(plan, context, now);
  }

  /**
   * Each request of the signature runs as it came from now on, those that wait too. Does nothing for a model that runs
   * one number of rows alone.
   */
  stopSharing(signatureName: string, reason: string): void {
    const plan = this.#plans.get(signatureName);
    if (plan !== undefined && !plan.isWhole && !plan.isFixed) this.#dispatcher.stopSharing(plan, reason);
  }

  /** Refuses new requests with `draining`; resolves when the queue is empty and no batch runs. Idempotent. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = new Promise((resolve) => {
        this.#dispatcher.onQuiet = () => {
          this.#slots.leave(this.#dispatcher);
          resolve();
        };
      });
      // No more requests will come: no batch waits to fill.
      this.#dispatcher.usePolicy(new GreedyPolicy(0));
      if (this.#dispatcher.isQuiet) this.#dispatcher.onQuiet?.();
    }
    return this.#closed;
  }

  /** The plan of a request's signature. Throws for a request that cannot be queued now, whatever waits. */
  #planFor(
    { signatureName, context }: Pick<SchedulerRequest, 'signatureName' | 'context'>,
    now: Instant,
  ): SignaturePlan {
    if (this.#closed !== undefined) throw draining();
    context.cancel.throwIfCancelled();
    if (!(context.deadline > now)) throw expiredOnArrival(context);
    const plan = this.#plans.get(signatureName);
    if (plan === undefined) throw unknownSignature(signatureName, this.#plans.keys());
    return plan;
  }

  /** The waiting rows of a request's caller, who has sent it now. */
  #holdingOf({ caller = NO_CALLER }: TaskContext, now: Instant): Holding {
    return this.#queue.holdings.of(this.#slots.callers.onRequest(caller, now));
  }

  /** Runs of one thread. */
  #seed(seeds: readonly LatencySeed[]): void {
    this.latency.seed(seeds);
    const now = this.#clock.nowMs();
    for (const { signature, rows, runMs } of seeds) this.#plans.get(signature)?.seedEfficientSize(1, rows, runMs, now);
  }

  /**
   * The caller, if it is quarantined; undefined for all others. Throws `overloaded` if too many of its
   * requests wait already because of its debt.
   */
  #admitQuarantined(plan: SignaturePlan, { caller = NO_CALLER }: TaskContext, now: Instant): string | undefined {
    if (!this.#quarantined.has(caller)) return undefined;
    const overMs = this.#dispatcher.lanes.overMs(caller, now);
    if (overMs > 0 && this.#dispatcher.lanes.waitingRows(caller) >= plan.maxBatchSize) throw overCallerBudget(overMs);
    return caller;
  }

  /** The graph decides about inputs that differ in their rows; if it refuses them, the caller learns what is the batch. */
  #submitAlone(plan: SignaturePlan, { signatureName, inputs, outputs, context }: SchedulerRequest): Promise<TensorMap> {
    const difference = plan.unequalRows(inputs);
    return this.submit({ signatureName, inputs, outputs, context, isOddShape: true }).catch((cause: unknown) => {
      if (!(cause instanceof ServingError) || cause.kind !== 'invalid_request') throw cause;
      throw new ServingError('invalid_request', `${difference}. The model refused it: ${cause.message}`, { cause });
    });
  }

  #enqueue(lane: Lane, request: SchedulerRequest, units: number, holding: Holding, ticket: Ticket): Promise<TensorMap> {
    const { context, inputs } = request;
    context.stages.enter(STAGE_QUEUE, ticket.enqueuedAt);
    const answer = new Promise<TensorMap>(keepSettlers);
    const pending = new PendingRequest(context, holding, this.#queue, lastResolve, lastReject);
    pending.enqueue(lane, inputs, units, ticket);
    context.admitted?.onQueued(units);
    this.#admission.onQueued(lane, units, holding, ticket.enqueuedAt);
    this.#dispatcher.poke(lane, ticket.enqueuedAt);
    return answer;
  }
}

/** The functions of the promise that was made last: one executor for all promises is no closure for each request. */
let lastResolve: (outputs: TensorMap) => void;
let lastReject: (error: ServingError) => void;
function keepSettlers(resolve: typeof lastResolve, reject: typeof lastReject): void {
  lastResolve = resolve;
  lastReject = reject;
}

function policyOf(options: SchedulerOptions): BatchPolicy {
  const { kind = 'slack', batchTimeoutMicros } = options;
  if (kind === 'greedy') return new GreedyPolicy(batchTimeoutMicros);
  return new SlackPolicy({ batchTimeoutMicros, isSustaining: kind === 'slack' });
}

/**
 * setImmediate runs after the event loop's poll phase, when every socket that had bytes has been read: the requests of
 * one poll can share a batch. A microtask would run after the first socket's callback, when only one request has come.
 */
function afterThisPoll(run: () => void): void {
  setImmediate(run);
}
