/** The results of Classify and Regress, before a surface or a record writes them in its own form. */
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import type { NumericTensor, StringTensor } from '../../core/tensor.ts';

/** The results of classification: at least one of the two tensors; both are [rows, columns]. */
export interface Classifications {
  readonly kind: 'classification';
  readonly rows: number;
  readonly columns: number;
  /** Undefined: every label is "". */
  readonly classes: StringTensor | undefined;
  /** float32. Undefined: every score is 0. */
  readonly scores: NumericTensor | undefined;
}

export interface Regressions {
  readonly kind: 'regression';
  readonly rows: number;
  /** One float32 for each example. */
  readonly values: NumericTensor;
}

/** The result of a method on examples, with the version and signature that gave it. */
export interface ExamplesGiven<Result> {
  readonly modelSpec: ResolvedModelSpec;
  readonly result: Result;
}

export type Classified = ExamplesGiven<Classifications>;
export type Regressed = ExamplesGiven<Regressions>;
/** The result of one task of a MultiInference. */
export type InferenceResult = ExamplesGiven<Classifications | Regressions>;
