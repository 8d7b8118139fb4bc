/** Loads a directory with model.json. */
import { join } from 'node:path';
import type { ServingError } from '../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature } from '../../core/signature.ts';
import { trialZeros } from '../../core/trial-inputs.ts';
import type { LoadOptions, ProfiledSession, Session } from '../backend.ts';
import { batchAxisCandidate, metadataOf } from '../batch-axis.ts';
import type { RunOps } from '../op-profile.ts';
import { JSON_MODEL_FILE, type JsonModel, readJsonModel } from './json-model-file.ts';
import { JsonModelSession, runNow } from './json-model-session.ts';
import { type OpenJsonModel, openJsonModel, unknownOperation, wantsAsync } from './json-models.ts';
import { timeKernels } from './kernel-times.ts';
import { loadFailed, tensorflowText } from './tensorflow-errors.ts';
import { openTfjs, type TfjsLibrary } from './tfjs-library.ts';

/** Rejects with `load_failed`. */
export async function loadJsonModel(directory: string, options: LoadOptions): Promise<Session> {
  const json = await readJsonModel(join(directory, JSON_MODEL_FILE));
  const tf = openTfjs(options.intraOpThreads);
  const model = await open(tf, json);
  try {
    const isAsync = hasControlFlow(tf, json, model);
    const signature = signatureOf(model);
    return new JsonModelSession(tf, model, new Map([[DEFAULT_SIGNATURE_NAME, signature]]), isAsync);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Loads the model so that the kernels of each run are timed (kernel-times.ts). Rejects with `load_failed`. */
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
    // This also happens for a signature with a type that TensorFlow.js lacks.
    throw loadFailed(json.file, tensorflowText(error), error);
  }
}

/**
 * Runs the model with zeros. They may be invalid as input, but TensorFlow.js checks the graph before the values. Where they
 * would be too large, the model is taken for one without.
 */
function hasControlFlow(tf: TfjsLibrary, { file }: JsonModel, model: OpenJsonModel): boolean {
  const inputs = trialZeros(model.inputs);
  if (model.runAsync === undefined || inputs === undefined) return false;
  try {
    runNow(tf, model, inputs, [...model.outputs.keys()]);
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

function signatureOf({ inputs, outputs }: OpenJsonModel): Signature {
  const batchAxis = batchAxisCandidate(metadataOf(inputs), metadataOf(outputs));
  return { inputs, outputs, methodName: PREDICT_METHOD_NAME, batchAxis };
}
