/** One request's share of a batch, and the part of the request that the scheduler needs. */
import type { CancelSignal } from '../core/cancel.ts';
import type { Instant } from '../core/clock.ts';
import type { ServingError } from '../core/errors.ts';
import type { RunEvent, RunEventFacts } from '../core/executor.ts';
import { Priority, type PriorityClass } from '../core/priority.ts';
import type { TensorMap } from '../core/tensor.ts';
import type { BatchRecord, IsolationRecord } from '../ledger/request-record.ts';
import type { StageClock } from '../ledger/stage-clock.ts';
import type { TraceContext } from '../ledger/tracing/trace-context.ts';
import type { AdmittedWork } from './admission/promised-work.ts';
import type { Holding } from './callers/holdings.ts';
import type { LatenessMargin } from './latency/lateness-margin.ts';
import type { SignaturePlan } from './signature-plan.ts';

/** The part of a request's context that the scheduler reads and writes. */
export interface TaskContext {
  readonly deadline: Instant;
  readonly cancel: CancelSignal;
  readonly stages: StageClock;
  readonly trace: TraceContext | undefined;
  /** The caller's name, an opaque text (proxy/caller.ts). Absent: one caller with all others that have none. */
  readonly caller?: string | undefined;
  /** The class of priority. Absent = default. */
  readonly priority?: PriorityClass | undefined;
  /** False: the deadline is only the server's own cap, not one that the client set. Absent = true. */
  readonly hasOwnDeadline?: boolean | undefined;
  /** Set in the contexts of the parts of an admitted request (Scheduler.admit): no forecast refuses them. */
  readonly admitted?: AdmittedWork | undefined;
  /** Set by the scheduler when it admits the request: when it expects its end; 0 = it made no forecast. */
  expectedEnd?: Instant | undefined;
  /** Set by the scheduler when the request's batch has run. */
  batch: BatchRecord | undefined;
  /** Set by the scheduler when that batch failed and the request was run again in a part of it. Absent = it was not. */
  isolation?: IsolationRecord | undefined;
  /** Notes what has happened now to the request's batch. */
  note(event: RunEvent, facts: RunEventFacts): void;
}

export interface SchedulerRequest {
  readonly signatureName: string;
  /** Exactly the signature's inputs, in its order; dtypes have been checked, and shapes unless `isOddShape`. */
  readonly inputs: TensorMap;
  /** A shape is not the declared one: the request runs alone and unchanged, and the graph decides. Absent = false. */
  readonly isOddShape?: boolean;
  /** Wanted outputs, in the order of the answer. */
  readonly outputs: readonly string[];
  readonly context: TaskContext;
}

/** Requests for one signature, of one caller and with one deadline, that will be submitted some at a time, as one. */
export interface PartedRequest extends Pick<SchedulerRequest, 'signatureName' | 'outputs' | 'context'> {
  /** The inputs of each, in the order in which they will come. */
  readonly parts: readonly TensorMap[];
}

/** Runs requests that may end the process of their run, apart from all others (models/serving/crash-quarantine.ts). */
export interface Quarantine {
  /** The run of this caller's request alone has ended its process. */
  onCrash(caller: string): void;
  /** Like Scheduler.submit. A batch with this request has ended its process, and nobody knows which member did. */
  submit(request: SchedulerRequest): Promise<TensorMap>;
}

/** The request that a task is a part of; most requests have one part. It settles exactly once. */
export interface TaskOwner {
  readonly context: TaskContext;
  /** Answered, failed or cancelled: nobody wants its parts any more. */
  readonly isSettled: boolean;
  /** It was cut into several parts. */
  readonly isCut: boolean;
  /** The waiting rows of its caller, among which its parts count; undefined for a run of the scheduler's own. */
  readonly holding: Holding | undefined;
  /** Enters a stage, unless the request has settled or reached it by another part. */
  enter(stage: number, at: Instant): void;
  /** One part's answer; the last one answers the request. */
  complete(task: Task, outputs: TensorMap): void;
  /**
   * Queues the request to be run as it came, in place of its parts, whose outputs cannot be divided. The parts' own
   * outputs are ignored from now on. Does nothing if it has settled, or if `part` has been replaced already.
   */
  runWhole(part: Task, plan: SignaturePlan, outputs: readonly string[]): void;
  /**
   * Has the request, all of its parts, run there instead. Does nothing if it has settled, or if `part` has been
   * replaced already.
   */
  moveTo(quarantine: Quarantine, part: Task, plan: SignaturePlan, outputs: readonly string[]): void;
  /** Fails the request; its parts that wait leave the queue at once. */
  fail(error: ServingError): void;
}

/** The part of a Lane (queue/lane.ts) that is reached from a task. */
export interface TaskLane {
  readonly key: string;
  readonly plan: SignaturePlan;
  readonly queuedTasks: number;
  /** The approximate bytes of the inputs of one of its tasks. */
  bytesOf(task: Task): number;
  /** Takes one of its tasks out, wherever it stands. */
  remove(task: Task): void;
}

/** A batch that runs, or a failed one whose parts are run again. */
export interface TaskGroup {
  /** The request of one of its tasks was cancelled, expired or failed. */
  onMemberSettled(): void;
}

/** When a task came and is due, and whom its end teaches. */
export interface TaskTimes {
  readonly enqueuedAt: Instant;
  /** When it should be answered. */
  readonly due: Instant;
  /** Its place among the tasks that wait: lower goes first. */
  readonly order: Instant;
  /** It goes before all tasks that are not, whatever their order. */
  readonly isFirst: boolean;
  /** `due` is an objective, not a deadline: a late answer is still wanted. */
  readonly isSoft: boolean;
  /** The margin that learns from its end; undefined = none. */
  readonly margin: LatenessMargin | undefined;
  /** When the last one was due that was refused in its place; −Infinity = nobody was. */
  readonly refusedDue: Instant;
}

/** The end of a task that had no forecast teaches nobody. */
export const NO_FORECAST = { margin: undefined, refusedDue: -Infinity } as const;

/** The result of admission. It is read at once, so that one object serves all requests of a scheduler. */
export type Ticket = { -readonly [Name in keyof TaskTimes]: TaskTimes[Name] } & {
  /** When admission expects the answer; 0 = there was no forecast. */
  expectedEnd: Instant;
  /** Added to the order of each further part. */
  partMs: number;
};

const NO_INPUTS: TensorMap = new Map();

/** Waits in a lane, then is a member of a batch. */
export class Task implements TaskTimes {
  readonly owner: TaskOwner;
  /** Its place among the request's parts, from 0. */
  readonly part: number;
  /** Rows that it has in a batch; 1 where it is run whole. */
  readonly rows: number;
  readonly enqueuedAt: Instant;
  readonly due: Instant;
  /** Only the queue changes these two, while the task is in no lane. */
  order: Instant;
  isFirst: boolean;
  /** It is not shed for the sake of larger runs. */
  isSpared = false;
  readonly isSoft: boolean;
  readonly margin: LatenessMargin | undefined;
  readonly refusedDue: Instant;
  readonly priority: PriorityClass;
  /** Its own rows of every input. Empty once they have been copied into a batch without other members. */
  inputs: TensorMap;
  /** Written by a PaddedLane: the length of its rows, and the bytes of its inputs. 0 elsewhere. */
  length = 0;
  bytes = 0;
  /** Written by the lane: the lane and the neighbours in its list. All undefined while the task is in none. */
  lane: TaskLane | undefined = undefined;
  previous: Task | undefined = undefined;
  next: Task | undefined = undefined;
  /** Written by the lane: the place in its heap; −1 = the task is in the list, or in no lane. */
  heapIndex = -1;
  /** Notified when the request settles early. Undefined while the task waits, except to be run again. */
  group: TaskGroup | undefined = undefined;

  constructor(owner: TaskOwner, part: number, rows: number, inputs: TensorMap, times: TaskTimes, order = times.order) {
    this.owner = owner;
    this.part = part;
    this.rows = rows;
    this.enqueuedAt = times.enqueuedAt;
    this.due = times.due;
    this.order = order;
    this.isFirst = times.isFirst;
    this.isSoft = times.isSoft;
    this.margin = times.margin;
    this.refusedDue = times.refusedDue;
    this.priority = owner.context.priority ?? Priority.default;
    this.inputs = inputs;
  }

  /** Releases the request's bytes: they may be freed while the batch runs. */
  dropInputs(): void {
    this.inputs = NO_INPUTS;
  }
}
