/** What a served version of a Triton model has beside its runtime. */
import type { TritonModel } from '../../config/triton/config-message.ts';
import type { OutputLabels } from './labels.ts';

export interface ServedTriton {
  readonly model: TritonModel;
  /** By output; empty without label files. */
  readonly labels: OutputLabels;
}
