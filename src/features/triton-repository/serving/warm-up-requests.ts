/**
 * The requests of a Triton model's model_warmup: each is run before a version is served, and a version on which one
 * fails is not served. Source: ModelWarmup of Triton's model_config.proto.
 *
 *   zero_data          zeros; empty strings
 *   random_data        numbers of which a seed gives the same at each load; for strings empty ones, as in Triton
 *   input_data_file    raw little-endian elements of one row in warmup/NAME; strings as length (uint32) and bytes
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { writePredictRequest } from '../../../codec/tensorflow/predict-writer.ts';
import { predictionLogParts } from '../../../codec/tensorflow/prediction-log.ts';
import { ServingError, toServingError } from '../../../core/errors.ts';
import { repeatedRows, type Tensor, type TensorMap, zerosOf } from '../../../core/tensor.ts';
import { trialBytes } from '../../../core/trial-inputs.ts';
import type { LoadedVersion, LoadStep } from '../../../models/loading/load-steps.ts';
import { randomOf, randomTensor } from '../../../models/warm-up/random-rows.ts';
import { type RecordReplayer, replayOnEverySlot } from '../../../models/warm-up/record-replayer.ts';
import { dtypeOf } from '../../open-inference/exported/data-types.ts';
import type { TritonWarmup, TritonWarmupInput } from '../../open-inference/exported/model-config.ts';
import { sequencesOf } from '../config/sequence-batching.ts';
import { TRITON, type TritonModel } from '../config/triton-model.ts';
import { readRawTensor } from './raw-tensor.ts';

const DIRECTORY = 'warmup';
/** The most bytes of one tensor, as trials count them: strings are large. */
const MAX_BYTES = 256 << 20;

export interface WarmUpRequest {
  readonly name: string;
  /** The number of runs of the request. */
  readonly count: number;
  readonly inputs: TensorMap;
}

/** The step that runs them; a model of sequences has none, as they are no steps of one. */
export function modelWarmUp(replayer: RecordReplayer): LoadStep {
  return { stage: 'warm-up', run: (loaded) => runRequests(replayer, loaded) };
}

async function runRequests(replayer: RecordReplayer, loaded: LoadedVersion): Promise<void> {
  const triton = TRITON.of(loaded.model);
  // An ensemble has no runtime to warm up: its models have requests of their own.
  if (triton === undefined || triton.ensemble !== undefined || sequencesOf(triton.config) !== undefined) return;
  const { name, version } = loaded.servable;
  for (const request of await warmUpRequests(triton)) {
    const record = warmUpRecord(request);
    try {
      for (let i = 0; i < request.count; i++) await replayOnEverySlot(replayer, loaded, record);
    } catch (cause) {
      const { message } = toServingError(cause);
      const text = `model "${name}" version ${version}: its model_warmup "${request.name}" failed: ${message}`;
      throw new ServingError('load_failed', text, { cause });
    }
  }
}

/** Rejects with `load_failed` if a file is missing or does not fit its dims. */
export async function warmUpRequests(model: TritonModel): Promise<readonly WarmUpRequest[]> {
  const requests: WarmUpRequest[] = [];
  for (const warmup of model.config.modelWarmup) requests.push(await requestOf(model, warmup));
  return requests;
}

/** The request as a record of a warm-up file, which the replayer takes. */
function warmUpRecord({ inputs }: WarmUpRequest): Uint8Array {
  const request = writePredictRequest({ name: '' }, inputs, []);
  const metadata = { name: '', version: 0n, signatureName: '', samplingRate: 1, wallMs: 0 };
  return Buffer.concat(predictionLogParts(metadata, 'predict', request, undefined));
}

async function requestOf(model: TritonModel, warmup: TritonWarmup): Promise<WarmUpRequest> {
  const { name, batchSize, count } = warmup;
  const rows = model.config.maxBatchSize > 0 ? Math.max(1, batchSize) : undefined;
  const inputs = new Map<string, Tensor>();
  for (const [input, declared] of Object.entries(warmup.inputs)) {
    try {
      inputs.set(input, await tensorOf(model, input, declared, rows));
    } catch (error) {
      const text = `model_warmup "${name}", input "${input}": ${(error as Error).message}`;
      throw new ServingError('load_failed', text, { cause: error });
    }
  }
  return { name, count: Math.max(1, count), inputs };
}

/** `rows`: undefined = the model has no batch. */
async function tensorOf(
  model: TritonModel,
  name: string,
  { dataType, dims, inputDataType }: TritonWarmupInput,
  rows: number | undefined,
): Promise<Tensor> {
  const dtype = dtypeOf(dataType)!;
  const row = dims.map(Number);
  const shape = rows === undefined ? row : [rows, ...row];
  const bytes = trialBytes(dtype, shape);
  if (bytes > MAX_BYTES) throw new Error(`its dims take ${bytes} bytes, and ${MAX_BYTES} are the most`);
  if (inputDataType.case === 'inputDataFile') {
    return repeatedRows(await readRawTensor(join(model.directory, DIRECTORY), inputDataType.value, dtype, row), shape);
  }
  if (inputDataType.case === 'zeroData' || dtype === 'string') return zerosOf(dtype, shape);
  const spec = { dtype, shape, tensorName: name };
  return randomTensor(name, spec, shape, { floats: 'unit', integersBelow: 2 }, randomOf(1));
}
