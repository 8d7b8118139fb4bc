/** A PredictRequest as it was read. */
import type { ModelSpec } from './model-spec.ts';
import type { Tensor } from './tensor.ts';

export interface PredictRequest {
  readonly modelSpec: ModelSpec;
  readonly inputs: Map<string, Tensor>;
  readonly outputFilter: readonly string[];
}
