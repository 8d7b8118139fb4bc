/**
 * What a model takes and gives, by name: the field's "signature" (SignatureDef in a SavedModel, the graph's inputs and
 * outputs in ONNX).
 */
import type { DType } from './dtype.ts';
import type { FeatureSpec } from './feature-spec.ts';
import type { Shape } from './shape.ts';
import type { TensorMap } from './tensor.ts';

export interface TensorSpec {
  readonly dtype: DType;
  /** -1 = any size; undefined = any rank. */
  readonly shape: Shape | undefined;
  /** The runtime's own name of the tensor, e.g. "serving_default_x:0"; the same as the signature's name in ONNX. */
  readonly tensorName: string;
  /**
   * Of a string input: the runtime takes UTF-8 without NUL alone. Checked before requests share a run, so that one
   * caller's bytes cannot fail another's.
   */
  readonly isText?: boolean;
}

/**
 * How requests of a signature may share one run.
 * - `dynamic`: dim 0 of every input and output is the batch, of any size;
 * - `fixed`: dim 0 is the batch and must be exactly `size` (a request is cut or padded to it);
 * - `none`: no batch axis was found: one request a run, as it came.
 */
export type BatchAxis =
  | { readonly kind: 'dynamic' }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'none' };

export interface Signature {
  /** In the model's own order. */
  readonly inputs: ReadonlyMap<string, TensorSpec>;
  readonly outputs: ReadonlyMap<string, TensorSpec>;
  /** TensorFlow's method name; 'tensorflow/serving/predict' where the format has none. */
  readonly methodName: string;
  readonly batchAxis: BatchAxis;
  /** What inputs are that a request leaves out. Where dim 0 is the batch it is one row, which stands for every row. */
  readonly defaults?: TensorMap | undefined;
  /** What its tf.Examples hold, where they are read here; undefined: it takes none, or the model reads them itself. */
  readonly features?: readonly FeatureSpec[] | undefined;
}

/** By name. */
export type Signatures = ReadonlyMap<string, Signature>;

export const DEFAULT_SIGNATURE_NAME = 'serving_default';
export const PREDICT_METHOD_NAME = 'tensorflow/serving/predict';
export const CLASSIFY_METHOD_NAME = 'tensorflow/serving/classify';
export const REGRESS_METHOD_NAME = 'tensorflow/serving/regress';
/** What the tensors of those two are called. */
export const EXAMPLES_INPUT = 'inputs';
export const CLASSES_OUTPUT = 'classes';
export const SCORES_OUTPUT = 'scores';
export const VALUES_OUTPUT = 'outputs';
