/**
 * The scheduler's view of a runtime: how many batches may run at once, and how to run one.
 */
import type { Instant } from './clock.ts';
import type { PriorityClass } from './priority.ts';
import type { TensorMap } from './tensor.ts';

/** Headers that name a trace and its span, by their names in lower case: `traceparent`, or those of another format. */
export type TraceHeaders = Readonly<Record<string, string>>;

/** An event of a run: it was retried on its server, or a circuit breaker rejected it. */
export type RunEvent = 'retry' | 'breaker';

/** Attributes of an event, of low cardinality: numbers, words of closed sets, or names from the configuration. */
export type RunEventFacts = Readonly<Record<string, string | number>>;

/** The rows of one request, or of one part of it, in a batch. */
export interface BatchShare {
  readonly rows: number;
  /** Their length before they were padded to that of the batch; undefined = they were not padded. */
  readonly unpadded: number | undefined;
}

/** The requests behind a batch. Another server gets all of it as headers; a thread or process gets the traceparent. */
export interface BatchOrigin {
  /** The headers of the span under which the run happens; undefined without tracing. */
  readonly traceHeaders: TraceHeaders | undefined;
  /** The traceparent of the batch's own span, if it is recorded. */
  readonly traceparent?: string | undefined;
  /** The most important class among the batch's requests. */
  readonly priority: PriorityClass;
  /** Set by an executor that can stop a run. Called once, when the last request was cancelled or has expired. */
  onAbandoned: (() => void) | undefined;
  /** Several requests share the run. Absent = false. */
  readonly isShared?: boolean;
  /** The requests’ rows, in order; rows behind them are filler. Made when it is read. Absent = unknown. */
  readonly shares?: readonly BatchShare[];
  /** A part of a failed batch that is run again; the failure is judged for the whole batch. Absent = false. */
  readonly isRerun?: boolean;
  /**
   * Set by an executor before it rejects, if it wants to know whether its runtime is at fault. Called once.
   * `isOfInputs`: other inputs succeeded after the failure, so one request's values are at fault. False: nothing says
   * so, which counts as the runtime's fault. Undefined: it was not found out, because nobody waits for an answer.
   */
  onJudged?: ((isOfInputs: boolean | undefined) => void) | undefined;
  /** Records an event on each of the batch's requests. */
  note(event: RunEvent, facts: RunEventFacts): void;
}

export interface Batch {
  readonly signatureName: string;
  /**
   * Every tensor has `size` rows along its batch axis; one without is as the requests sent it. Buffers from `allocate`
   * belong to the executor from here on. Others, which only inline executors get, are a request's own: to be read until
   * the run settles, and aligned alike.
   */
  readonly inputs: TensorMap;
  /** The names of the wanted outputs, in order. */
  readonly outputs: readonly string[];
  /** The rows with padding, as the runtime sees them; 1 for a signature without a batch axis. */
  readonly size: number;
  /** The latest of its requests' deadlines. May be Infinity. */
  readonly deadline: Instant;
  /** Absent if no request asked for the run, as in a warm-up. */
  readonly origin?: BatchOrigin | undefined;
}

export interface BatchResult {
  readonly outputs: TensorMap;
  /** When the runtime itself started and ended, on this process's monotonic clock, if the host knows. */
  readonly runStart?: Instant;
  readonly runEnd?: Instant;
}

/** Sessions whose runs have as many threads. */
export interface SessionPlan {
  readonly threads: number;
  readonly sessions: number;
}

/** Rows of so many bytes are first run one by one. Chosen: 64 of them are 4 MiB, and take a hundred times that in some models. */
export const LARGE_ROW_BYTES = 64 * 1024;

/** The alignment of a batch's inputs, in bytes: that of the largest elements. */
export const ALLOCATED_ALIGNMENT = 8;

export interface Executor {
  /** How many batches may be in `run` at once. It changes when the model moves to another host or `grow` has ended. */
  readonly slots: number;
  /** Threads that one run computes on. Absent = 1. It may change like `slots`. */
  readonly threads?: number;
  /** The open sessions, by the threads of their runs; one of these plans is in use. Absent = there is one. */
  readonly plans?: readonly SessionPlan[] | undefined;
  /** Threads of a run in the session that `widen` opens. Absent = it opens none. It may change like `slots`. */
  readonly widestThreads?: number | undefined;
  /** A worker accepts its next batch while it still runs one. Absent = false. It may change like `slots`. */
  readonly takesNext?: boolean;
  /** Runs happen on the event loop's thread, so they take none of the slots that all models share. Absent = false. */
  readonly isInline?: boolean;
  /** Runs compute on a device beside the cores, such as a GPU, so they take none of those slots either. Absent = false. */
  readonly isOnDevice?: boolean;
  /** Runs happen on another server, which is not warmed up or measured from here. Absent = false. */
  readonly isElsewhere?: boolean;
  /** Set by its scheduler, which keeps the facts above, but for `takesNext`: one of them has changed. */
  onSlots?: (() => void) | undefined;
  /**
   * Memory for one input of a batch: at least `byteLength` bytes, aligned to ALLOCATED_ALIGNMENT. It returns to the executor when that
   * batch's run settles, or by `release` if there is no run.
   */
  allocate(byteLength: number): ArrayBuffer;
  /** Ignores memory that is not from `allocate`. */
  release(buffer: ArrayBuffer): void;
  /**
   * Rejects with a ServingError (`backend_failed`, `worker_lost`, …). At most `slots` batches run at once. Where it
   * `takesNext`, each of them may have one more batch behind it: `after` is the batch in `run` whose worker takes this
   * one next. An `after` that has just ended is ignored.
   */
  run(batch: Batch, after?: Batch): Promise<BatchResult>;
  /**
   * Batches have waited although cores were free: opens one more session of as few threads as the first one in the
   * background, where cores and memory allow it. Does nothing while one opens. Absent = the number of sessions is fixed.
   */
  grow?(): void;
  /** Opens a session whose runs compute on all cores, likewise. Does nothing where runs cannot have several threads. */
  widen?(): void;
  /** The next batches go to the sessions of so many threads; one of `plans`. */
  use?(threads: number): void;
}

/** Passes every call to another executor: a base class for decorators. */
export class PassingExecutor implements Executor {
  protected inner: Executor;

  constructor(inner: Executor) {
    this.inner = inner;
  }

  get slots(): number {
    return this.inner.slots;
  }

  get threads(): number {
    return this.inner.threads ?? 1;
  }

  get takesNext(): boolean {
    return this.inner.takesNext === true;
  }

  get isInline(): boolean {
    return this.inner.isInline === true;
  }

  get isOnDevice(): boolean {
    return this.inner.isOnDevice === true;
  }

  get isElsewhere(): boolean {
    return this.inner.isElsewhere === true;
  }

  get onSlots(): (() => void) | undefined {
    return this.inner.onSlots;
  }

  set onSlots(listener: (() => void) | undefined) {
    this.inner.onSlots = listener;
  }

  get plans(): readonly SessionPlan[] | undefined {
    return this.inner.plans;
  }

  get widestThreads(): number | undefined {
    return this.inner.widestThreads;
  }

  grow(): void {
    this.inner.grow?.();
  }

  widen(): void {
    this.inner.widen?.();
  }

  use(threads: number): void {
    this.inner.use?.(threads);
  }

  allocate(byteLength: number): ArrayBuffer {
    return this.inner.allocate(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.inner.release(buffer);
  }

  run(batch: Batch, after?: Batch): Promise<BatchResult> {
    return this.inner.run(batch, after);
  }
}
