/**
 * One run for several requests that are the same. It belongs to none of them: it has its own copy of the inputs, and
 * goes on while anyone waits for it.
 *
 *   first  ──────┬──▶ run ────────────────────┬──▶ answer to all that wait
 *   second ──────┤ joins                      │
 *   third  ──────┘ joins, leaves at its deadline: it alone fails      (the last one that leaves cancels the run)
 *
 * To the scheduler it is the first one's request, with the latest deadline of all; so nobody joins who is more
 * important. If it is refused for the first one's sake, it is tried once more for those that joined; if it is too late
 * for the deadline that it was submitted with, again for those that have more time.
 */
import type { CancelListener } from '../../core/cancel.ts';
import { CancelSignal } from '../../core/cancel.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { RunEvent, RunEventFacts } from '../../core/executor.ts';
import { Priority, type PriorityClass } from '../../core/priority.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { BatchRecord, IsolationRecord, StepRecord } from '../../ledger/request-record.ts';
import { STAGE_QUEUE, STAGE_SPLIT, StageClock } from '../../ledger/stage-clock.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';
import type { RunContext, ServableRunner } from '../../models/serving/servable.ts';
import type { KeyedRequest } from './request-key.ts';

export interface SharedRunOptions {
  readonly runner: ServableRunner;
  readonly clock: Clock;
  /** The request, with memory of its own. */
  readonly request: KeyedRequest;
  /** Called once, when nobody may join any more; with the outputs if there are some. */
  readonly onEnd: (run: SharedRun, outputs: TensorMap | undefined) => void;
}

/** Attempts at a run that is refused. */
const MOST_ATTEMPTS = 2;

export class SharedRun {
  readonly request: KeyedRequest;
  readonly #options: SharedRunOptions;
  /** The waiters in the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  #attempt: Attempt | undefined;
  #attempts = 0;
  #hasEnded = false;

  constructor(options: SharedRunOptions) {
    this.#options = options;
    this.request = options.request;
  }

  /** The latest deadline of those that wait. */
  get deadline(): Instant {
    let latest = -Infinity;
    for (const { context } of this.#waiters) latest = Math.max(latest, context.deadline);
    return latest;
  }

  /** False for a request that would go before it: that one is to run by itself. */
  mayJoin({ priority = Priority.default }: RunContext): boolean {
    return (this.#attempt?.priority ?? Priority.default) <= priority;
  }

  /** Runs it for its first request. Throws ServingError if it is refused at once; the run is over then. */
  start(context: RunContext): Promise<TensorMap> {
    const { waiter, answer } = this.#add(context);
    try {
      this.#submit(waiter);
    } catch (error) {
      waiter.detach();
      throw error;
    }
    return answer;
  }

  /** Waits for it, too. */
  join(context: RunContext): Promise<TensorMap> {
    return this.#add(context).answer;
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    for (const { context } of this.#waiters) context.note(event, facts);
  }

  #add(context: RunContext): { readonly waiter: Waiter; readonly answer: Promise<TensorMap> } {
    let waiter!: Waiter;
    const answer = new Promise<TensorMap>((resolve, reject) => {
      const onLeave = (reason: ServingError): void => this.#leave(waiter, reason);
      waiter = new Waiter(context, { joinedAt: this.#options.clock.nowMs(), resolve, reject, onLeave });
    });
    this.#waiters.add(waiter);
    return { waiter, answer };
  }

  #submit(lead: Waiter): void {
    const attempt = new Attempt(this, lead.context);
    this.#attempt = attempt;
    this.#attempts += 1;
    this.#options.runner.submit({ ...this.request, context: attempt }).then(
      (outputs) => this.#succeed(outputs, attempt),
      (thrown: unknown) => this.#fail(toServingError(thrown), lead, attempt),
    );
  }

  #succeed(outputs: TensorMap, attempt: Attempt): void {
    this.#end(outputs);
    for (const waiter of this.#waiters) waiter.answer(outputs, attempt);
    this.#waiters.clear();
  }

  #fail(error: ServingError, lead: Waiter, attempt: Attempt): void {
    if (this.#waiters.delete(lead)) lead.fail(error, attempt);
    const [next] = this.#waiters;
    if (next !== undefined && !attempt.cancel.isCancelled && this.#isOfLead(error, attempt)) {
      try {
        this.#submit(next);
        return;
      } catch (thrown) {
        this.#failAll(toServingError(thrown), attempt);
        return;
      }
    }
    this.#failAll(error, attempt);
  }

  /** Others may get an answer where its first request got this error. */
  #isOfLead({ kind }: ServingError, { firstDeadline }: Attempt): boolean {
    if (kind === 'deadline_exceeded') return this.deadline > firstDeadline;
    return kind === 'overloaded' && this.#attempts < MOST_ATTEMPTS;
  }

  #failAll(error: ServingError, attempt: Attempt): void {
    this.#end(undefined);
    for (const waiter of this.#waiters) waiter.fail(error, attempt);
    this.#waiters.clear();
  }

  /** Nobody joins it from here on. */
  #end(outputs: TensorMap | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onEnd(this, outputs);
  }

  /** A waiter's request was cancelled. */
  #leave(waiter: Waiter, reason: ServingError): void {
    this.#waiters.delete(waiter);
    waiter.fail(reason, this.#attempt);
    if (this.#waiters.size > 0) return;
    // Nobody joins a run that is being given up.
    this.#end(undefined);
    this.#attempt?.cancel.cancel(reason);
  }
}

/** The run as the scheduler sees it: the first request's, with clocks of its own. */
class Attempt implements RunContext {
  readonly cancel = new CancelSignal();
  readonly stages: StageClock;
  readonly trace: TraceContext | undefined;
  readonly caller: string | undefined;
  readonly priority: PriorityClass | undefined;
  readonly hasOwnDeadline: boolean | undefined;
  /** When it was submitted; it may be later now. */
  readonly firstDeadline: Instant;
  expectedEnd: Instant | undefined = 0;
  batch: BatchRecord | undefined = undefined;
  isolation: IsolationRecord | undefined = undefined;
  steps: readonly StepRecord[] | undefined = undefined;
  readonly #run: SharedRun;
  readonly lead: RunContext;

  constructor(run: SharedRun, lead: RunContext) {
    this.#run = run;
    this.lead = lead;
    this.stages = new StageClock(lead.stages.startedAt);
    this.trace = lead.trace;
    this.caller = lead.caller;
    this.priority = lead.priority;
    this.hasOwnDeadline = lead.hasOwnDeadline;
    this.firstDeadline = run.deadline;
  }

  get deadline(): Instant {
    return this.#run.deadline;
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    this.#run.note(event, facts);
  }
}

interface WaiterOptions {
  readonly joinedAt: Instant;
  readonly resolve: (outputs: TensorMap) => void;
  readonly reject: (error: ServingError) => void;
  /** Its request was cancelled. */
  readonly onLeave: (reason: ServingError) => void;
}

/** A request that waits for the run. It listens to its request's cancel signal meanwhile. */
class Waiter implements CancelListener {
  readonly context: RunContext;
  readonly #options: WaiterOptions;

  constructor(context: RunContext, options: WaiterOptions) {
    this.context = context;
    this.#options = options;
    context.cancel.listener = this;
  }

  onCancel(reason: ServingError): void {
    this.#options.onLeave(reason);
  }

  answer(outputs: TensorMap, attempt: Attempt): void {
    this.#record(attempt);
    this.detach();
    this.#options.resolve(outputs);
  }

  fail(error: ServingError, attempt: Attempt | undefined): void {
    if (attempt !== undefined) this.#record(attempt);
    this.detach();
    this.#options.reject(error);
  }

  detach(): void {
    this.context.cancel.listener = undefined;
  }

  /** The request has the stages and events that its run had since the request came. */
  #record({ stages, batch, isolation, steps, expectedEnd, lead }: Attempt): void {
    const { context } = this;
    context.batch = batch;
    context.isolation = isolation;
    context.steps = steps;
    if (lead === context) context.expectedEnd = expectedEnd;
    for (let stage = STAGE_QUEUE; stage <= STAGE_SPLIT && stages.has(stage); stage++) {
      context.stages.enter(stage, Math.max(stages.startOf(stage), this.#options.joinedAt));
    }
  }
}
