/**
 * One run of a signature that takes examples, for Classify and Regress: as PredictHandler.predict, but what is written
 * down of it is the Classify or Regress, not the Predict that it is to the runner.
 */
import type { TensorMap } from '../../core/tensor.ts';
import type { InferenceExchange, SampledRequest } from '../../models/tap-point.ts';
import { STAGE_ADMIT } from '../../telemetry/stage-clock.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs } from './check-inputs.ts';
import { exampleInputs } from './examples.ts';
import type { PredictTarget } from './predict-target.ts';

/**
 * The wanted outputs, which are the signature's. Throws or rejects with ServingError. The target is released whatever
 * happens: a version that is unloaded waits for what was submitted to it by itself.
 */
export function runExamples(
  target: PredictTarget,
  examples: readonly Uint8Array[],
  outputs: readonly string[],
  context: RequestContext,
): Promise<TensorMap> {
  try {
    context.stages.enter(STAGE_ADMIT, context.now());
    context.cancel.throwIfCancelled();
    const { signature, modelSpec } = target;
    const inputs = checkInputs(modelSpec, signature, exampleInputs(signature, examples));
    context.rows = signature.batchAxis.kind === 'none' ? 1 : examples.length;
    return target.run({ inputs, outputs, context });
  } finally {
    target.release();
  }
}

/** Copies a sampled request that has its answer. Requests that fail are not: a log or a warm-up file is of answers. */
export function writeDown(sample: SampledRequest, context: RequestContext, exchange: InferenceExchange): void {
  // Once it is cancelled the surface may have lent the request's memory to the next one.
  if (!context.cancel.isCancelled && context.alternate === undefined) sample.onInference(exchange);
}
