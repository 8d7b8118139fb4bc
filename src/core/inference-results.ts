/**
 * What Classify and Regress answer, before a surface or a record writes it in its own form.
 */

import type { ModelSpec, ResolvedModelSpec } from './model-spec.ts';
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

/** What a method on examples answers, and which version and signature did. */
export interface ExamplesGiven<Result> {
  readonly modelSpec: ResolvedModelSpec;
  readonly result: Result;
}

/** What Classify answers, and which version and signature did. */
export type Classified = ExamplesGiven<Classifications>;

/** What Regress answers, and which version and signature did. */
export type Regressed = ExamplesGiven<Regressions>;

/** One of the tasks of a MultiInference: which signature, by which method. */
export interface InferenceTask {
  /** Undefined where the task has none. */
  readonly modelSpec: ModelSpec | undefined;
  readonly methodName: string;
}

/** What a task of a MultiInference answers, and which version and signature did. */
export interface InferenceResult {
  readonly modelSpec: ResolvedModelSpec;
  readonly result: Classifications | Regressions;
}
