/** The context of a part of a request that runs by itself: the request's own, with a cancel signal and clocks of its own. */
import { CancelSignal } from '../../core/cancel.ts';
import type { Instant } from '../../core/clock.ts';
import type { RunEvent, RunEventFacts } from '../../core/executor.ts';
import type { PriorityClass } from '../../core/priority.ts';
import type { BatchRecord, CacheUse, IsolationRecord } from '../../ledger/request-record.ts';
import { StageClock } from '../../ledger/stage-clock.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import type { AdmittedWork } from '../../scheduler/admission/promised-work.ts';
import type { TaskContext } from '../../scheduler/task.ts';
import type { RunContext } from './servable.ts';

/** The later one is said of a request whose parts differ: it had to wait for that. */
const CACHE_USES: readonly (CacheUse | undefined)[] = [undefined, 'hit', 'coalesced', 'miss'];

export class PartContext implements RunContext {
  readonly deadline: Instant;
  readonly hasOwnDeadline: boolean | undefined;
  readonly caller: string | undefined;
  readonly priority: PriorityClass | undefined;
  readonly trace: TraceContext | undefined;
  readonly admitted: AdmittedWork | undefined;
  readonly cancel = new CancelSignal();
  readonly stages: StageClock;
  expectedEnd: Instant | undefined = 0;
  batch: BatchRecord | undefined = undefined;
  isolation: IsolationRecord | undefined = undefined;
  cache: CacheUse | undefined = undefined;
  cacheMs: number | undefined = undefined;
  readonly #request: TaskContext;

  /** `admitted`: what Scheduler.admit gave for all parts of the request. */
  constructor(request: TaskContext, admitted?: AdmittedWork) {
    this.#request = request;
    this.admitted = admitted;
    this.deadline = request.deadline;
    this.hasOwnDeadline = request.hasOwnDeadline;
    this.caller = request.caller;
    this.priority = request.priority;
    this.trace = request.trace;
    this.stages = new StageClock(request.stages.startedAt);
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    this.#request.note(event, facts);
  }

  /** Tells the request how the part was served, once it has ended. */
  tell(request: RunContext): void {
    request.batch = this.batch ?? request.batch;
    request.isolation ??= this.isolation;
    if (this.cache === undefined) return;
    if (CACHE_USES.indexOf(this.cache) > CACHE_USES.indexOf(request.cache)) request.cache = this.cache;
    request.cacheMs = Math.max(request.cacheMs ?? 0, this.cacheMs ?? 0);
  }
}
