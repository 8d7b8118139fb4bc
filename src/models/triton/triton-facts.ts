/** What a version of a Triton model has beside its runtime: its configuration, labels and warm-up requests. */
import type { TritonModel } from '../../config/triton/config-message.ts';
import type { OutputLabels } from './labels.ts';
import type { WarmUpRequest } from './warm-up-requests.ts';

export interface ServedTriton {
  readonly model: TritonModel;
  /** By output. */
  readonly labels: OutputLabels;
  readonly warmUps: readonly WarmUpRequest[];
}
