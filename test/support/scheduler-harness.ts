/**
 * A Scheduler on a puppet executor and a fake clock, and requests for it. Deferred work runs when `turn()` is called.
 */
import { CancelSignal } from '../../src/core/cancel.ts';
import type { Instant } from '../../src/core/clock.ts';
import { ServingError } from '../../src/core/errors.ts';
import type { RunEvent, RunEventFacts } from '../../src/core/executor.ts';
import type { PriorityClass } from '../../src/core/priority.ts';
import type { BatchAxis, Signature, TensorSpec } from '../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type Tensor, type TensorMap } from '../../src/core/tensor.ts';
import { type BatchRecord, noTelemetry, type Telemetry } from '../../src/ledger/request-record.ts';
import { StageClock } from '../../src/ledger/stage-clock.ts';
import { traceHeadersOf, W3C } from '../../src/ledger/tracing/propagation.ts';
import type { TraceContext } from '../../src/ledger/tracing/trace-context.ts';
import type { CoreSlots } from '../../src/scheduler/cores/core-slots.ts';
import type { LatencySeed } from '../../src/scheduler/latency/latency-model.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { SchedulerOptions } from '../../src/scheduler/scheduler-options.ts';
import type { Quarantine, SchedulerRequest, TaskContext } from '../../src/scheduler/task.ts';
import { FakeClock } from './fake-clock.ts';
import { PuppetExecutor } from './puppet-executor.ts';

export interface HarnessOptions extends Partial<SchedulerOptions> {
  readonly slots?: number;
  /** Threads of a run of its executor; default 1. */
  readonly threads?: number;
  /** Its executor takes a batch while it runs another. */
  readonly takesNext?: boolean;
  /** Slots shared with other harnesses, which must be given the same clock. */
  readonly coreSlots?: CoreSlots;
  readonly clock?: FakeClock;
  readonly seeds?: readonly LatencySeed[];
  readonly signatures?: ReadonlyMap<string, Signature>;
  /** Spreads retry delays. Default: they are not spread. */
  readonly random?: () => number;
  readonly quarantine?: Quarantine;
  /** True: deferred work runs by itself, as in the server. */
  readonly isRealTurn?: boolean;
}

export type Outcome = { outputs: TensorMap; error?: never } | { outputs?: never; error: ServingError };

/** A request that was submitted, and what became of it. */
export class Submitted {
  readonly context: TaskContext;
  readonly settled: Promise<Outcome>;
  /** How often it settled, and how; a promise can only tell the first time. */
  outcome: Outcome | undefined;

  constructor(context: TaskContext, answer: Promise<TensorMap>) {
    this.context = context;
    this.settled = answer.then(
      (outputs) => ({ outputs }),
      (error: unknown) => {
        if (!(error instanceof ServingError)) throw error;
        return { error };
      },
    );
    this.settled.then(
      (outcome) => {
        this.outcome = outcome;
      },
      () => undefined,
    );
  }

  /** The elements of output "y"; fails the test if the request failed. */
  async values(output = 'y'): Promise<number[]> {
    const { outputs, error } = await this.settled;
    if (error !== undefined) throw error;
    return [...elements(outputs.get(output) as NumericTensor)].map(Number);
  }

  async error(): Promise<ServingError> {
    const { error } = await this.settled;
    if (error === undefined) throw new Error('the request was answered');
    return error;
  }
}

export class SchedulerHarness {
  readonly clock: FakeClock;
  readonly executor: PuppetExecutor;
  readonly batches: BatchRecord[] = [];
  readonly scheduler: Scheduler;
  /** Signatures that have shown that they have no batch axis. */
  readonly misfits: string[] = [];
  readonly telemetry: Telemetry = {
    ...noTelemetry,
    startBatchTrace: (owner) => ({ ...owner, parentSpanId: owner.spanId, spanId: 'b'.repeat(16) }),
    traceHeaders: (context) => traceHeadersOf(context, W3C),
    recordBatch: (record) => this.batches.push(record),
  };
  #deferred: (() => void)[] = [];

  constructor(options: HarnessOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.executor = new PuppetExecutor(options.slots ?? 1, options.takesNext, options.threads);
    this.scheduler = new Scheduler({
      executor: this.executor,
      clock: this.clock,
      telemetry: this.telemetry,
      random: options.random ?? (() => 0),
      options: {
        kind: options.kind,
        isStrict: options.isStrict,
        sloMs: options.sloMs,
        weight: options.weight,
        maxQueuedBytes: options.maxQueuedBytes,
        callerCoreShare: options.callerCoreShare,
        maxBatchSize: options.maxBatchSize ?? 4,
        batchTimeoutMicros: options.batchTimeoutMicros ?? 0,
        maxEnqueuedBatches: options.maxEnqueuedBatches ?? 100,
        allowedBatchSizes: options.allowedBatchSizes ?? [],
      },
      signatures: options.signatures ?? new Map([['serving_default', echoSignature({ kind: 'dynamic' })]]),
      model: 'm',
      version: '1',
      onMisfit: (signatureName, reason) => this.misfits.push(`${signatureName}: ${reason}`),
      ...(options.coreSlots === undefined ? {} : { slots: options.coreSlots }),
      quarantine: options.quarantine,
      ...(options.seeds === undefined ? {} : { seeds: options.seeds }),
      ...(options.isRealTurn === true ? {} : { defer: (run: () => void) => this.#deferred.push(run) }),
    });
  }

  /** A harness with one signature of that batch axis and, if it matters, that output. */
  static withSignature(batchAxis: BatchAxis, output?: TensorSpec): SchedulerHarness {
    return new SchedulerHarness({
      signatures: new Map([['serving_default', echoSignature(batchAxis, ['x'], output)]]),
    });
  }

  /** Deferred calls that wait for the end of this turn. */
  get deferred(): number {
    return this.#deferred.length;
  }

  /** Ends the turn of the event loop. */
  turn(): void {
    const due = this.#deferred;
    this.#deferred = [];
    for (const run of due) run();
  }

  submit(inputs: TensorMap, options: Partial<SchedulerRequest> & { context?: TaskContext } = {}): Submitted {
    const context = options.context ?? taskContext(this.clock);
    const request = { signatureName: 'serving_default', outputs: ['y'], ...options, inputs, context };
    return new Submitted(context, this.#answerTo(request));
  }

  #answerTo(request: SchedulerRequest): Promise<TensorMap> {
    try {
      return this.scheduler.submit(request);
    } catch (refusal) {
      return Promise.reject(refusal);
    }
  }

  /** Submits one row a value. */
  submitRows(values: readonly number[], context?: TaskContext): Submitted {
    return this.submit(rowsOf(values), context === undefined ? {} : { context });
  }
}

export interface ContextInit {
  readonly deadline?: Instant;
  readonly trace?: TraceContext;
  readonly priority?: PriorityClass;
  readonly caller?: string;
  readonly hasOwnDeadline?: boolean;
}

/** A context that keeps what its request was told of its run. */
export interface NotedContext extends TaskContext {
  readonly noted: readonly (readonly [event: RunEvent, facts: RunEventFacts])[];
}

export function taskContext(clock: FakeClock, init: ContextInit = {}): NotedContext {
  const noted: [RunEvent, RunEventFacts][] = [];
  return {
    noted,
    note: (event, facts) => noted.push([event, facts]),
    deadline: init.deadline ?? Infinity,
    cancel: new CancelSignal(),
    stages: new StageClock(clock.nowMs()),
    trace: init.trace,
    priority: init.priority,
    caller: init.caller,
    hasOwnDeadline: init.hasOwnDeadline,
    batch: undefined,
  };
}

/** x: float32 [values.length, 1]. */
export function rowsOf(values: readonly number[]): TensorMap {
  return new Map([['x', numericTensor('float32', [values.length, 1], Float32Array.from(values))]]);
}

export function echoSignature(batchAxis: BatchAxis, inputs: readonly string[] = ['x'], output?: TensorSpec): Signature {
  const spec = (name: string): TensorSpec => ({ dtype: 'float32', shape: [-1, -1], tensorName: name });
  return {
    inputs: new Map(inputs.map((name) => [name, spec(name)])),
    outputs: new Map([['y', output ?? spec('y')]]),
    methodName: 'tensorflow/serving/predict',
    batchAxis,
  };
}

/** Lets promise reactions run: a run's end reaches the scheduler in one. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

export function floats(tensor: Tensor | undefined): number[] {
  return [...elements(tensor as NumericTensor)].map(Number);
}

/** The memory under a numeric tensor: for tests of what is a view and what a copy. */
export function bufferOf(tensor: Tensor | undefined): ArrayBufferLike {
  return (tensor as NumericTensor).data.buffer;
}
