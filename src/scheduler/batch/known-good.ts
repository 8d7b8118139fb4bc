/**
 * A signature's last known good request: inputs that its model has answered. Run again, it tells a runtime that has
 * failed from a request whose values the runtime cannot take (judge.ts).
 *
 * The request of one member of a batch is copied before the batch runs, and kept if the batch is answered. That is done
 * again after KNOWN_GOOD_KEPT_MS at the earliest. Of large inputs the shapes are kept alone, and zeros stand for the
 * values: a run of zeros that succeeds proves as much, and one that fails proves nothing.
 */
import type { Instant } from '../../core/clock.ts';
import type { DType } from '../../core/dtype.ts';
import type { Shape } from '../../core/shape.ts';
import { byteLengthOf, copyOf, type Tensor, type TensorMap, zerosOf } from '../../core/tensor.ts';
import { KNOWN_GOOD_KEPT_MS, MAX_KNOWN_GOOD_BYTES } from '../tuning.ts';

/** The state of a runtime; `unknown`: nothing could be run to find out, or nothing that proves anything. */
export type Verdict = 'alive' | 'failed' | 'unknown';

interface Example {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Undefined: the values were too many. */
  readonly tensor: Tensor | undefined;
}

/** A copy of a request's inputs, small enough to be kept. */
export class GoodRequest {
  readonly rows: number;
  readonly outputs: readonly string[];
  readonly #inputs = new Map<string, Example>();
  /** Its inputs, exactly as they will be run again, have been answered. */
  isProven = true;

  constructor(inputs: TensorMap, outputs: readonly string[], rows: number) {
    this.rows = rows;
    this.outputs = outputs;
    let room = MAX_KNOWN_GOOD_BYTES;
    for (const [name, tensor] of inputs) {
      const bytes = byteLengthOf(tensor);
      const isKept = bytes <= room;
      if (isKept) room -= bytes;
      else this.isProven = false;
      const { dtype, shape } = tensor;
      this.#inputs.set(name, { dtype, shape, tensor: isKept ? copyOf(tensor) : undefined });
    }
  }

  /** The tensors to run. */
  inputs(): TensorMap {
    const inputs = new Map<string, Tensor>();
    for (const [name, { dtype, shape, tensor }] of this.#inputs) inputs.set(name, tensor ?? zerosOf(dtype, shape));
    return inputs;
  }
}

export class KnownGood {
  /** Undefined: nothing has been answered yet. */
  request: GoodRequest | undefined;
  /** When a run was last answered: written by what runs the batches. */
  aliveAt: Instant = -Infinity;
  /** When a known good request last failed. */
  failedAt: Instant = -Infinity;
  /** A newer request is wanted from then on. */
  keepAt: Instant = -Infinity;

  /** The run that the request was in was answered. */
  keep(request: GoodRequest, now: Instant): void {
    this.request = request;
    this.keepAt = now + KNOWN_GOOD_KEPT_MS;
  }

  /** The request was run again. Returns what that proves. A request that fails is replaced at the next answer. */
  onTried(request: GoodRequest, shown: Verdict, now: Instant): Verdict {
    if (shown === 'alive') request.isProven = true;
    if (shown !== 'failed') return shown;
    this.keepAt = -Infinity;
    if (!request.isProven) return 'unknown';
    this.failedAt = now;
    return 'failed';
  }
}
