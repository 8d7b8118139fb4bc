/** A PredictRequest as it was read. */
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Tensor } from '../../core/tensor.ts';

export interface PredictRequest {
  readonly modelSpec: ModelSpec;
  readonly inputs: Map<string, Tensor>;
  readonly outputFilter: readonly string[];
}
