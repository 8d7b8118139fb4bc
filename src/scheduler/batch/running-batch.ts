/**
 * One batch, from the moment that its tasks have left their lane until each of them has settled.
 *
 *   new ──▶ assemble ──▶ start ─────────────▶ (executor runs it) ──▶ complete │ fail
 *                          └─ behind another ──▶ begin ──┘                └ its run failed: setAside (isolator.ts)
 *
 * A member may be cancelled or expire at any time: it settles then and is skipped here. Each method marks the stage
 * that it begins, in the record and for each member that has not settled.
 */
import type { Instant } from '../../core/clock.ts';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import type {
  Batch,
  BatchOrigin,
  BatchResult,
  BatchShare,
  RunEvent,
  RunEventFacts,
  TraceHeaders,
} from '../../core/executor.ts';
import { Priority, type PriorityClass } from '../../core/priority.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { BatchRecord, DispatchReason, Telemetry } from '../../ledger/request-record.ts';
import { STAGE_BATCH, STAGE_EXECUTE, STAGE_SPLIT } from '../../ledger/stage-clock.ts';
import { formatTraceparent } from '../../ledger/tracing/propagation.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import type { SlotTenant, SlotUse } from '../cores/slot-tenant.ts';
import type { Lane } from '../queue/lane.ts';
import { expiredInQueue, expiredInRun } from '../queue/queue-errors.ts';
import type { SchedulerParts } from '../scheduler-parts.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task, TaskGroup } from '../task.ts';
import { type Allocator, checkOutputs, mergeInputs, misfitOf, sliceOutputs } from './batch-assembly.ts';
import { BatchLengths } from './batch-lengths.ts';
import { GoodRequest } from './known-good.ts';

/** The tasks that were taken out of the queue for one batch. */
export interface BatchStart {
  readonly lane: Lane;
  /** The tasks: at least one, none settled; their rows fit the lane's largest batch. */
  readonly members: readonly Task[];
  readonly reason: DispatchReason;
  /** A batch that still runs: the new one is given to its worker and begins when it has ended. */
  readonly after?: RunningBatch | undefined;
}

export class RunningBatch implements SlotUse, BatchOrigin, TaskGroup {
  readonly record: BatchRecord;
  readonly expectedEnd: Instant;
  /** It holds cores that all models share: as many as `threads`. */
  holdsSlot = false;
  /** The level that EfficientBatchSize gave it at its start. */
  level = -1;
  takenAt: Instant = 0;
  runMsBefore = 0;
  onAbandoned: (() => void) | undefined;
  /** The batch that it waits for until it begins, and the batch that waits for it. */
  after: RunningBatch | undefined;
  next: RunningBatch | undefined = undefined;
  /** When it got its slot, after the batch before it. */
  slotSince: Instant;
  /** Given to the executor; undefined before. */
  batch: Batch | undefined = undefined;
  onJudged: BatchOrigin['onJudged'] = undefined;
  readonly lane: Lane;
  readonly plan: SignaturePlan;
  /** It is a part of a failed batch. */
  readonly isRerun: boolean;
  readonly members: readonly Task[];
  /** A copy of a member's request, to be known as good if the run is answered. Undefined: none was wanted. */
  candidate: GoodRequest | undefined;
  /** Rows that could have run with it, and nobody waited to; counted where some were refused lately. */
  readonly room: number;
  /** The length of its rows, padding included; 0 where the signature has none. */
  readonly length: number;
  /** Undefined where the signature has none. */
  readonly #lengths: BatchLengths | undefined;
  /** Rows of every tensor in the run; undefined where it is run whole. */
  readonly #sliceSize: number | undefined;
  readonly #telemetry: Telemetry;

  constructor(start: BatchStart, shared: SchedulerParts, tenant: SlotTenant, batchStart: Instant) {
    const { lane, members, after } = start;
    this.#telemetry = shared.telemetry;
    this.lane = lane;
    this.members = members;
    const { plan } = lane;
    this.plan = plan;
    this.isRerun = lane.isolation !== undefined;
    let taskRows = 0;
    for (const member of members) taskRows += member.rows;
    const sampled = sampledTraces(members);
    const size = lane.wholeSize ?? plan.sizeFor(taskRows);
    this.#sliceSize = lane.wholeSize === undefined ? size : undefined;
    const hasRoom =
      plan.refused.isAny && lane.wholeSize === undefined && lane.quarantined === undefined && plan.queuedRows === 0;
    this.room = hasRoom ? Math.max(0, lane.mostRows() - taskRows) : 0;
    const { padding } = plan;
    const lengths =
      padding === undefined ? undefined : new BatchLengths(padding, members, this.#sliceSize === undefined);
    this.#lengths = lengths;
    this.length = lengths?.longest ?? 0;
    const elements = lengths?.elements;
    const expectedMs = plan.curve.isKnown ? plan.curve.meanMs(Math.max(1, size), this.length) : undefined;
    this.after = after;
    if (after !== undefined) after.next = this;
    this.slotSince = batchStart;
    this.expectedEnd = Math.max(batchStart, after?.expectedEnd ?? 0) + (expectedMs ?? 0);
    this.record = {
      model: shared.model,
      version: shared.version,
      signatureName: plan.name,
      tasks: members.length,
      rows: lane.wholeSize ?? taskRows,
      size,
      elements,
      paddingElements: elements === undefined ? undefined : size * this.length - elements,
      threads: tenant.threads,
      ownSlots: shared.executor.isInline === true ? shared.executor.slots : undefined,
      reason: start.reason,
      batchStart,
      executeStart: 0,
      splitStart: 0,
      end: 0,
      runStart: undefined,
      runEnd: undefined,
      expectedMs,
      fullShare: expectedMs === undefined ? undefined : fullShareOf(lane, taskRows, expectedMs, this.length),
      outcome: 'ok',
      members: sampled,
      trace: sampled[0] === undefined ? undefined : shared.telemetry.startBatchTrace(sampled[0]),
      memberIds: undefined,
      isolation: undefined,
    };
    this.#enter(STAGE_BATCH, batchStart);
  }

  /**
   * Copies the members' rows together. A single member's own tensors are released if its outputs will be its answer as
   * they are; members that may be run again keep theirs. Throws what the allocator throws.
   */
  assemble(allocator: Allocator): TensorMap {
    const { inputNames, axes, good, isWhole } = this.plan;
    const { lane } = this;
    const first = this.members[0]!;
    const size = this.#sliceSize;
    // A known good request is run again as its plan says: one of another form would prove nothing.
    const isOfForm = !lane.isOdd && lane.wholeSize === (isWhole ? 1 : undefined);
    if (isOfForm && this.record.batchStart >= good.keepAt) {
      this.candidate = new GoodRequest(first.inputs, lane.outputs, first.rows);
    }
    const layout = { inputNames, size, padTo: this.#lengths?.padTo, axes };
    const inputs = mergeInputs(this.members, layout, allocator);
    if (this.#isOneAsItCame) first.dropInputs();
    return inputs;
  }

  /**
   * The batch to run from `now` on; undefined if every member has settled. A member whose deadline passed during the
   * copy is failed here, and its rows run as padding.
   */
  start(inputs: TensorMap, now: Instant): Batch | undefined {
    let deadline = -Infinity;
    for (const member of this.members) {
      const { owner } = member;
      if (!(owner.context.deadline > now)) owner.fail(expiredInQueue(owner.context));
      member.group = this;
      if (!owner.isSettled) deadline = Math.max(deadline, owner.context.deadline);
    }
    if (deadline === -Infinity) return undefined;
    if (this.after === undefined) this.#beginAt(now);
    const { plan, outputs } = this.lane;
    this.batch = { signatureName: plan.name, inputs, outputs, size: this.record.size, deadline, origin: this };
    return this.batch;
  }

  /** The batch before it has ended. */
  begin(now: Instant): void {
    if (this.after === undefined) return;
    this.after.next = undefined;
    this.after = undefined;
    this.slotSince = now;
    this.#beginAt(now);
  }

  get threads(): number {
    return this.record.threads;
  }

  get traceHeaders(): TraceHeaders | undefined {
    const trace = this.record.trace ?? this.firstMember.owner.context.trace;
    return trace === undefined ? undefined : this.#telemetry.traceHeaders(trace);
  }

  get traceparent(): string | undefined {
    const { trace } = this.record;
    return trace?.isSampled === true ? formatTraceparent(trace) : undefined;
  }

  get isShared(): boolean {
    return this.members.length > 1;
  }

  get shares(): readonly BatchShare[] {
    return this.members.map(({ rows }, i) => ({ rows, unpadded: this.#lengths?.unpadded(i) }));
  }

  get priority(): PriorityClass {
    let least: PriorityClass = Priority.sheddable;
    for (const { priority } of this.members) if (priority < least) least = priority;
    return least;
  }

  onMemberSettled(): void {
    const { onAbandoned } = this;
    if (onAbandoned === undefined || !this.members.every(({ owner }) => owner.isSettled)) return;
    this.onAbandoned = undefined;
    onAbandoned();
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    for (const { owner } of this.members) if (!owner.isSettled) owner.context.note(event, facts);
  }

  /**
   * Cuts the outputs and settles every member. `runEnded` is when the executor answered. Throws if an output is missing:
   * `fail` it then.
   *
   * Returns why the outputs cannot be divided by their batch axes; undefined = they can. Then a request that ran alone
   * and uncut was answered with the outputs as they are, and nothing was settled of any other batch.
   */
  complete(result: BatchResult, runEnded: Instant): string | undefined {
    const { record } = this;
    this.onAbandoned = undefined;
    record.splitStart = runEnded;
    record.runStart = result.runStart;
    record.runEnd = result.runEnd;
    const { outputs } = result;
    const size = this.#sliceSize;
    const misfit = size === undefined ? checkOutputs(outputs, this.lane.outputs) : this.#misfitOf(outputs, size);
    const isOneAsItCame = this.#isOneAsItCame;
    if (misfit !== undefined && !isOneAsItCame) return misfit;
    // A runtime may give more than is wanted.
    const isWanted = isOneAsItCame && outputs.size === this.lane.outputs.length;
    const isDivided = size !== undefined && misfit === undefined && !isWanted;
    this.#enter(STAGE_SPLIT, runEnded);
    let row = 0;
    for (let i = 0; i < this.members.length; i++) {
      const member = this.members[i]!;
      const start = row;
      row += member.rows;
      const { owner } = member;
      if (owner.isSettled) continue;
      owner.context.batch = record;
      owner.complete(member, isDivided ? this.#outputsOf(i, start, row, outputs) : outputs);
    }
    return misfit;
  }

  #misfitOf(outputs: TensorMap, size: number): string | undefined {
    const wanted = this.lane.outputs;
    return misfitOf(outputs, wanted, size, this.plan.axes) ?? this.#lengths?.misfitOf(outputs, wanted);
  }

  /** The outputs of member `i`, whose rows are `start` to `end`. */
  #outputsOf(i: number, start: number, end: number, outputs: TensorMap): TensorMap {
    const rows = sliceOutputs(outputs, this.lane.outputs, start, end, this.plan.axes);
    return this.#lengths === undefined ? rows : this.#lengths.cut(i, rows);
  }

  /** Its outputs, as they are, answer the only member. */
  get #isOneAsItCame(): boolean {
    const size = this.#sliceSize;
    const first = this.members[0]!;
    if (this.members.length > 1 || first.owner.isCut) return false;
    return size === undefined || size === first.rows;
  }

  /** Members that have not settled, as a new list. */
  wantedMembers(): Task[] {
    return this.members.filter(({ owner }) => !owner.isSettled);
  }

  /** The run failed, or its outputs cannot be divided, and the members that have not settled will be run again. */
  setAside(kind: ErrorKind, now: Instant): void {
    const { record } = this;
    this.onAbandoned = undefined;
    record.outcome = kind;
    record.isolation = 'run_again';
    for (const { owner } of this.members) {
      if (!owner.isSettled) owner.context.isolation ??= { at: now, kind, tasks: record.tasks };
    }
  }

  /** The run failed, and what becomes of the members is not known yet. */
  wait(): void {
    this.onAbandoned = undefined;
    const group = this.lane.isolation;
    if (group !== undefined) for (const member of this.members) member.group = group;
  }

  /** Returns `onJudged` for the caller to call, and forgets it. */
  takeJudge(): RunningBatch['onJudged'] {
    const { onJudged } = this;
    this.onJudged = undefined;
    return onJudged;
  }

  /** Fails the members whose own deadline has passed; the batch's deadline is the latest among its members. */
  expire(now: Instant): void {
    this.onAbandoned = undefined;
    for (const { owner } of this.members) {
      if (owner.isSettled || owner.context.deadline > now) continue;
      owner.context.batch = this.record;
      owner.fail(expiredInRun(owner.context));
    }
  }

  /**
   * Fails every member that has not settled. `isOfInputs`: their values are at fault, and not the runtime; undefined =
   * nobody can tell.
   */
  fail(error: ServingError, isOfInputs: boolean | undefined): void {
    this.onAbandoned = undefined;
    this.takeJudge()?.(isOfInputs);
    this.failMembers(error);
  }

  /** The same, but whose fault it was is said later. */
  failMembers(error: ServingError): void {
    this.record.outcome = error.kind;
    for (const { owner } of this.members) {
      if (owner.isSettled) continue;
      owner.context.batch = this.record;
      owner.fail(error);
    }
  }

  #beginAt(now: Instant): void {
    this.record.executeStart = now;
    this.#enter(STAGE_EXECUTE, now);
  }

  get firstMember(): Task {
    return this.members[0]!;
  }

  get lastMember(): Task {
    return this.members[this.members.length - 1]!;
  }

  #enter(stage: number, at: Instant): void {
    for (const member of this.members) member.owner.enter(stage, at);
  }
}

const NO_TRACES: readonly TraceContext[] = [];

function sampledTraces(members: readonly Task[]): readonly TraceContext[] {
  let sampled: TraceContext[] | undefined;
  for (const member of members) {
    const { trace } = member.owner.context;
    if (trace?.isSampled !== true) continue;
    sampled ??= [];
    sampled.push(trace);
  }
  return sampled ?? NO_TRACES;
}

/** The rows' time in a full batch, over that in one of their own. */
function fullShareOf({ plan, maxBatchSize, wholeSize }: Lane, rows: number, ownMs: number, length: number): number {
  if (wholeSize !== undefined || rows === 0 || rows >= maxBatchSize || ownMs <= 0) return 1;
  const fullMs = plan.curve.meanMs(maxBatchSize, length);
  return Math.min(1, (fullMs * rows) / (maxBatchSize * ownMs));
}
