/**
 * How much a request takes that comes in parts: the runs that its parts make where nothing else shares them, in the order in
 * which they come.
 *
 *   parts [2,5] [1,7] [3,9]  ─▶  runs of a full batch each: rows that may share a run do, padded to the longest
 */
import { type LengthPadding, lengthOf } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { lengthsKey, rowsKey } from '../queue/lane-keys.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import { PARTED_PROBE_SILENCE, PARTED_PROBE_SPEED } from '../tuning.ts';

export interface PartedWork {
  /** Rows of all parts. A part that is run as it comes is one. */
  readonly rows: number;
  /** Worker time of the runs before the last one, in ms; 0 while no run times are known. */
  readonly beforeMs: number;
  /** Worker time of all. */
  readonly workMs: number;
  /** Rows of the last run, and the inputs of the last part, which is in it. Undefined inputs: no part has rows. */
  readonly lastRows: number;
  readonly lastInputs: TensorMap | undefined;
}

/** Throws `invalid_request` as SignaturePlan.rowsOf does. */
export function partedWorkOf(plan: SignaturePlan, parts: readonly TensorMap[], outputs: readonly string[]): PartedWork {
  const { curve, padding, maxBatchSize } = plan;
  let [all, beforeMs, rows, length] = [0, 0, 0, 0];
  let key = '';
  let lastInputs: TensorMap | undefined;
  const endRun = (): void => {
    if (curve.isKnown && rows > 0) beforeMs += curve.meanMs(rows, length);
    [rows, length] = [0, 0];
  };
  for (const inputs of parts) {
    // Inputs that differ in their rows are run as they come.
    let left = Math.abs(plan.rowsOf(inputs));
    if (left === 0) continue;
    const own = sharing(plan, padding, inputs, outputs);
    if (own.key !== key) endRun();
    key = own.key;
    lastInputs = inputs;
    for (all += left; left > 0; ) {
      // A part that a run has no room for waits for the next, unless it is larger than any.
      const some = Math.min(left, maxBatchSize);
      if (rows + some > maxBatchSize) endRun();
      rows += some;
      left -= some;
      length = Math.max(length, own.length);
    }
  }
  const lastMs = curve.isKnown && rows > 0 ? curve.meanMs(rows, length) : 0;
  return { rows: all, beforeMs, workMs: beforeMs + lastMs, lastRows: rows, lastInputs };
}

/** Parts with the same key may share a run, which is as long as the longest. */
function sharing(
  plan: SignaturePlan,
  padding: LengthPadding | undefined,
  inputs: TensorMap,
  outputs: readonly string[],
): { readonly key: string; readonly length: number } {
  const length = padding === undefined ? 0 : lengthOf(padding, inputs);
  if (length > 0) return { key: lengthsKey(plan, outputs, length), length };
  return { key: plan.isWhole ? 'whole' : rowsKey(plan, { inputs, outputs }), length: 0 };
}

/**
 * Its runs may be in vain, so that it must be worth them to learn whether runs are faster than known, after a silence of so
 * many ms: if twice as fast would do, or, where nothing has run for very long, in any case.
 */
export function mayBeProbe({ workMs }: PartedWork, aloneMs: number, budgetMs: number, silentMs: number): boolean {
  const silence = silentMs / Math.max(1, workMs);
  if (silence <= PARTED_PROBE_SILENCE) return false;
  return aloneMs <= PARTED_PROBE_SPEED * budgetMs || silence > PARTED_PROBE_SILENCE ** 2;
}
