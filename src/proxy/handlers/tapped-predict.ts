/**
 * A Predict of a model whose requests are being written down: the answer passes through here, and is copied with its
 * request if it is one of the sample. Requests that fail are not: a log or a warm-up file is of answers.
 */
import type { TensorMap } from '../../core/tensor.ts';
import type { SampledRequest } from '../../models/tap-point.ts';
import type { RequestContext } from '../request-context.ts';
import type { PredictTarget } from './predict-target.ts';

export interface TappedPredict {
  readonly target: PredictTarget;
  readonly inputs: TensorMap;
  readonly outputFilter: readonly string[];
  readonly context: RequestContext;
  readonly answer: Promise<TensorMap>;
}

/** The same answer. */
export async function copied(sample: SampledRequest, predict: TappedPredict): Promise<TensorMap> {
  const { target, inputs, outputFilter, context } = predict;
  const outputs = await predict.answer;
  // Once it is cancelled the surface may have lent the request's memory to the next one.
  if (!context.cancel.isCancelled && context.alternate === undefined) {
    sample.onPredict({ requested: target.requested, served: target.served, inputs, outputFilter, outputs });
  }
  return outputs;
}
