/**
 * Copies of some of a model's batches, run on a second runtime and compared with the model's own answers.
 *
 *   the model's batch ─▶ dice ─▶ room? ─▶ inputs copied ─▶ the model's run ─▶ ok? ─▶ waits ─▶ the shadow's run ─▶ compared
 *                                  │ no: left out                              └ no: the copy is let go
 *
 * What a sampled batch pays is one copy of its inputs, which are lent and gone after its run; everything else happens in
 * later turns of the event loop, one batch at a time, and whatever fails here is counted here. At most MAX_PENDING batches
 * are copied and not compared yet; past that, and above MAX_BYTES, batches are left out and counted.
 */
import { setImmediate } from 'node:timers/promises';
import { byteLengthOfBatch } from '../../backends/host/trial-runs.ts';
import type { Clock } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import type { Batch, BatchResult, Executor } from '../../core/executor.ts';
import { byteLengthOfAll, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { type OutputDifference, outputDifferences } from '../runtimes/output-difference.ts';

/** Why a batch that the dice chose was not compared. */
export type LeftOut = 'busy' | 'too_large' | 'failed';

/** One batch that both have run. */
export interface ShadowComparison {
  readonly signatureName: string;
  readonly differences: readonly OutputDifference[];
  /** The shadow's run time ÷ the model's; undefined where the clock saw none pass. */
  readonly latencyRatio: number | undefined;
}

export interface ShadowOptions {
  readonly executor: Executor;
  /** Signature → its outputs that can be compared. Batches of others are passed over. */
  readonly outputs: ReadonlyMap<string, ReadonlySet<string>>;
  /** Share of the batches, 0 to 1. */
  readonly sample: number;
  readonly clock: Clock;
  /** 0 ≤ n < 1; Math.random by default. */
  readonly random?: (() => number) | undefined;
  readonly onCompared: (comparison: ShadowComparison) => void;
  readonly onLeftOut: (why: LeftOut, reason: string) => void;
}

/** A batch that was copied. Give it to `offer` or to `drop`, once. */
export interface ShadowCopy {
  readonly batch: Batch;
  /** Lent by the shadow's executor. */
  readonly buffers: readonly ArrayBuffer[];
  /** When the model's run was asked for. */
  readonly askedAt: number;
}

interface Waiting extends ShadowCopy {
  readonly outputs: TensorMap;
  readonly runMs: number;
}

const MAX_PENDING = 4;
/** Of inputs, and of outputs: copying a mebibyte takes about a tenth of a millisecond. */
const MAX_BYTES = 4 * 2 ** 20;
/** Of one run: one that goes on long after it is taken for stuck (hosts.md). */
const PATIENCE_MS = 10_000;

export class Shadow {
  readonly #options: ShadowOptions;
  readonly #random: () => number;
  readonly #waiting: Waiting[] = [];
  #pending = 0;
  #pump: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: ShadowOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** A copy of the batch if it is one of those to be compared. Before it is run. Never throws. */
  take(batch: Batch): ShadowCopy | undefined {
    const { sample, outputs, clock } = this.#options;
    if (this.#isClosed || this.#random() >= sample) return undefined;
    const comparable = outputs.get(batch.signatureName);
    const wanted = batch.outputs.filter((name) => comparable?.has(name) === true);
    if (wanted.length === 0) return undefined;
    if (this.#pending >= MAX_PENDING) return this.#leaveOut('busy', `${MAX_PENDING} batches are waiting`);
    if (byteLengthOfBatch(batch) > MAX_BYTES)
      return this.#leaveOut('too_large', `its inputs are over ${MAX_BYTES} bytes`);
    try {
      const { inputs, buffers } = copyInputs(batch.inputs, this.#options.executor);
      this.#pending += 1;
      const { signatureName, size } = batch;
      const copied = { signatureName, inputs, outputs: wanted, size, deadline: Infinity };
      return { batch: copied, buffers, askedAt: clock.nowMs() };
    } catch (error) {
      return this.#leaveOut('failed', toServingError(error).message);
    }
  }

  /** The model has answered: the copy is run too, later. The outputs must not change any more. */
  offer(copy: ShadowCopy, { outputs, runStart, runEnd }: BatchResult): void {
    const runMs = (runEnd ?? this.#options.clock.nowMs()) - (runStart ?? copy.askedAt);
    if (byteLengthOfAll(outputs) > MAX_BYTES) {
      this.drop(copy);
      this.#leaveOut('too_large', `its outputs are over ${MAX_BYTES} bytes`);
    } else if (this.#isClosed) this.drop(copy);
    else {
      this.#waiting.push({ ...copy, outputs, runMs });
      this.#pump ??= this.#work();
    }
  }

  /** The model has not answered. */
  drop({ buffers }: ShadowCopy): void {
    for (const buffer of buffers) this.#options.executor.release(buffer);
    this.#pending -= 1;
  }

  /** Lets go of what waits; resolves when nothing runs. The executor is its owner's to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const copy of this.#waiting.splice(0)) this.drop(copy);
    await this.#pump;
  }

  async #work(): Promise<void> {
    // The model's answers go out first.
    await setImmediate();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#compare(next).catch((error: unknown) => this.#leaveOut('failed', toServingError(error).message));
      this.#pending -= 1;
      await setImmediate();
    }
    this.#pump = undefined;
  }

  async #compare({ batch, outputs, runMs }: Waiting): Promise<void> {
    const { executor, clock, onCompared } = this.#options;
    const askedAt = clock.nowMs();
    const {
      runStart = askedAt,
      runEnd,
      outputs: other,
    } = await executor.run({ ...batch, deadline: askedAt + PATIENCE_MS });
    const shadowMs = (runEnd ?? clock.nowMs()) - runStart;
    const differences = await outputDifferences(outputs, other);
    if (this.#isClosed) return;
    const latencyRatio = runMs > 0 && shadowMs > 0 ? shadowMs / runMs : undefined;
    onCompared({ signatureName: batch.signatureName, differences, latencyRatio });
  }

  #leaveOut(why: LeftOut, reason: string): undefined {
    if (!this.#isClosed) this.#options.onLeftOut(why, reason);
    return undefined;
  }
}

function copyInputs(inputs: TensorMap, executor: Executor): { inputs: TensorMap; buffers: readonly ArrayBuffer[] } {
  const copies = new Map<string, Tensor>();
  const buffers: ArrayBuffer[] = [];
  for (const [name, tensor] of inputs) {
    if (tensor.dtype === 'string') {
      copies.set(name, { ...tensor, data: tensor.data.map((bytes) => new Uint8Array(bytes)) });
      continue;
    }
    const { byteLength } = tensor.data;
    const buffer = executor.allocate(byteLength);
    buffers.push(buffer);
    const data = new Uint8Array(buffer, 0, byteLength);
    data.set(tensor.data);
    copies.set(name, { ...tensor, data });
  }
  return { inputs: copies, buffers };
}
