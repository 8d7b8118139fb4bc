/** Facts of a served version of a Triton model, beside its runtime. */
import type { TritonModel } from '../../config/triton/config-message.ts';
import type { OutputLabels } from './labels.ts';

export interface ServedTriton {
  readonly model: TritonModel;
  /** Labels by output; empty without label files. */
  readonly labels: OutputLabels;
}
