/** Checks model_warmup; serving/warm-up-requests.ts makes the requests. */
import type { Where } from '../../../config/config-file.ts';
import { dataTypeName, dtypeOf } from '../../open-inference/exported/data-types.ts';
import type { TritonConfig, TritonWarmup, TritonWarmupInput } from '../../open-inference/exported/model-config.ts';
import { isFileName } from './sequence-batching.ts';

/** More rows or repeats are a mistake: each is run before the model is served. */
const MAX_BATCH = 65_536;
const MAX_COUNT = 10_000;

export function checkWarmups(config: TritonConfig, where: Where, errors: string[]): void {
  for (const [i, warmup] of config.modelWarmup.entries()) {
    const at = `model_warmup[${i}]`;
    const say = (field: string, text: string): void =>
      void errors.push(`${where(`${at}.${field}`)}: model_warmup "${warmup.name}": ${text}`);
    if (warmup.batchSize > MAX_BATCH) say('batch_size', `batch_size ${warmup.batchSize} is more than ${MAX_BATCH}`);
    if (warmup.count > MAX_COUNT) say('count', `count ${warmup.count} is more than ${MAX_COUNT}`);
    if (config.maxBatchSize === 0 && warmup.batchSize > 1) {
      say('batch_size', `batch_size ${warmup.batchSize} needs a max_batch_size above 0`);
    }
    if (config.maxBatchSize > 0 && warmup.batchSize > config.maxBatchSize) {
      say('batch_size', `batch_size ${warmup.batchSize} is more than max_batch_size ${config.maxBatchSize}`);
    }
    checkInputs(warmup, config, say);
  }
}

function checkInputs(warmup: TritonWarmup, config: TritonConfig, say: (field: string, text: string) => void): void {
  for (const [name, input] of Object.entries(warmup.inputs)) {
    const problem = inputProblem(input);
    if (problem !== undefined) say('inputs[0]', `input "${name}": ${problem}`);
    const declared = config.input.find((each) => each.name === name);
    if (declared !== undefined && declared.dataType !== input.dataType) {
      const [here, there] = [dataTypeName(input.dataType), dataTypeName(declared.dataType)];
      say('inputs[0]', `input "${name}" is ${here}, but ${there} in input`);
    }
  }
}

function inputProblem({ dataType, dims, inputDataType }: TritonWarmupInput): string | undefined {
  if (dtypeOf(dataType) === undefined) return 'its data_type is missing';
  const bad = dims.find((dim) => dim < 1n);
  if (bad !== undefined) return `${bad} is no dim here; each is 1 or more`;
  if (inputDataType.case === undefined) return 'say zero_data: true, random_data: true or input_data_file: "NAME"';
  if (inputDataType.case === 'inputDataFile' && !isFileName(inputDataType.value)) {
    return `input_data_file "${inputDataType.value}" is no name in the directory warmup`;
  }
  return undefined;
}
