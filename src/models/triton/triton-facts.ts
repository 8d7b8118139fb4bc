/** Facts of a served version of a Triton model, beside its runtime. */
import type { TritonModel } from '../../config/triton/config-message.ts';
import { factKey } from '../../core/collections/facts.ts';
import type { OutputLabels } from './labels.ts';

export interface ServedTriton {
  readonly model: TritonModel;
  /** Labels by output; empty without label files. */
  readonly labels: OutputLabels;
}

/** The fact of a version of a Triton model repository. */
export const TRITON = factKey<ServedTriton>('triton');
