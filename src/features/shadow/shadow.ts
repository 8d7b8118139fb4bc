/**
 * Runs copies of some of a model's batches on a second runtime and compares the outputs with the model's own.
 *
 *   batch ─▶ sampled? ─▶ room? ─▶ copy inputs ─▶ the model's run ─▶ ok? ─▶ wait ─▶ the shadow's run ─▶ compare
 *                          │ no: skip, count                         └ no: drop the copy
 *
 * A sampled batch is delayed only by the copy of its inputs, which are lent to the model's run and gone afterwards. The
 * rest happens in later turns of the event loop, one batch at a time, and its errors are counted and do not reach
 * requests. At most MAX_PENDING copies wait; further batches, and those above MAX_BYTES, are skipped and counted.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import { byteLengthOfAll, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { type OutputDifference, outputDifferences } from './output-difference.ts';

/** Why a sampled batch was not compared. */
export type LeftOut = 'busy' | 'too_large' | 'failed';

/** The comparison of one batch. */
export interface ShadowComparison {
  readonly signatureName: string;
  readonly differences: readonly OutputDifference[];
  /** The shadow's run time ÷ the model's; undefined if one of them is 0 on the clock. */
  readonly latencyRatio: number | undefined;
}

export interface ShadowOptions {
  readonly executor: Executor;
  /** Signature → its outputs that can be compared. Batches of other signatures are ignored. */
  readonly outputs: ReadonlyMap<string, ReadonlySet<string>>;
  /** The share of the batches to compare, 0 to 1. */
  readonly sample: number;
  readonly clock: Clock;
  /** 0 ≤ n < 1; Math.random by default. */
  readonly random?: (() => number) | undefined;
  readonly onCompared: (comparison: ShadowComparison) => void;
  readonly onLeftOut: (why: LeftOut, reason: string) => void;
}

/** A copied batch. Pass it to `offer` or to `drop`, once. */
interface ShadowCopy {
  readonly batch: Batch;
  /** Lent by the shadow's executor. */
  readonly buffers: readonly ArrayBuffer[];
  /** The time before the model's run. */
  readonly askedAt: number;
}

interface Waiting extends ShadowCopy {
  readonly outputs: TensorMap;
  readonly runMs: number;
}

const MAX_PENDING = 4;
/** The most bytes of a batch's inputs, and of its outputs. */
const MAX_BYTES = 4 * 2 ** 20;
/** The deadline of a shadow's run. A worker whose run continues long after it is replaced (docs/why/hosts.md). */
const RUN_TIMEOUT_MS = 10_000;

export class Shadow {
  readonly #options: ShadowOptions;
  readonly #random: () => number;
  readonly #waiting: Waiting[] = [];
  #pending = 0;
  /** Resolves when no copy waits. */
  #working: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: ShadowOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /** Copies the batch if it is to be compared. Must be called before the model's run. Never throws. */
  take(batch: Batch): ShadowCopy | undefined {
    const { sample, outputs, clock } = this.#options;
    if (this.#isClosed || this.#random() >= sample) return undefined;
    const comparable = outputs.get(batch.signatureName);
    const wanted = batch.outputs.filter((name) => comparable?.has(name) === true);
    if (wanted.length === 0) return undefined;
    if (this.#pending >= MAX_PENDING) return this.#leaveOut('busy', `${MAX_PENDING} batches are waiting`);
    if (byteLengthOfAll(batch.inputs) > MAX_BYTES)
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

  /** The model's run has succeeded: the copy runs later. The outputs must not change any more. */
  offer(copy: ShadowCopy, { outputs, runStart, runEnd }: BatchResult): void {
    const runMs = (runEnd ?? this.#options.clock.nowMs()) - (runStart ?? copy.askedAt);
    if (byteLengthOfAll(outputs) > MAX_BYTES) {
      this.drop(copy);
      this.#leaveOut('too_large', `its outputs are over ${MAX_BYTES} bytes`);
    } else if (this.#isClosed) this.drop(copy);
    else {
      this.#waiting.push({ ...copy, outputs, runMs });
      this.#working ??= this.#work();
    }
  }

  /** Drops the copy, for example because the model's run has failed. */
  drop({ buffers }: ShadowCopy): void {
    for (const buffer of buffers) this.#options.executor.release(buffer);
    this.#pending -= 1;
  }

  /** Drops the copies that wait; resolves when no run is in progress. Does not close the executor. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const copy of this.#waiting.splice(0)) this.drop(copy);
    await this.#working;
  }

  async #work(): Promise<void> {
    // The model's answers are sent first.
    await setImmediate();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#compare(next).catch((error: unknown) => this.#leaveOut('failed', toServingError(error).message));
      this.#pending -= 1;
      await setImmediate();
    }
    this.#working = undefined;
  }

  async #compare({ batch, outputs, runMs }: Waiting): Promise<void> {
    const { executor, clock, onCompared } = this.#options;
    const askedAt = clock.nowMs();
    const {
      runStart = askedAt,
      runEnd,
      outputs: other,
    } = await executor.run({ ...batch, deadline: askedAt + RUN_TIMEOUT_MS });
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

/** The model's executor; copies of some batches go to `shadow`. */
export class ShadowedExecutor extends PassingExecutor {
  /** Undefined until the shadow has loaded, and if it cannot load. */
  shadow: Shadow | undefined;

  override run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const { shadow } = this;
    // The copy is taken before the run, which takes the inputs' memory.
    const copy = shadow?.take(batch);
    if (copy === undefined) return super.run(batch, after);
    return offered(shadow!, copy, () => super.run(batch, after));
  }
}

async function offered(shadow: Shadow, copy: ShadowCopy, run: () => Promise<BatchResult>): Promise<BatchResult> {
  let result: BatchResult;
  try {
    result = await run();
  } catch (error) {
    shadow.drop(copy);
    throw error;
  }
  shadow.offer(copy, result);
  return result;
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
