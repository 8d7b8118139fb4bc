/**
 * An executor whose runs take simulated time on shared cores. It answers with as many rows as it got. Buffers are made
 * and forgotten, and what they hold does not matter.
 *
 *   run ─▶ works on cores (or the event loop, or elsewhere) ─▶ the event loop takes the outputs and answers ─▶ settles
 */
import type { Clock } from '../../../core/clock.ts';
import type { Batch, BatchResult, Executor } from '../../../core/executor.ts';
import type { Tensor, TensorMap } from '../../../core/tensor.ts';
import type { Scaling } from './scaling.ts';
import type { SharedCores } from './shared-cores.ts';
import type { SimulatedLoop } from './simulated-loop.ts';

/** The place and the way in which a model's batches run. */
export interface SimulatedRuns {
  /** The number of batches at once. */
  readonly slots: number;
  /** `grow` opens sessions until there are so many slots. Default: `slots`. */
  readonly maxSlots?: number;
  /** How long a session takes to open, in ms. Default 0. */
  readonly openMs?: number;
  /** Threads of one run; default 1. */
  readonly threads?: number;
  readonly scaling?: Scaling;
  /** A worker takes its next batch while it runs one. Default false. */
  readonly takesNext?: boolean;
  /** threads of their own (default), the event loop's, or another machine, whose cores are not simulated. */
  readonly place?: 'threads' | 'loop' | 'elsewhere';
  /** Draws the length of one run: ms of one thread on a core of its own. */
  workMs(signatureName: string, rows: number): number;
}

/** The event loop's work for a batch and for each answer, in ms. */
export interface AnswerCosts {
  readonly batchMs: number;
  readonly answerMs: number;
}

export interface SimulatedMachine {
  readonly clock: Clock;
  readonly cores: SharedCores;
  readonly loop: SimulatedLoop;
}

export class SimulatedExecutor implements Executor {
  readonly #runs: SimulatedRuns;
  readonly #machine: SimulatedMachine;
  readonly #costs: AnswerCosts;
  /** Batches that run, each with what begins when it ends. */
  readonly #running = new Map<Batch, (() => void) | undefined>();
  #slots: number;
  #isOpening = false;
  onSlots: (() => void) | undefined;

  constructor(runs: SimulatedRuns, machine: SimulatedMachine, costs: AnswerCosts) {
    this.#runs = runs;
    this.#machine = machine;
    this.#costs = costs;
    this.#slots = runs.slots;
  }

  get slots(): number {
    return this.#slots;
  }

  get threads(): number {
    return this.#runs.threads ?? 1;
  }

  get takesNext(): boolean {
    return this.#runs.takesNext === true && this.#runs.place !== 'loop';
  }

  get isInline(): boolean {
    return this.#runs.place === 'loop';
  }

  get isElsewhere(): boolean {
    return this.#runs.place === 'elsewhere';
  }

  grow(): void {
    const { maxSlots = this.#runs.slots, openMs = 0 } = this.#runs;
    if (this.#isOpening || this.#slots >= maxSlots) return;
    this.#isOpening = true;
    const { clock, loop } = this.#machine;
    loop.setTimer(clock.nowMs() + openMs, () => {
      this.#isOpening = false;
      this.#slots += 1;
      this.onSlots?.();
    });
  }

  allocate(byteLength: number): ArrayBuffer {
    return new ArrayBuffer(byteLength);
  }

  release(): void {
    // Nothing is pooled, so nothing is released.
  }

  run(batch: Batch, after?: Batch): Promise<BatchResult> {
    return new Promise((resolve) => {
      const begin = (): void => this.#begin(batch, resolve);
      if (after !== undefined && this.#running.has(after)) this.#running.set(after, begin);
      else begin();
    });
  }

  #begin(batch: Batch, resolve: (result: BatchResult) => void): void {
    const { clock, loop } = this.#machine;
    const runStart = clock.nowMs();
    this.#running.set(batch, undefined);
    this.#work(batch, () => {
      const runEnd = clock.nowMs();
      const next = this.#running.get(batch);
      this.#running.delete(batch);
      next?.();
      const costMs = this.#costs.batchMs + batch.size * this.#costs.answerMs;
      loop.post(costMs, () => resolve({ outputs: zeros(batch), runStart, runEnd }));
    });
  }

  #work({ signatureName, size }: Batch, onEnd: () => void): void {
    const { clock, cores, loop } = this.#machine;
    const { place, threads, scaling } = this.#runs;
    const workMs = this.#runs.workMs(signatureName, size);
    if (place === 'elsewhere') clock.setTimer(clock.nowMs() + workMs, onEnd);
    else if (place === 'loop') loop.post(workMs, onEnd);
    else cores.start({ workMs, ...(threads !== undefined && { threads }), ...(scaling && { scaling }) }, onEnd);
  }
}

function zeros({ outputs, size }: Batch): TensorMap {
  const tensor: Tensor = { dtype: 'float32', shape: [size, 1], data: new Uint8Array(4 * size) };
  return new Map(outputs.map((name) => [name, tensor]));
}
