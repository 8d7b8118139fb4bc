/**
 * What Classify and Regress answer, before a surface or a record writes it in its own form.
 */
import type { NumericTensor, StringTensor } from './tensor.ts';

/** At least one of the two tensors; both are [rows, columns]. */
export interface Classifications {
  readonly kind: 'classification';
  readonly rows: number;
  readonly columns: number;
  /** Absent: every label is "". */
  readonly classes: StringTensor | undefined;
  /** float32. Absent: every score is 0. */
  readonly scores: NumericTensor | undefined;
}

export interface Regressions {
  readonly kind: 'regression';
  readonly rows: number;
  /** One float32 an example. */
  readonly values: NumericTensor;
}
