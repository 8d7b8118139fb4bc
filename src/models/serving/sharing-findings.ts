/** Whether requests of a version share runs as they should, beside its batch axes: for reports and people. */
import { factKey } from '../../core/collections/facts.ts';

/** Whether requests of different lengths share runs, and why, as a clause. */
export interface PaddingState {
  readonly isOn: boolean;
  /** Rows are padded up to this length; 0 while it is off. */
  readonly most: number;
  readonly reason: string;
}

/** Findings by signature of the graph. More may come while the version is served. */
export interface SharingFindings {
  /** Why the batch axis that the owner declares is wrong. */
  readonly disproofs: ReadonlyMap<string, string>;
  /** Only signatures whose rows may differ in shape and are to share runs. */
  readonly paddings: ReadonlyMap<string, PaddingState>;
}

/** The fact of a version about which there are findings. */
export const SHARING = factKey<SharingFindings>('sharing');
