/**
 * A Predict whose payload the flight recorder may want: it passes through here, well or not. One that was cancelled or
 * whose deadline passed is not kept: the surface may have lent its memory to the next request by then.
 */
import type { TensorMap } from '../../core/tensor.ts';
import type { PredictCapture } from '../../models/tap-point.ts';
import type { RequestContext } from '../request-context.ts';
import type { PredictTarget } from './predict-target.ts';

export interface CapturedPredict {
  readonly target: PredictTarget;
  /** As they were sent: not checked yet. */
  readonly inputs: TensorMap;
  readonly outputFilter: readonly string[];
  readonly context: RequestContext;
}

/** What `run` gives, or why it fails. */
export async function captured(
  capture: PredictCapture,
  { target, inputs, outputFilter, context }: CapturedPredict,
  run: () => Promise<TensorMap>,
): Promise<TensorMap> {
  const keep = (outputs: TensorMap | undefined): void => {
    if (context.cancel.isCancelled) return;
    const { requested, served } = target;
    capture.take({ sequence: context.sequence, requested, served, inputs, outputFilter, outputs });
  };
  try {
    const outputs = await run();
    keep(outputs);
    return outputs;
  } catch (error) {
    keep(undefined);
    throw error;
  }
}
