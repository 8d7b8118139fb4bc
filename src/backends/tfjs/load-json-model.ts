/** A directory with model.json → a session. */
import { bytesPerElement } from '../../core/dtype.ts';
import type { ServingError } from '../../core/errors.ts';
import { elementCount } from '../../core/shape.ts';
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { LoadOptions, ProfiledSession, Session } from '../backend.ts';
import { findBatchAxis } from '../batch-axis.ts';
import type { RunOps } from '../op-profile.ts';
import { type JsonModel, readJsonModel } from './json-model-file.ts';
import { JsonModelSession, runLater, runNow } from './json-model-session.ts';
import { type JsonTensorSpec, metadataOf } from './json-model-tensors.ts';
import { type OpenJsonModel, openJsonModel, unknownOperation, wantsAsync } from './json-models.ts';
import { timeKernels } from './kernel-times.ts';
import { loadFailed, tensorflowText } from './tensorflow-errors.ts';
import { openTfjs, type TfjsLibrary } from './tfjs-library.ts';

/** Rejects with `load_failed`. */
export async function loadJsonModel(directory: string, options: LoadOptions): Promise<Session> {
  const json = await readJsonModel(directory);
  const tf = openTfjs(options.intraOpThreads);
  const model = await open(tf, json);
  try {
    const isAsync = hasControlFlow(tf, json, model);
    const signature = await signatureOf(tf, model, isAsync);
    return new JsonModelSession(tf, model, new Map([[DEFAULT_SIGNATURE_NAME, signature]]), isAsync);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The same, with every run's kernels timed (kernel-times.ts). Rejects with `load_failed`. */
export async function loadTimedJsonModel(directory: string, options: LoadOptions): Promise<ProfiledSession> {
  const session = await loadJsonModel(directory, options);
  const tf = openTfjs(options.intraOpThreads);
  const runs: RunOps[] = [];
  return {
    signatures: session.signatures,
    run: async (...call) => {
      const { result, run } = await timeKernels(tf, () => session.run(...call));
      runs.push(run);
      return result;
    },
    close: () => session.close(),
    endProfile: async () => runs,
  };
}

async function open(tf: TfjsLibrary, json: JsonModel): Promise<OpenJsonModel> {
  try {
    return await openJsonModel(tf, json);
  } catch (error) {
    // Also what a signature asks for that TensorFlow.js has not.
    throw loadFailed(json.file, tensorflowText(error), error);
  }
}

/**
 * Only running it tells. Zeros may be no input that it can work with, but TensorFlow.js looks at the graph before the
 * values.
 */
function hasControlFlow(tf: TfjsLibrary, { file }: JsonModel, model: OpenJsonModel): boolean {
  if (model.runAsync === undefined) return false;
  try {
    runNow(tf, model, zeros(model.inputs), namesOf(model.outputs));
    return false;
  } catch (error) {
    const { cause } = error as ServingError;
    const operation = unknownOperation(cause);
    if (operation !== undefined) {
      throw loadFailed(file, `TensorFlow.js has no operation "${operation}"; export the model without it`, cause);
    }
    return wantsAsync(cause);
  }
}

async function signatureOf(tf: TfjsLibrary, model: OpenJsonModel, isAsync: boolean): Promise<Signature> {
  const { inputs, outputs } = model;
  const names = namesOf(outputs);
  const run = async (feeds: TensorMap): Promise<TensorMap> =>
    isAsync ? runLater(tf, model, feeds, names) : runNow(tf, model, feeds, names);
  const batchAxis = await findBatchAxis(inputs.map(metadataOf), outputs.map(metadataOf), run);
  return { inputs: specsOf(inputs), outputs: specsOf(outputs), methodName: PREDICT_METHOD_NAME, batchAxis };
}

function specsOf(specs: readonly JsonTensorSpec[]): ReadonlyMap<string, TensorSpec> {
  return new Map(specs.map(({ name, dtype, shape }) => [name, { dtype, shape, tensorName: name }]));
}

function namesOf(specs: readonly JsonTensorSpec[]): readonly string[] {
  return specs.map(({ name }) => name);
}

/** One row of each, where free dims are 1. */
function zeros(specs: readonly JsonTensorSpec[]): TensorMap {
  return new Map(
    specs.map(({ name, dtype, shape: free = [] }): [string, Tensor] => {
      const shape = free.map((dim) => (dim < 0 ? 1 : dim));
      const count = elementCount(shape);
      if (dtype === 'string') return [name, { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) }];
      return [name, { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) }];
    }),
  );
}
