/**
 * The real scheduler under a fake clock: requests of a plan come at their instants, batches take their latency curve's
 * time, deadlines and clients' leaving cancel as in the server. The network, decoding and the event loop cost nothing.
 *
 *   next arrival ─┐
 *   next timer ───┴─ the earlier ─▶ clock ─▶ submit what came ─▶ end the turn ─▶ let promises settle ─▶ again
 */
import { CancelSignal, clientLeft } from '../../src/core/cancel.ts';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { ServingError } from '../../src/core/errors.ts';
import { numericTensor, type TensorMap } from '../../src/core/tensor.ts';
import { CoreSlots } from '../../src/scheduler/cores/core-slots.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import type { TaskContext } from '../../src/scheduler/task.ts';
import { type BatchRecord, noTelemetry } from '../../src/telemetry/request-record.ts';
import { StageClock } from '../../src/telemetry/stage-clock.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { Workload } from '../overload/workload.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { OUTPUTS, type Policy, SIGNATURE_NAME, schedulerFor } from './policies.ts';
import { SharedCores } from './shared-cores.ts';
import { SimulatedExecutor } from './simulated-executor.ts';

export interface SimulationOptions {
  readonly cores: number;
  /** Batches of one model that may run at once. */
  readonly slots: number;
  readonly seed: number;
}

export class Simulation {
  readonly clock = new FakeClock();
  readonly cores: SharedCores;
  readonly batches: BatchRecord[] = [];
  readonly #schedulers: readonly Scheduler[];
  readonly #deadlines = new DeadlineTimer(this.clock);
  readonly #row: TensorMap = new Map([['x', numericTensor('float32', [1, 1], new Float32Array(1))]]);
  #deferred: (() => void)[] = [];

  constructor(workload: Workload, policy: Policy, { cores, slots, seed }: SimulationOptions) {
    this.cores = new SharedCores(this.clock, cores);
    const random = new SeededRandom(seed, 1);
    const telemetry = { ...noTelemetry, recordBatch: (record: BatchRecord) => void this.batches.push(record) };
    const shared = new CoreSlots(slots, this.clock);
    this.#schedulers = workload.models.map(({ name, latency }, i) =>
      schedulerFor(policy, {
        executor: new SimulatedExecutor(slots, latency, this.cores, random.fork(i)),
        clock: this.clock,
        telemetry,
        model: name,
        maxBatchSize: workload.maxBatchSize,
        slots: shared,
        defer: (run) => void this.#deferred.push(run),
      }),
    );
  }

  /**
   * A request of one row, now. `onEnd` is told once: undefined = answered. Instants may be Infinity.
   */
  submit(model: number, deadline: number, leavesAt: number, onEnd: (error: ServingError | undefined) => void): void {
    const context: TaskContext = {
      deadline,
      cancel: new CancelSignal(),
      stages: new StageClock(this.clock.nowMs()),
      trace: undefined,
      batch: undefined,
      note: () => undefined,
    };
    const expiry = this.#deadlines.add(deadline, () => context.cancel.cancel(expired()));
    const leaving = this.#deadlines.add(leavesAt, () => context.cancel.cancel(clientLeft('simulated')));
    const request = { signatureName: SIGNATURE_NAME, inputs: this.#row, outputs: OUTPUTS, context };
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

  /** Moves time on to `at`, or to the next timer if that is earlier. False: nothing will ever happen (`at` is Infinity). */
  async step(at: number): Promise<boolean> {
    const next = Math.min(at, this.clock.nextAt);
    if (next === Infinity) return false;
    this.clock.advance(Math.max(0, next - this.clock.nowMs()));
    await this.settle();
    return true;
  }

  /** Ends the turn of the event loop: what was deferred runs, and every promise that can settle does. */
  async settle(): Promise<void> {
    do {
      const due = this.#deferred;
      this.#deferred = [];
      for (const run of due) run();
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#deferred.length > 0);
  }
}

function expired(): ServingError {
  return new ServingError('deadline_exceeded', 'the deadline passed');
}
