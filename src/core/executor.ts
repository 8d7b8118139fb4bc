/**
 * All that the scheduler knows of a runtime: how many batches may run at once, and how to run one.
 */
import type { Instant } from './clock.ts';
import type { PriorityClass } from './priority.ts';
import type { TensorMap } from './tensor.ts';

/** W3C Trace Context as headers. */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
  /** W3C Baggage. */
  readonly baggage?: string | undefined;
}

/** What happened to a run on its way: it was sent to its server again, or a circuit breaker did not let it run. */
export type RunEvent = 'retry' | 'breaker';

/** Of a closed set of names; values are numbers, words of closed sets, or names from the configuration. */
export type RunEventFacts = Readonly<Record<string, string | number>>;

/**
 * For whom a batch runs: what goes along with it to whoever runs it elsewhere. To another server all of it, to a thread or
 * process the traceparent.
 */
export interface BatchOrigin {
  /** Of the span under which the run happens; undefined = nobody traces. */
  readonly traceHeaders: TraceHeaders | undefined;
  /** The batch's own span, as W3C Trace Context has it, where it is recorded. */
  readonly traceparent?: string | undefined;
  /** The most important class among the requests in it. */
  readonly priority: PriorityClass;
  /** Set by an executor that can stop a run: called once, when the last request in it was cancelled or expired. */
  onAbandoned: (() => void) | undefined;
  /** A part of a batch whose run failed, run again: whose fault that was is judged for the whole of it. Absent = false. */
  readonly isRerun?: boolean;
  /**
   * Set, before the run's promise rejects, by an executor that wants to know whether its runtime is at fault: called once.
   * `isOfInputs`: others of the batch were answered when they were run again, so one request's values are. Else nobody
   * can say, and it counts as the runtime's.
   */
  onJudged?: ((isOfInputs: boolean) => void) | undefined;
  /** Tells the requests in it what has happened now, for those who look at them afterwards. */
  note(event: RunEvent, facts: RunEventFacts): void;
}

export interface Batch {
  readonly signatureName: string;
  /** Every tensor has `size` rows. Buffers obtained from `allocate` belong to the executor from here on. */
  readonly inputs: TensorMap;
  /** Names of the wanted outputs, in order. */
  readonly outputs: readonly string[];
  /** Rows with padding, as the runtime sees them. For signatures without a batch axis 1. */
  readonly size: number;
  /** The latest of its members' deadlines: after it nobody wants the answer. May be Infinity. */
  readonly deadline: Instant;
  /** Absent where nobody asked for the run: it was made up. */
  readonly origin?: BatchOrigin | undefined;
}

export interface BatchResult {
  readonly outputs: TensorMap;
  /** When the runtime itself started and ended, on this process's monotonic clock, where the host can tell. */
  readonly runStart?: Instant;
  readonly runEnd?: Instant;
}

export interface Executor {
  /** How many batches may be in `run` at once. It changes when the model moves to another host: ask each time. */
  readonly slots: number;
  /** A worker takes its next batch while it still runs one. Absent = false. Like `slots` it may change. */
  readonly takesNext?: boolean;
  /** Runs happen on the event loop's own core: they take none of the slots that all models share. Absent = false. */
  readonly isInline?: boolean;
  /** Runs happen on another server: there is nothing here to warm up, and made-up batches would cost others. */
  readonly isElsewhere?: boolean;
  /**
   * Memory for one input of a batch that will be given to `run` next, at least `byteLength` bytes, 8-byte aligned.
   * It belongs to the executor again when that run settles (or `release` is called because no run came of it).
   */
  allocate(byteLength: number): ArrayBuffer;
  release(buffer: ArrayBuffer): void;
  /**
   * Rejects with a ServingError (`backend_failed`, `worker_lost`, …). Never called with more than `slots` at once, but for
   * one behind each of them where it `takesNext`: `after` is a batch in `run`, and whoever runs it takes this one next.
   * If that has just ended it is as if it were not given.
   */
  run(batch: Batch, after?: Batch): Promise<BatchResult>;
}

/** Passes everything on to another one: what stands between the two changes what it needs to. */
export class PassingExecutor implements Executor {
  protected inner: Executor;

  constructor(inner: Executor) {
    this.inner = inner;
  }

  get slots(): number {
    return this.inner.slots;
  }

  get takesNext(): boolean {
    return this.inner.takesNext === true;
  }

  get isInline(): boolean {
    return this.inner.isInline === true;
  }

  get isElsewhere(): boolean {
    return this.inner.isElsewhere === true;
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
