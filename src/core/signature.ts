/**
 * A model's inputs and outputs by name: a SignatureDef in a SavedModel, the graph's inputs and outputs in ONNX.
 */
import type { Columns } from './columns/columns.ts';
import type { DType } from './dtype.ts';
import type { FeatureSpec } from './feature-spec.ts';
import type { Shape } from './shape.ts';
import type { Tensor, TensorMap } from './tensor.ts';

export interface TensorSpec {
  readonly dtype: DType;
  /** -1 = any size; undefined = any rank. */
  readonly shape: Shape | undefined;
  /** Names of the dims, '' where one has none; absent = none has. In a run dims of the same name have the same size. */
  readonly dimNames?: readonly string[];
  /** The runtime's name of the tensor, e.g. "serving_default_x:0"; in ONNX the same as the signature's name. */
  readonly tensorName: string;
  /** The runtime accepts only UTF-8 without NUL in this string input. Other bytes would fail the whole batch. */
  readonly isText?: boolean;
  /** It is [rows, 1], and the runtime takes no other rank: so a row's value may stand without a list around it. */
  readonly isColumn?: boolean;
  /** The runtime refuses every other shape before it runs, whatever the graph does with it. */
  readonly isShapeStrict?: boolean;
  /** The names and categories of its columns, where the input is [rows, columns] and the model's file tells them. */
  readonly columns?: Columns;
  /** NaN is a missing value for the model, so a null of JSON is NaN. Absent = a null is an error. */
  readonly takesMissing?: boolean;
  /** How the tensor is served otherwise than the model's file has it: a sentence for people, without the end. */
  readonly note?: string;
}

/**
 * How requests of a signature may share one run.
 * - `dynamic`: a dim of every input and output is the batch, of any size: dim 0, unless `batchAxes` names another;
 * - `fixed`: that dim must be exactly `size`: requests are split or padded to it;
 * - `none`: there is no batch axis: each request has a run of its own.
 */
export type BatchAxis = (
  | { readonly kind: 'dynamic' }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'none' }
) & {
  /** The reason, and who decided it, as a clause for people. */
  readonly reason?: string;
  /** The step that lets requests share runs where they might, for the model's owner, as a clause. */
  readonly fix?: string;
};

/**
 * The place of a tensor's rows, by its name: the dim that is the batch axis, or `same` for an input without one, whose
 * value must be equal in all requests of a batch. Tensors that are not named have it at dim 0.
 */
export type BatchAxes = ReadonlyMap<string, number | 'same'>;

/** The dim of a tensor that is the batch axis, or `same`. */
export function axisOf(axes: BatchAxes | undefined, name: string): number | 'same' {
  return axes?.get(name) ?? 0;
}

/** An input whose rows have the signature's length. */
export interface PaddedInput {
  /** The dims that have the length, ascending; dim 0 holds the rows. */
  readonly dims: readonly number[];
  /** A scalar of the input's dtype. */
  readonly value: Tensor;
}

/**
 * How requests whose rows differ in length may share a run: the inputs of the shorter ones are padded, and their outputs
 * are cut back. By name; tensors that are not named have no length.
 *
 *   ids   [rows, length]   padded with 0        hidden  [rows, length, 384]   cut back at dim 1
 *   mask  [rows, length]   padded with 0        pooled  [rows, 384]           has no length
 *
 * A signature has one length: all these dims of a request have the same size.
 */
export interface LengthPadding {
  readonly inputs: ReadonlyMap<string, PaddedInput>;
  /** The dims of an output that have the length, ascending. */
  readonly outputs: ReadonlyMap<string, readonly number[]>;
  /**
   * The longest length that rows may be padded to, up to which it is proved that answers stay the same: 0 = none yet, or
   * none any more. Requests of longer rows share runs with those of their own length. It changes while the version is
   * served.
   */
  readonly most: number;
  /** Called with the length of each request whose rows are longer than that. Absent = nobody wants to know. */
  readonly onLonger?: ((length: number) => void) | undefined;
}

/**
 * Values that the server may keep for a caller from one request to the next, as a request for the signature sees them. Its
 * answers depend on earlier requests then.
 */
export interface KeptValues {
  /**
   * The output that is an input's value in the next step, by the input. A step of a sequence (SequenceStep in
   * model-spec.ts) may leave out the input, and gets the output only if it names it.
   */
  readonly nextOf: ReadonlyMap<string, string>;
  /** A request must be a step, for the server alone has some of the inputs: why, and how to send one. Absent = it need not. */
  readonly whyStep?: string | undefined;
}

export interface Signature {
  /** The inputs in the model's own order. */
  readonly inputs: ReadonlyMap<string, TensorSpec>;
  readonly outputs: ReadonlyMap<string, TensorSpec>;
  /** TensorFlow's method name; 'tensorflow/serving/predict' where the format has none. */
  readonly methodName: string;
  readonly batchAxis: BatchAxis;
  /** The declared axes of inputs and outputs, whether or not requests share runs; undefined = dim 0 of every tensor. */
  readonly batchAxes?: BatchAxes | undefined;
  /** Set where requests of different lengths may share a run, as far as that is proved. Absent = they do not. */
  readonly padding?: LengthPadding | undefined;
  /**
   * Dim 0 is declared as a batch is, and nothing disproves it: a default is one row then, also where requests do not
   * share runs. Absent = as the batch axis says.
   */
  readonly hasRows?: boolean | undefined;
  /** The values of inputs that a request leaves out. With rows, each is one row that is used for all. */
  readonly defaults?: TensorMap | undefined;
  /** Outputs that a request gets only if it names them. Absent = none: a request that names none gets all. */
  readonly onDemand?: ReadonlySet<string> | undefined;
  /** Absent = its answers depend on the request alone. */
  readonly kept?: KeptValues | undefined;
  /** Inputs of another shape than declared are refused. Else the graph decides: it may take them. */
  readonly areShapesChecked?: boolean;
  /** How tf.Examples become its inputs; undefined if it accepts none, or parses them in its graph. */
  readonly features?: readonly FeatureSpec[] | undefined;
}

/** The batch axes; undefined where rows are at dim 0 of every tensor, and where none are declared. */
export function ownAxes({ batchAxes }: Signature): BatchAxes | undefined {
  for (const axis of batchAxes?.values() ?? []) if (axis !== 0) return batchAxes;
  return undefined;
}

/** Its inputs have rows, whether or not requests share runs: a default of one stands for each row of a request. */
export function hasRows({ batchAxis, hasRows: isKnown }: Signature): boolean {
  return isKnown ?? batchAxis.kind !== 'none';
}

/**
 * The rows of every run, where the model runs no other number: requests of fewer or more are padded or cut. Undefined =
 * any number, or requests are run as they come.
 */
export function rowsOfEachRun({ batchAxis }: Signature): number | undefined {
  return batchAxis.kind === 'fixed' ? batchAxis.size : undefined;
}

/** The dim of a tensor that holds its rows; undefined = it has none. */
export function rowAxisOf(signature: Signature, name: string): number | undefined {
  const axis = hasRows(signature) ? axisOf(signature.batchAxes, name) : 'same';
  return axis === 'same' ? undefined : axis;
}

/** A number is a fixed dim, a text the name of a free one ('' = unnamed). Empty = a scalar, or of any rank. */
export type NamedDims = readonly (number | string)[];

/**
 * The size of dim 0 where every input and output may have rows there: −1 = any. Undefined = they have none, for their
 * dims differ, or a free dim 0 has the name of another dim: more rows of a square input would need more columns.
 */
export function candidateRows(inputs: readonly NamedDims[], outputs: readonly NamedDims[]): number | undefined {
  const tensors = [...inputs, ...outputs];
  const first = tensors[0]?.[0];
  if (inputs.length === 0 || first === undefined) return undefined;
  if (typeof first === 'number') return first > 0 && tensors.every(([dim]) => dim === first) ? first : undefined;
  if (!tensors.every(([dim]) => typeof dim === 'string')) return undefined;
  const names = new Set(tensors.map(([dim]) => dim).filter((name) => name !== ''));
  return tensors.some((dims) => dims.slice(1).some((dim) => names.has(dim))) ? undefined : -1;
}

/**
 * The rows at dim 0 of every tensor, by the shapes: −1 = any number, else the one that each run has; undefined = none.
 * Clients are told of these, as they do not change when it is found out whether requests may share runs. Where a shape is
 * not known, what the owner of the model declares counts. Where all tensors are a fixed count of single numbers, such as
 * float32 [10], these may as well be one row: they are none.
 */
export function declaredRows(signature: Signature): number | undefined {
  const { inputs, outputs } = signature;
  const specs = [...inputs.values(), ...outputs.values()];
  if (ownAxes(signature) !== undefined) return undefined;
  if (specs.some(({ shape }) => shape === undefined)) return hasRows(signature) ? -1 : undefined;
  const rows = candidateRows([...inputs.values()].map(dimsOf), [...outputs.values()].map(dimsOf));
  const isOneRow = rows !== undefined && rows > 1 && specs.every(({ shape }) => shape!.length === 1);
  return isOneRow ? undefined : rows;
}

function dimsOf({ shape, dimNames }: TensorSpec): NamedDims {
  return shape!.map((dim, i) => (dim === -1 ? (dimNames?.[i] ?? '') : dim));
}

/** The length of a request's rows; 0 = its inputs do not agree in one above 0, so that it cannot be padded. */
export function lengthOf({ inputs }: LengthPadding, tensors: TensorMap): number {
  let length = 0;
  for (const [name, { dims }] of inputs) {
    const { shape } = tensors.get(name)!;
    for (let i = 0; i < dims.length; i++) {
      const size = shape[dims[i]!];
      if (size === undefined || size === 0 || (length !== 0 && size !== length)) return 0;
      length = size;
    }
  }
  return length;
}

/** The largest size of these dims: the length where the inputs agree in one. */
export function largestLength({ inputs }: LengthPadding, tensors: TensorMap): number {
  let largest = 0;
  for (const [name, { dims }] of inputs) {
    const { shape } = tensors.get(name)!;
    for (let i = 0; i < dims.length; i++) largest = Math.max(largest, shape[dims[i]!] ?? 0);
  }
  return largest;
}

/** The signatures of a model by name. */
export type Signatures = ReadonlyMap<string, Signature>;

export const DEFAULT_SIGNATURE_NAME = 'serving_default';
export const PREDICT_METHOD_NAME = 'tensorflow/serving/predict';
export const CLASSIFY_METHOD_NAME = 'tensorflow/serving/classify';
export const REGRESS_METHOD_NAME = 'tensorflow/serving/regress';
/** The names of the tensors of Classify and Regress. */
export const EXAMPLES_INPUT = 'inputs';
export const CLASSES_OUTPUT = 'classes';
export const SCORES_OUTPUT = 'scores';
export const VALUES_OUTPUT = 'outputs';

/** The notes on all tensors, each once. */
export function notesOn(signatures: Iterable<Pick<Signature, 'inputs' | 'outputs'>>): readonly string[] {
  const specs = [...signatures].flatMap(({ inputs, outputs }) => [...inputs.values(), ...outputs.values()]);
  return [...new Set(specs.map(({ note }) => note).filter((note) => note !== undefined))];
}
