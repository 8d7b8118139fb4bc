/**
 * One model in a real host, whose sessions the scheduler opens, chooses and closes, under a virtual clock: its workers' runs
 * take simulated time on shared cores, and callers ask again as soon as they are answered.
 */
import { setImmediate } from 'node:timers';
import type { HostWorker, WorkerReady } from '../../../src/backends/host/host-worker.ts';
import type { PlanEvent } from '../../../src/backends/host/sessions/elastic-options.ts';
import { type Answer, type Call, machineTimeMs } from '../../../src/backends/host/worker-call.ts';
import { startWorkerHost, type WorkerHosted } from '../../../src/backends/host/worker-host.ts';
import { CancelSignal } from '../../../src/core/cancel.ts';
import { CoreBudget } from '../../../src/core/core-budget.ts';
import type { SessionPlan } from '../../../src/core/executor.ts';
import { SeededRandom } from '../../../src/core/repeatable/seeded-random.ts';
import { VirtualClock } from '../../../src/core/repeatable/virtual-clock.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import type { Scaling } from '../../../src/features/what-if/simulation/scaling.ts';
import { SharedCores } from '../../../src/features/what-if/simulation/shared-cores.ts';
import { SimulatedLoop } from '../../../src/features/what-if/simulation/simulated-loop.ts';
import { noTelemetry } from '../../../src/ledger/request-record.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { CoreSlots } from '../../../src/scheduler/cores/core-slots.ts';
import { Scheduler } from '../../../src/scheduler/scheduler.ts';
import { fakeModel } from '../../support/fake-model.ts';
import { echoSignature } from '../../support/scheduler-harness.ts';

export interface PlannedModel {
  /** How long a run of one thread takes alone, in ms. */
  readonly workMs: (rows: number) => number;
  readonly scaling: Scaling;
  /** Default 64. */
  readonly maxBatchSize?: number;
  /** The event loop's work to read one request, in ms. Default 0.02. */
  readonly readMs?: number;
  /** Only these sessions, as by `--num_batch_threads` and `--intra_op_threads`. Default: the scheduler's choice. */
  readonly fixed?: SessionPlan;
}

const CORES = 2;
const OPEN_MS = 150;
const BATCH_MS = 0.05;
const SIGNATURES = new Map([['serving_default', echoSignature({ kind: 'dynamic' })]]);

export class PlannedSessions {
  readonly clock = new VirtualClock();
  readonly cores = new SharedCores(this.clock, CORES);
  readonly events: PlanEvent[] = [];
  readonly #loop = new SimulatedLoop(this.clock, this.cores);
  readonly #random = new SeededRandom(1, 1);
  readonly #model: PlannedModel;
  #scheduler: Scheduler | undefined;
  #host: WorkerHosted | undefined;
  #callers = 0;
  #wanted = 0;
  #answered = 0;

  constructor(model: PlannedModel) {
    this.#model = model;
  }

  /** The sessions that are open. */
  get plans(): readonly SessionPlan[] {
    return this.#host!.executor.plans ?? [];
  }

  get sessions(): number {
    return this.plans.reduce((sum, { sessions }) => sum + sessions, 0);
  }

  async start(t: Parameters<typeof fakeModel>[0]): Promise<void> {
    const { fixed = { sessions: 1, threads: 1 }, maxBatchSize = 64 } = this.#model;
    const elastic = {
      budget: new CoreBudget(CORES),
      arePlanned: true,
      onPlan: (event: PlanEvent) => this.events.push(event),
    };
    const settings = fakeModel(t);
    const options = {
      ...{ ...settings, clock: this.#loop, slots: fixed.sessions },
      loadOptions: { ...settings.loadOptions, intraOpThreads: fixed.threads },
      elastic: this.#model.fixed === undefined ? elastic : undefined,
    };
    const starting = startWorkerHost(options, (_index, _pool, threads) => this.#worker(threads));
    await this.advance(2 * OPEN_MS);
    this.#host = await starting;
    const seeds = [1, 8, maxBatchSize].map((rows) => ({
      signature: 'serving_default',
      rows,
      runMs: this.#model.workMs(rows),
    }));
    this.#scheduler = new Scheduler({
      ...{ model: 'm', version: '1', executor: this.#host.executor, clock: this.#loop, telemetry: noTelemetry },
      ...{ signatures: SIGNATURES, seeds, defer: (run: () => void) => this.#loop.defer(run) },
      slots: new CoreSlots(CORES, this.#loop),
      options: { maxBatchSize, batchTimeoutMicros: 0, maxEnqueuedBatches: 100, allowedBatchSizes: [] },
    });
  }

  /** So many callers ask, for so long, one row each; returns the rows that were answered in a second. */
  async ask(callers: number, ms: number): Promise<number> {
    this.#wanted = callers;
    const before = this.#answered;
    while (this.#callers < callers) {
      this.#callers += 1;
      this.#ask();
    }
    await this.advance(ms);
    return ((this.#answered - before) / ms) * 1000;
  }

  /** Requests come by chance, so many a second for so long, each with so much time; returns how many were in time. */
  async offer(perSecond: number, ms: number, timeMs: number): Promise<number> {
    const until = this.clock.nowMs() + ms;
    let inTime = 0;
    const arrive = (): void => {
      if (this.clock.nowMs() >= until) return;
      const deadline = this.clock.nowMs() + timeMs;
      this.#submit(deadline, () => {
        if (this.clock.nowMs() <= deadline) inTime += 1;
      });
      this.clock.setTimer(this.clock.nowMs() + this.#random.exponential(1000 / perSecond), arrive);
    };
    arrive();
    await this.advance(ms);
    return inTime;
  }

  async advance(ms: number): Promise<void> {
    const until = this.clock.nowMs() + ms;
    for (await this.#settle(); this.clock.nowMs() < until; await this.#settle()) {
      this.clock.advance(Math.min(until, this.clock.nextAt) - this.clock.nowMs());
    }
  }

  async #settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#loop.next());
  }

  #ask(): void {
    this.#submit(Infinity, () => {
      this.#answered += 1;
      if (this.#callers <= this.#wanted) this.#ask();
      else this.#callers -= 1;
    });
  }

  #submit(deadline: number, onAnswer: () => void): void {
    this.#loop.post(this.#model.readMs ?? 0.02, () => {
      const context = {
        ...{ deadline, cancel: new CancelSignal(), stages: new StageClock(this.clock.nowMs()) },
        ...{ trace: undefined, batch: undefined, note: () => undefined },
      };
      const inputs = new Map([['x', numericTensor('float32', [1, 1], new Float32Array(1))]]);
      const request = { signatureName: 'serving_default', inputs, outputs: ['y'], context };
      try {
        this.#scheduler!.submit(request).then(onAnswer, () => undefined);
      } catch {
        // It is refused: it would be late.
      }
    });
  }

  #worker(threads: number): HostWorker {
    const ready = new Promise<WorkerReady>((resolve) => {
      const loaded = { signatures: SIGNATURES, isSynchronous: true, loadMs: OPEN_MS, warnings: [] };
      this.clock.setTimer(this.clock.nowMs() + OPEN_MS, () => resolve(loaded));
    });
    let running = 0;
    return {
      ...{ ready, onExit: undefined, goneBecause: undefined },
      run: async (call) => {
        running += 1;
        if (running > 1) throw new Error('a session runs one batch at a time');
        const answer = await this.#run(call, threads);
        running -= 1;
        return answer;
      },
      close: async () => undefined,
    };
  }

  #run({ inputs }: Call, threads: number): Promise<Answer> {
    const input = inputs.get('x')!;
    const rows = input.shape[0]!;
    const runStart = this.clock.nowMs();
    const workMs = this.#model.workMs(rows) * (0.95 + 0.1 * this.#random.uniform());
    return new Promise((resolve) => {
      this.cores.start({ workMs, threads, scaling: this.#model.scaling }, () => {
        const runEnd = this.clock.nowMs();
        this.#loop.post(BATCH_MS, () => {
          const toMachine = machineTimeMs() - this.clock.nowMs();
          const outputs = new Map([['y', numericTensor('float32', [rows, 1], new Float32Array(rows))]]);
          resolve({ outputs, runStart: runStart + toMachine, runEnd: runEnd + toMachine });
        });
      });
    });
  }
}
