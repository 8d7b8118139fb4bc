/**
 * Open-loop traffic on real schedulers under a fake clock: seconds of overload in a fraction of one, the same each
 * time.
 *
 * Executors take as long as a model's latency line says, with log-normal noise; arrivals are Poisson; every random
 * number comes from one seed. A request is good when its answer came by its deadline (or within `wantedMs`, where it
 * has none).
 */

import type { PriorityClass } from '../../src/core/priority.ts';
import { CoreSlots } from '../../src/scheduler/cores/core-slots.ts';
import type { LatencySeed } from '../../src/scheduler/latency/latency-model.ts';
import { FakeClock } from './fake-clock.ts';
import type { PuppetExecutor } from './puppet-executor.ts';
import { type HarnessOptions, rowsOf, SchedulerHarness, taskContext } from './scheduler-harness.ts';

export interface TrafficClass {
  /** Requests per ms. */
  readonly perMs: number;
  readonly deadlineMs: number;
  readonly priority?: PriorityClass;
  /** It sets no deadline; `deadlineMs` is only what counts as good. */
  readonly isSoft?: boolean;
  /** Default: all classes are one caller's. */
  readonly caller?: string;
  /** Rows of each request; default 1. */
  readonly rows?: number;
}

export interface SimulatedModel {
  readonly classes: readonly TrafficClass[];
  /** The time of a run of so many rows. `at`: ms since the start; `beside`: how many others run when it begins. */
  readonly runMs: (rows: number, at: number, beside: number) => number;
  readonly options?: HarnessOptions;
}

export interface Simulation {
  readonly models: readonly SimulatedModel[];
  readonly slots: number;
  readonly durationMs: number;
  readonly seed?: number;
  /** Runs measured beforehand, at 1, 8 and the largest batch. Default true. */
  readonly isSeeded?: boolean;
  /** Deviation of the logarithm of a run's length. Default 0.08. */
  readonly noise?: number;
}

export interface ClassResult {
  offered: number;
  good: number;
  late: number;
  refused: number;
  /** Waits of the good ones, in ms from arrival to answer. */
  readonly latencies: number[];
  /** Refusals by their reason. */
  readonly reasons: Map<string, number>;
}

export interface SimulationResult {
  /** Results by model and class. */
  readonly models: readonly (readonly ClassResult[])[];
  readonly attainment: number;
  /** Share of worker time that went into batches none of whose answers was in time… by rows. */
  readonly wasted: number;
  readonly meanBatch: number;
}

/** The line that was measured of a 50 MB network on one core. */
export const largeModelMs = (rows: number): number => 6.5 + 0.24 * rows;

export function attainmentOf(classes: readonly ClassResult[]): number {
  let offered = 0;
  let good = 0;
  for (const result of classes) {
    offered += result.offered;
    good += result.good;
  }
  return good / offered;
}

interface PendingEnd {
  readonly at: number;
  readonly end: () => void;
}

/** Runs the traffic to its end and a little beyond. */
export async function simulate(simulation: Simulation): Promise<SimulationResult> {
  return new Run(simulation).run();
}

class Run {
  readonly #simulation: Simulation;
  readonly #clock = new FakeClock();
  readonly #random: () => number;
  readonly #harnesses: SchedulerHarness[] = [];
  readonly #ends: PendingEnd[] = [];
  readonly #results: ClassResult[][] = [];
  readonly #startedAt: number;
  #rowsRun = 0;
  #rowsGood = 0;
  #batches = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#random = mulberry(simulation.seed ?? 1);
    this.#startedAt = this.#clock.nowMs();
    const coreSlots = new CoreSlots(simulation.slots, this.#clock);
    for (const model of simulation.models) this.#addModel(model, coreSlots);
  }

  async run(): Promise<SimulationResult> {
    const { models, durationMs } = this.#simulation;
    const next = models.map(({ classes }) => classes.map(({ perMs }) => this.#startedAt + this.#gap(perMs)));
    const until = this.#startedAt + durationMs;
    for (;;) {
      const arrival = earliest(next);
      const at = Math.min(arrival.at, this.#ends[0]?.at ?? Infinity, this.#clock.nextAt);
      if (at > until + 2000 || at === Infinity) break;
      this.#clock.advance(Math.max(0, at - this.#clock.nowMs()));
      if (this.#ends[0] !== undefined && this.#ends[0].at <= at) this.#ends.shift()!.end();
      else if (arrival.at <= at) {
        const { perMs } = models[arrival.model]!.classes[arrival.index]!;
        const following = at + this.#gap(perMs);
        next[arrival.model]![arrival.index] = following > until ? Infinity : following;
        this.#arrive(arrival.model, arrival.index);
      }
      for (let i = 0; i < 4; i++) await Promise.resolve();
      for (const harness of this.#harnesses) if (harness.deferred > 0) harness.turn();
    }
    return this.#summary();
  }

  #addModel(model: SimulatedModel, coreSlots: CoreSlots): void {
    const maxBatchSize = model.options?.maxBatchSize ?? 32;
    const seeds: LatencySeed[] = [1, 8, maxBatchSize].flatMap((rows) =>
      [1, 2, 3].map(() => ({ signature: 'serving_default', rows, runMs: model.runMs(rows, 0, 0) })),
    );
    const harness = new SchedulerHarness({
      slots: this.#simulation.slots,
      coreSlots,
      clock: this.#clock,
      maxBatchSize,
      maxEnqueuedBatches: 1e6,
      ...(this.#simulation.isSeeded === false ? {} : { seeds }),
      ...model.options,
    });
    harness.executor.onRun = ({ size }) => this.#start(harness.executor, model, size);
    this.#harnesses.push(harness);
    this.#results.push(
      model.classes.map(() => ({ offered: 0, good: 0, late: 0, refused: 0, latencies: [], reasons: new Map() })),
    );
  }

  #start(executor: PuppetExecutor, model: SimulatedModel, size: number): void {
    this.#batches += 1;
    const now = this.#clock.nowMs();
    const noise = Math.exp((this.#simulation.noise ?? 0.08) * this.#gaussian()) * (this.#random() < 0.005 ? 3 : 1);
    const at = now + model.runMs(size, now - this.#startedAt, this.#ends.length) * noise;
    // The run exists only after this returns.
    const index = executor.runs.length;
    const entry = { at, end: () => executor.runs[index]!.complete() };
    const place = this.#ends.findIndex((other) => other.at > at);
    this.#ends.splice(place === -1 ? this.#ends.length : place, 0, entry);
  }

  #arrive(model: number, index: number): void {
    const { deadlineMs, priority, isSoft, caller, rows = 1 } = this.#simulation.models[model]!.classes[index]!;
    const result = this.#results[model]![index]!;
    const now = this.#clock.nowMs();
    const wantedBy = now + deadlineMs;
    const context = taskContext(this.#clock, {
      deadline: isSoft === true ? Infinity : wantedBy,
      ...(priority === undefined ? {} : { priority }),
      ...(caller === undefined ? {} : { caller }),
    });
    result.offered += 1;
    const submitted = this.#harnesses[model]!.submit(rowsOf(new Array<number>(rows).fill(1)), { context });
    submitted.settled.then(
      ({ error }) => {
        const took = this.#clock.nowMs() - now;
        if (error !== undefined) {
          result.refused += 1;
          const reason = String(error.attributes?.['reason'] ?? error.kind);
          result.reasons.set(reason, (result.reasons.get(reason) ?? 0) + 1);
          return;
        }
        this.#rowsRun += 1;
        if (took > deadlineMs) {
          result.late += 1;
          return;
        }
        result.good += 1;
        this.#rowsGood += 1;
        result.latencies.push(took);
      },
      () => undefined,
    );
  }

  #summary(): SimulationResult {
    return {
      models: this.#results,
      attainment: attainmentOf(this.#results.flat()),
      wasted: 1 - this.#rowsGood / Math.max(1, this.#rowsRun),
      meanBatch: this.#rowsRun / Math.max(1, this.#batches),
    };
  }

  #gap(perMs: number): number {
    return perMs === 0 ? Infinity : -Math.log(1 - this.#random()) / perMs;
  }

  #gaussian(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }
}

function earliest(next: readonly (readonly number[])[]): { at: number; model: number; index: number } {
  let found = { at: Infinity, model: 0, index: 0 };
  for (const [model, times] of next.entries()) {
    for (const [index, at] of times.entries()) if (at < found.at) found = { at, model, index };
  }
  return found;
}

/** Small, seeded, good enough for arrivals. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
