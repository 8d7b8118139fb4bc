/**
 * Where requests of a model may be copied while they are answered, for logs and recordings. One point for all versions
 * of a model. While nobody listens `tap` is undefined, and that is all that a request looks at.
 */
import type { TensorMap } from '../core/tensor.ts';
import type { ServedSignature } from './servable.ts';
import type { VersionChoice } from './servable-directory.ts';

export interface TapPoint {
  readonly tap: RequestTap | undefined;
}

export interface RequestTap {
  /** Asked once for each request: is it one of those to be copied? */
  sample(): SampledRequest | undefined;
}

/** A request that will be copied when it has its answer. */
export interface SampledRequest {
  /** Copies all that it keeps before it returns. Never throws. */
  onPredict(exchange: PredictExchange): void;
}

/** A Predict and its answer. */
export interface PredictExchange {
  /** The version as it was asked for. */
  readonly requested: VersionChoice;
  readonly served: ServedSignature;
  readonly inputs: TensorMap;
  readonly outputFilter: readonly string[];
  readonly outputs: TensorMap;
}

export const NO_TAPS: TapPoint = { tap: undefined };
