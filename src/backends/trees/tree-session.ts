/**
 * A session of a model of trees. It computes on the calling thread. Each run allocates the prediction, and nothing
 * else if the input's bytes are aligned and of the model's own type.
 */
import type { Columns } from '../../core/columns/columns.ts';
import { typedArrayOf } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature } from '../../core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../core/tensor.ts';
import type { RunSync, Session } from '../backend.ts';
import { checkRun, checkShapes } from '../session-runs.ts';
import type { FloatDType, Floats } from './forest.ts';
import { sumTrees } from './sum-trees.ts';
import type { TreeModel } from './tree-model.ts';

export const INPUT = 'features';
export const OUTPUT = 'prediction';

export class TreeSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly #model: TreeModel;
  readonly #signature: Signature;
  #isClosed = false;

  /** `inputDType`: of the features that requests bring. `columns`: what is known of them. */
  constructor(model: TreeModel, inputDType: FloatDType, columns?: Columns) {
    this.#model = model;
    this.#signature = signatureOf(model, inputDType, columns);
    this.signatures = new Map([[DEFAULT_SIGNATURE_NAME, this.#signature]]);
  }

  async run(...call: Parameters<RunSync>): Promise<TensorMap> {
    return this.runSync(...call);
  }

  runSync(...[signatureName, inputs, outputs]: Parameters<RunSync>): TensorMap {
    if (this.#isClosed) throw new ServingError('backend_failed', 'the model has been unloaded');
    checkRun(this.signatures, signatureName, inputs, outputs);
    checkShapes(this.#signature, inputs);
    if (outputs.length === 0) return new Map();
    return new Map([[OUTPUT, predict(this.#model, inputs.get(INPUT) as NumericTensor)]]);
  }

  // A run ends before it returns, so close has nothing to wait for.
  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

function signatureOf(model: TreeModel, inputDType: FloatDType, columns: Columns | undefined): Signature {
  const { featureCount, dtype, columns: width } = model;
  const shape = width === undefined ? [-1] : [-1, width];
  const input = { dtype: inputDType, shape: [-1, featureCount], tensorName: INPUT, takesMissing: true };
  const known = { ...(columns && { columns }), ...(featureCount === 1 && { isColumn: true }) };
  return {
    inputs: new Map([[INPUT, { ...input, ...known }]]),
    outputs: new Map([[OUTPUT, { dtype, shape, tensorName: OUTPUT }]]),
    methodName: PREDICT_METHOD_NAME,
    batchAxis: { kind: 'dynamic', reason: 'each row goes through the trees by itself' },
  };
}

function predict(model: TreeModel, features: NumericTensor): NumericTensor {
  const { base, dtype, columns } = model;
  const rows = features.shape[0]!;
  const groups = base.length;
  const sums = new (typedArrayOf(dtype))(rows * groups) as Floats;
  if (groups === 1) sums.fill(base[0]!);
  else for (let start = 0; start < sums.length; start += groups) sums.set(base, start);
  sumTrees(model.forest, model.goesLeft, valuesOf(features, dtype), model.featureCount, sums, groups);
  const prediction = model.finish(sums, groups);
  return numericTensor(dtype, columns === undefined ? [rows] : [rows, columns], prediction);
}

/**
 * The features as the model reads them. float32 is rounded from float64, as XGBoost does it; the other way, each value
 * is exact as it is.
 */
function valuesOf(features: NumericTensor, dtype: FloatDType): Floats {
  const values = elements(features) as Floats;
  return dtype === 'float32' && values instanceof Float64Array ? Float32Array.from(values) : values;
}
