/**
 * Begins and finishes every request of every surface: arms its deadline, counts it as in flight, records it once.
 * After `drain()` or `abandon()`, new requests are refused, and while there is no memory for them.
 *
 *   begin ──▶ decode … encode (exchange.ts) ──▶ finish(context, error?)
 *     └ comes cancelled while draining            └ exactly once, on every path
 */
import type { Clock, Instant } from '../core/clock.ts';
import { DenseSet } from '../core/collections/dense-set.ts';
import type { DeadlineTimer } from '../core/deadline-timer.ts';
import { ServingError, SharedError } from '../core/errors.ts';
import type { ArrivalClock } from '../ledger/arrival-clock.ts';
import { showMs } from '../ledger/quantities.ts';
import { INFERENCE_METHODS, type Surface, type Telemetry } from '../ledger/request-record.ts';
import { STAGE_ENCODE, STAGE_EXECUTE, STAGE_QUEUE, STAGES } from '../ledger/stage-clock.ts';
import { isPrincipal } from './access-control.ts';
import type { CallerLimits } from './caller-limits.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { RefusalHold } from './refusal-hold.ts';
import { type Loan, type RequestArrival, RequestContext } from './request-context.ts';

/** Deadlines of other requests, which those that are made for them take over. */
export interface CarriedDeadlines {
  /** The deadline of the request that this one is made for; Infinity if none is known, −Infinity if nobody waits for it. */
  of(arrival: Pick<RequestArrival, 'callerTrace' | 'requestId' | 'method' | 'caller' | 'client'>): Instant;
  /** Set by its lifecycle: somebody waits for less than before. What is under way for nobody is cancelled. */
  onAbandoned?: (() => void) | undefined;
}

export interface RequestLifecycleOptions {
  readonly clock: Clock;
  readonly deadlines: DeadlineTimer;
  readonly telemetry: Telemetry;
  /** Limit of every request of a surface, whatever its client allows; Infinity for none. */
  readonly maxTimeoutMs: Readonly<Record<Surface, number>>;
  /** Estimates how long a request waited to be read. Absent: it did not wait. */
  readonly arrivals?: ArrivalClock;
  /** Absent: no request takes over another's deadline. */
  readonly carriedDeadlines?: CarriedDeadlines | undefined;
  /** The most that one caller may have in flight and send. Absent: no limits. */
  readonly callerLimits?: CallerLimits | undefined;
  /** The memory of all requests. Default: one without limits. */
  readonly memory?: MemoryBudget;
  /** Absent: every refusal is answered at once. */
  readonly refusals?: RefusalHold | undefined;
  /** The form in which callers are told of an error. Absent: as it is. */
  readonly toldAs?: ToldAs | undefined;
}

/** The same error in another form, say with another status. Records go on to have the first. */
export type ToldAs = (error: ServingError) => ServingError;

/** The time after a failure in which another may have the same words: a scheduler gives a refusal again for as long. */
const REFUSING_MS = 1;

/** Methods of requests that decide where others go; they hold no memory. */
const TAKEN_WITHOUT_MEMORY: ReadonlySet<string> = new Set(['GetModelStatus', 'ModelReady']);

export class RequestLifecycle {
  readonly clock: Clock;
  readonly callerLimits: CallerLimits | undefined;
  readonly memory: MemoryBudget;
  /** Holds refusals for overload; undefined: every refusal is answered at once. */
  readonly refusals: RefusalHold | undefined;
  readonly toldAs: ToldAs | undefined;
  readonly #options: RequestLifecycleOptions;
  readonly #open = new DenseSet<RequestContext>();
  #sequence = 1;
  readonly #whenQuiet: (() => void)[] = [];
  #isDraining = false;
  #failedAt: Instant = -Infinity;
  /** The last request's error that was read too late, and its timeout. */
  #unread: SharedError | undefined;
  #unreadMs = 0;

  constructor(options: RequestLifecycleOptions) {
    this.clock = options.clock;
    this.callerLimits = options.callerLimits;
    this.memory = options.memory ?? new MemoryBudget();
    this.refusals = options.refusals;
    this.toldAs = options.toldAs;
    this.#options = options;
    const { carriedDeadlines } = options;
    if (carriedDeadlines !== undefined) carriedDeadlines.onAbandoned = () => this.#cancelAbandoned(carriedDeadlines);
  }

  get inFlight(): number {
    return this.#open.size;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /**
   * Makes the context of a request whose first header has arrived. It comes cancelled, so that the surface answers
   * through its usual error path, while draining (kind `draining`) or out of memory (`overloaded`), if its deadline has
   * already passed, and if its timeout, its priority or its sequence cannot be read.
   */
  begin(arrival: RequestArrival): RequestContext {
    const { clock } = this;
    const { telemetry, maxTimeoutMs, arrivals } = this.#options;
    const { timeoutMs, priority, step, identity } = arrival;
    const receivedAt = Math.min(arrival.receivedAt, arrivals?.arrivedAt(arrival.receivedAt) ?? Infinity);
    const hasTimeout = typeof timeoutMs === 'number';
    const own = receivedAt + Math.min(hasTimeout ? timeoutMs : Infinity, maxTimeoutMs[arrival.surface]);
    const { carriedDeadlines } = this.#options;
    const carried = carriedDeadlines === undefined ? Infinity : carriedDeadlines.of(arrival);
    const deadline = carried < own ? Math.max(carried, receivedAt) : own;
    const context = new RequestContext({
      clock,
      arrival,
      startedAt: receivedAt,
      deadline,
      hasOwnDeadline: hasTimeout || carried < own,
      isDeadlineCarried: carried < own,
      sequence: this.#sequence++,
      trace: telemetry.startTrace(arrival.callerTrace),
    });
    if (identity !== undefined && isPrincipal(identity)) context.caller = identity.caller;
    this.#open.add(context);
    if (this.#isDraining) context.cancel.cancel(draining());
    else if (deadline !== Infinity) this.#arm(context);
    if (timeoutMs instanceof ServingError) context.cancel.cancel(timeoutMs);
    else if (priority instanceof ServingError) context.cancel.cancel(priority);
    else if (step instanceof ServingError) context.cancel.cancel(step);
    if (this.memory.isFull && !TAKEN_WITHOUT_MEMORY.has(arrival.method)) {
      const refusal = this.memory.makeRoom();
      if (refusal !== undefined) context.cancel.cancel(refusal);
    }
    return context;
  }

  /**
   * The message says how long its client waits, in ms from the arrival: for protocols that have the timeout there. The
   * earlier of the two deadlines counts. A request whose deadline has passed by now is cancelled.
   */
  shorten(context: RequestContext, timeoutMs: number): void {
    const deadline = context.stages.startedAt + timeoutMs;
    if (deadline >= context.deadline) return;
    if (context.deadlineEntry !== undefined) this.#options.deadlines.remove(context.deadlineEntry);
    context.deadline = deadline;
    context.hasOwnDeadline = true;
    context.isDeadlineCarried = false;
    if (deadline > this.clock.nowMs()) this.#armFor(context);
    else context.cancel.cancel(deadlineExceeded(context));
  }

  /** The loan is released when the request ends. False if it has ended: then at once. Lend once for a request. */
  lend(context: RequestContext, loan: Loan): boolean {
    const isOpen = context.setIndex !== -1;
    if (isOpen) context.lent = loan;
    else loan.release(false);
    return isOpen;
  }

  /** A request has failed a moment ago: its model may refuse the next one in the same words (Method.refusal). */
  isRefusing(now: Instant): boolean {
    return now - this.#failedAt < REFUSING_MS;
  }

  /** Call it when the last byte was handed to the connection, or the request failed. A second call has no effect. */
  finish(context: RequestContext, error?: ServingError): void {
    if (!this.#open.remove(context)) return;
    this.giveBack(context, error);
    if (context.deadlineEntry !== undefined) this.#options.deadlines.remove(context.deadlineEntry);
    const now = this.clock.nowMs();
    context.finish(now, error);
    if (error === undefined && this.refusals !== undefined && INFERENCE_METHODS.has(context.method)) {
      this.refusals.noteAnswer(now - context.stages.startedAt);
    }
    this.#options.telemetry.recordRequest(context);
    if (this.#whenQuiet.length === 0 || this.#open.size > 0) return;
    for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }

  /** Gives back what the request holds of others': its memory, what it was lent, its caller's quota. */
  giveBack(context: RequestContext, error: ServingError | undefined): void {
    if (context.heldBytes > 0) this.memory.release(context);
    context.lent?.release(error === undefined);
    context.lent = undefined;
    this.callerLimits?.giveBack(context);
    if (error !== undefined) this.#failedAt = this.clock.nowMs();
  }

  #cancelAbandoned(carried: CarriedDeadlines): void {
    for (const context of this.#open.toArray()) {
      if (carried.of(context.arrival) === -Infinity) context.cancel.cancel(NOBODY_WAITS_ANY_MORE);
    }
  }

  #arm(context: RequestContext): void {
    if (context.deadline <= this.clock.nowMs()) {
      const budgetMs = context.deadline - context.stages.startedAt;
      context.cancel.cancel(context.isDeadlineCarried ? NOBODY_WAITS : this.#expiredUnread(budgetMs));
    } else this.#armFor(context);
  }

  #armFor(context: RequestContext): void {
    const expire = (): void => context.cancel.cancel(deadlineExceeded(context));
    context.deadlineEntry = this.#options.deadlines.add(context.deadline, expire);
  }

  /** One error for all requests of a timeout: where one is not read in time, most are not. */
  #expiredUnread(budgetMs: number): SharedError {
    if (this.#unread === undefined || this.#unreadMs !== budgetMs)
      this.#unread = new SharedError(expiredUnread(budgetMs));
    this.#unreadMs = budgetMs;
    return this.#unread;
  }

  /** Refuses new requests; resolves when none is in flight. */
  drain(): Promise<void> {
    this.#isDraining = true;
    return this.untilQuiet();
  }

  /** Resolves when no request is in flight. */
  untilQuiet(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenQuiet.push(resolve));
  }

  /** Ends a drain that took too long: cancels the requests in flight, and refuses new ones. */
  abandon(): void {
    this.#isDraining = true;
    for (const context of this.#open.toArray()) context.cancel.cancel(draining());
  }
}

function draining(): ServingError {
  return new ServingError('draining', 'the server is shutting down; send the request to another replica', {
    retryAfterMs: 1000,
  });
}

/** The request that this one is made for has no time left. */
const NOBODY_WAITS = nobodyWaits('deadline_exceeded');
/** The same of one under way. It is no late answer, from which admission would learn. */
const NOBODY_WAITS_ANY_MORE = nobodyWaits('cancelled');

function nobodyWaits(kind: 'deadline_exceeded' | 'cancelled'): SharedError {
  const text = 'nobody waits for this: the request that it is for has passed its deadline, or its client has left';
  return new SharedError(new ServingError(kind, text, { attributes: { stage: 'receive', reason: 'abandoned' } }));
}

/** The deadline had passed before the request was read, or its timeout was 0. */
function expiredUnread(budgetMs: number): ServingError {
  const fix = 'before the request was read; send a longer deadline, or fewer requests to this server';
  return new ServingError('deadline_exceeded', `deadline of ${showMs(budgetMs)} passed ${fix}`, {
    attributes: { stage: 'receive', reason: 'unread' },
  });
}

/** The text names the stage that the request had reached, as the caller's fix depends on it. */
function deadlineExceeded(context: RequestContext): ServingError {
  const budgetMs = context.deadline - context.stages.startedAt;
  const stage = context.stages.reached;
  const where = WHERE[stage] ?? 'before it was answered; send a longer one';
  const whose = context.isDeadlineCarried ? ', what was left to the request that it is for,' : '';
  return new ServingError('deadline_exceeded', `deadline of ${showMs(budgetMs)}${whose} passed ${where}`, {
    attributes: { stage },
  });
}

const WHERE: Readonly<Record<string, string>> = {
  receive: 'before the request had arrived whole; send a longer deadline or a smaller request',
  decode: 'while the request was read; send a longer deadline or a smaller request',
  [STAGES[STAGE_QUEUE]]: 'while the request waited for a free slot; send a longer deadline or fewer requests',
  [STAGES[STAGE_EXECUTE]]: 'while the model ran; send a longer deadline or fewer rows',
  [STAGES[STAGE_ENCODE]]: 'while the answer was written; send a longer deadline or fewer rows',
};
