/**
 * How one version is batched: what its model's configuration says, else the file batching_params.pbtxt beside the model
 * (if such files are asked for), else the server.
 */
import { join } from 'node:path';
import { BATCHING_PARAMETERS, batchingOfParameters } from '../../config/batching-parameters.ts';
import { loadConfigFile, parseTextProtoFile } from '../../config/config-file.ts';
import type { BatchingConfig, ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';

/** Its name in TensorFlow Serving. */
const FILE_NAME = 'batching_params.pbtxt';

/** What the server says. */
export interface ServerBatching {
  readonly scheduler: SchedulerOptions;
  /** Runs of one model at a time. */
  readonly slots: number;
  readonly isBatchingEnabled: boolean;
  /** Each version's own file decides; a version without one is not batched, as in TensorFlow Serving. */
  readonly perModelFiles?: boolean | undefined;
}

export interface ModelBatching {
  readonly scheduler: SchedulerOptions;
  /** Runs of the model at a time, where its backend takes any number (model-slots.ts). */
  readonly slots: number;
  /** The model or its file says so, not the server. */
  readonly hasOwnSlots: boolean;
  readonly isBatchingEnabled: boolean;
  /** Lines about what the file asks for and has no effect. */
  readonly warnings: readonly string[];
}

/** Rejects with ServingError `load_failed` if the file, or what comes of it, is wrong. */
export async function modelBatching(
  model: ModelConfig,
  versionDirectory: string,
  server: ServerBatching,
): Promise<ModelBatching> {
  const warnings: string[] = [];
  const ofFile =
    server.perModelFiles === true ? await readParameters(model.name, versionDirectory, warnings) : undefined;
  if (!server.isBatchingEnabled && model.batching !== undefined) {
    warnings.push(`batching of model "${model.name}" has no effect: batching is off (--enable_batching=false)`);
  }
  const isNamed = model.batching !== undefined || ofFile !== undefined;
  const batching = { ...ofFile, ...defined(model.batching) };
  const scheduler = schedulerOptions(batching, server.scheduler);
  checkSizes(model.name, scheduler);
  return {
    scheduler,
    slots: batching.numBatchThreads ?? server.slots,
    hasOwnSlots: batching.numBatchThreads !== undefined,
    isBatchingEnabled: server.isBatchingEnabled && (server.perModelFiles !== true || isNamed),
    warnings,
  };
}

async function readParameters(
  model: string,
  versionDirectory: string,
  warnings: string[],
): Promise<BatchingConfig | undefined> {
  const path = join(versionDirectory, FILE_NAME);
  const { bytes, error, isMissing } = await loadConfigFile(path);
  if (isMissing === true) return undefined;
  const errors: string[] = [];
  if (bytes === undefined) throw loadFailed(model, [error]);
  const parsed = parseTextProtoFile(BATCHING_PARAMETERS, path, bytes, errors);
  if (parsed === undefined) throw loadFailed(model, errors);
  const read = batchingOfParameters(parsed.message, parsed.where);
  if (read.errors.length > 0) throw loadFailed(model, read.errors);
  warnings.push(...read.warnings);
  return defined(read.batching);
}

/**
 * The server's list of sizes belongs to the server's largest batch: a model that changes the one without giving the
 * other has no list.
 */
function schedulerOptions(batching: BatchingConfig, server: SchedulerOptions): SchedulerOptions {
  const allowed = batching.allowedBatchSizes;
  const maxBatchSize = batching.maxBatchSize ?? allowed?.at(-1) ?? server.maxBatchSize;
  const inherited = maxBatchSize === server.maxBatchSize ? server.allowedBatchSizes : [];
  return {
    ...server,
    maxBatchSize,
    batchTimeoutMicros: batching.batchTimeoutMicros ?? server.batchTimeoutMicros,
    maxEnqueuedBatches: batching.maxEnqueuedBatches ?? server.maxEnqueuedBatches,
    allowedBatchSizes: allowed ?? inherited,
    ...(batching.padVariableLengthInputs !== undefined && {
      padVariableLengthInputs: batching.padVariableLengthInputs,
    }),
  };
}

function checkSizes(model: string, { maxBatchSize, allowedBatchSizes }: SchedulerOptions): void {
  const last = allowedBatchSizes.at(-1);
  if (last === undefined || last === maxBatchSize) return;
  const reason = `the last of allowed_batch_sizes is ${last}, but max_batch_size is ${maxBatchSize}; make them equal`;
  throw loadFailed(model, [reason]);
}

/** Without what is undefined, so that it covers nothing when spread. */
function defined(batching: BatchingConfig | undefined): BatchingConfig {
  return Object.fromEntries(Object.entries(batching ?? {}).filter(([, value]) => value !== undefined));
}

function loadFailed(model: string, errors: readonly (string | undefined)[]): ServingError {
  return new ServingError('load_failed', `model "${model}": ${errors.join('; ')}`);
}
