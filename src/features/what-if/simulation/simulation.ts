/**
 * The real scheduler under a virtual clock: requests come at their instants, the event loop reads them one after the
 * other, batches take their time on shared cores, deadlines and clients' leaving cancel as in the server. What is not
 * simulated: the network, garbage collection, memory, and what a request's bytes cost.
 *
 *   next arrival ─┐
 *   next timer ───┴─ the earlier ─▶ clock ─▶ post what came ─▶ the loop works until a later instant ─▶ again
 */
import { setImmediate } from 'node:timers';
import { CancelSignal, clientLeft } from '../../../core/cancel.ts';
import type { Instant } from '../../../core/clock.ts';
import { DeadlineTimer } from '../../../core/deadline-timer.ts';
import { ServingError } from '../../../core/errors.ts';
import { VirtualClock } from '../../../core/repeatable/virtual-clock.ts';
import type { BatchAxis, Signature, TensorSpec } from '../../../core/signature.ts';
import { numericTensor, type TensorMap } from '../../../core/tensor.ts';
import { type BatchRecord, noTelemetry } from '../../../ledger/request-record.ts';
import { StageClock } from '../../../ledger/stage-clock.ts';
import { CoreSlots } from '../../../scheduler/cores/core-slots.ts';
import type { LatencySeed } from '../../../scheduler/latency/latency-model.ts';
import { Scheduler } from '../../../scheduler/scheduler.ts';
import type { SchedulerOptions } from '../../../scheduler/scheduler-options.ts';
import type { TaskContext } from '../../../scheduler/task.ts';
import { SharedCores } from './shared-cores.ts';
import { type AnswerCosts, SimulatedExecutor, type SimulatedRuns } from './simulated-executor.ts';
import { SimulatedLoop } from './simulated-loop.ts';

export interface SimulatedModel {
  readonly name: string;
  /** Signatures by their names. */
  readonly signatures: ReadonlyMap<string, BatchAxis>;
  readonly options: SchedulerOptions;
  readonly runs: SimulatedRuns;
  /** The runs that its curve knows at the start. Default: none. */
  readonly seeds?: readonly LatencySeed[];
}

/** The event loop's work for a request, in ms of a core. A refused request costs `readMs` alone. */
export interface LoopCosts extends AnswerCosts {
  readonly readMs: number;
}

/**
 * The server's, about: 20 µs a small gRPC request that is answered, 10 µs one that is refused, and for a batch what it
 * takes to assemble it, hand it to a thread (10 to 15 µs alone) and take it apart.
 */
export const SERVER_COSTS: LoopCosts = { readMs: 0.01, answerMs: 0.01, batchMs: 0.03 };

export interface SimulationOptions {
  /** The cores that runs, the event loop and others share. May be a fraction. */
  readonly cores: number;
  /** Batches at once, over all models. */
  readonly slots: number;
  readonly costs: LoopCosts;
  readonly models: readonly SimulatedModel[];
}

export interface SimulatedRequest {
  /** Index among the models. */
  readonly model: number;
  readonly signatureName: string;
  readonly rows: number;
  /** Time that its client gives it from now on, in ms; Infinity = none. */
  readonly budgetMs: number;
  /** The time until its client leaves, in ms; Infinity = it stays. */
  readonly leavesAfterMs: number;
  /** The caller's name. Absent: one caller with all others that have none. */
  readonly caller?: string | undefined;
}

/** Requests in the order in which they come; `at` are instants on the simulation's clock, ascending. */
export interface ArrivalList {
  readonly count: number;
  at(i: number): Instant;
  /** Call `simulation.arrive` for it. */
  arrive(i: number): void;
}

const OUTPUTS: readonly string[] = ['y'];
const SPEC: TensorSpec = { dtype: 'float32', shape: [-1, 1], tensorName: 'x' };

export class Simulation {
  readonly clock = new VirtualClock();
  readonly cores: SharedCores;
  readonly batches: BatchRecord[] = [];
  readonly #loop: SimulatedLoop;
  readonly #schedulers: readonly Scheduler[];
  readonly #deadlines: DeadlineTimer;
  readonly #costs: LoopCosts;
  /** Inputs by their number of rows. */
  readonly #inputs = new Map<number, TensorMap>();

  constructor({ cores, slots, costs, models }: SimulationOptions) {
    const { clock } = this;
    this.cores = new SharedCores(clock, cores);
    this.#costs = costs;
    const loop = new SimulatedLoop(clock, this.cores);
    this.#loop = loop;
    this.#deadlines = new DeadlineTimer(loop);
    const telemetry = { ...noTelemetry, recordBatch: (record: BatchRecord) => void this.batches.push(record) };
    const shared = new CoreSlots(slots, loop);
    const machine = { clock, cores: this.cores, loop };
    this.#schedulers = models.map(
      ({ name, options, runs, signatures, seeds = [] }) =>
        new Scheduler({
          executor: new SimulatedExecutor(runs, machine, costs),
          clock: loop,
          telemetry,
          options,
          signatures: new Map([...signatures].map(([each, axis]) => [each, signatureOf(axis)])),
          model: name,
          version: '1',
          slots: shared,
          seeds,
          random: () => 0.5,
          defer: (run) => loop.defer(run),
        }),
    );
  }

  /** A request comes now. `onEnd` is called once, when its client has the answer; undefined = it was answered. */
  arrive(request: SimulatedRequest, onEnd: (error: ServingError | undefined) => void): void {
    const leavesAt = this.clock.nowMs() + request.leavesAfterMs;
    this.#loop.post(this.#costs.readMs, () => this.#submit(request, leavesAt, onEnd));
  }

  /**
   * Lets all requests come and end. `onProgress` is called about a hundred times, with the number of requests that have
   * come.
   */
  async play({ count, at, arrive }: ArrivalList, onProgress: (done: number) => void = () => undefined): Promise<void> {
    const every = Math.max(1, Math.floor(count / 100));
    for (let next = 0; ; ) {
      if (!(await this.step(next < count ? at(next) : Infinity))) return;
      const from = next;
      for (; next < count && at(next) <= this.clock.nowMs(); next++) {
        arrive(next);
        if (next % every === 0) onProgress(next);
      }
      if (next > from) await this.settle();
    }
  }

  /** Moves time on to `at`, or to the next timer if that is earlier. False: nothing will ever happen (`at` is Infinity). */
  async step(at: Instant): Promise<boolean> {
    const next = Math.min(at, this.clock.nextAt);
    if (next === Infinity) return false;
    this.clock.advance(Math.max(0, next - this.clock.nowMs()));
    await this.settle();
    return true;
  }

  /** Does all that can be done at this instant. */
  async settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#loop.next());
  }

  #submit(
    { model, signatureName, rows, budgetMs, caller }: SimulatedRequest,
    leavesAt: Instant,
    onEnd: (error: ServingError | undefined) => void,
  ): void {
    const deadline = this.#loop.cameAt + budgetMs;
    const context: TaskContext = {
      deadline,
      cancel: new CancelSignal(),
      stages: new StageClock(this.clock.nowMs()),
      trace: undefined,
      caller,
      batch: undefined,
      note: () => undefined,
    };
    const expiry = this.#deadlines.add(deadline, () => context.cancel.cancel(expired()));
    const leaving = this.#deadlines.add(leavesAt, () => context.cancel.cancel(clientLeft('simulated')));
    const request = { signatureName, inputs: this.#inputsOf(rows), outputs: OUTPUTS, context };
    const end = (error: ServingError | undefined): void => {
      this.#deadlines.remove(expiry);
      this.#deadlines.remove(leaving);
      onEnd(error);
    };
    const refused = (error: unknown): void => end(error as ServingError);
    try {
      this.#schedulers[model]!.submit(request).then(() => end(undefined), refused);
    } catch (refusal) {
      refused(refusal);
    }
  }

  #inputsOf(rows: number): TensorMap {
    let inputs = this.#inputs.get(rows);
    if (inputs === undefined) {
      inputs = new Map([['x', numericTensor('float32', [rows, 1], new Float32Array(rows))]]);
      this.#inputs.set(rows, inputs);
    }
    return inputs;
  }
}

/** A signature of one number a row: the rows' values do not matter. */
function signatureOf(batchAxis: BatchAxis): Signature {
  return {
    inputs: new Map([['x', SPEC]]),
    outputs: new Map([['y', { ...SPEC, tensorName: 'y' }]]),
    methodName: 'tensorflow/serving/predict',
    batchAxis,
  };
}

function expired(): ServingError {
  return new ServingError('deadline_exceeded', 'the deadline passed');
}
