/**
 * The batching options of one version: from its model's configuration, else from its file batching_params.pbtxt (if
 * such files are enabled), else from the server's options.
 */
import { join } from 'node:path';
import type { BackendFacts } from '../../backends/backend.ts';
import { BATCHING_PARAMETERS, batchingOfParameters } from '../../config/batching-parameters.ts';
import { loadConfigFile, parseTextProtoFile } from '../../config/config-file.ts';
import type { BatchingConfig, ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';

/** The name that TensorFlow Serving gives it. */
const FILE_NAME = 'batching_params.pbtxt';

/** The server's options. */
export interface ServerBatching {
  readonly scheduler: SchedulerOptions;
  /** The number of sessions of each model; 0 = one, and more on demand. */
  readonly slots: number;
  /** The most sessions that a model may get on demand: one a core, and one that has them all. Default: 1. */
  readonly mostSessions?: number;
  readonly isBatchingEnabled: boolean;
  /** Requests of different lengths share runs where that is proved to be safe. Default: false. */
  readonly isPadding?: boolean;
  /**
   * Each version's own file configures its batching; a version without one is not batched, as in TensorFlow Serving.
   */
  readonly perModelFiles?: boolean | undefined;
}

export interface ModelBatching {
  readonly scheduler: SchedulerOptions;
  /** The number of the model's sessions, unless its backend limits it (`modelSessions`); 0 = by demand. */
  readonly slots: number;
  /** `slots` is configured for the model, not for the server. */
  readonly hasOwnSlots: boolean;
  readonly isBatchingEnabled: boolean;
  /** True: requests of different lengths share runs where that is proved to be safe. */
  readonly isPadding: boolean;
  /** One text for each setting that has no effect. */
  readonly warnings: readonly string[];
}

/** Rejects with ServingError `load_failed` if the file or the resulting options are invalid. */
export async function modelBatching(
  model: ModelConfig,
  versionDirectory: string,
  server: ServerBatching,
): Promise<ModelBatching> {
  const warnings: string[] = [];
  const ofFile =
    server.perModelFiles === true ? await readParameters(model.name, versionDirectory, warnings) : undefined;
  const declared = model.declaredBatching;
  const isDeclared = declared !== undefined && declared !== 'off' && declared.enabled !== false;
  if (!server.isBatchingEnabled && (model.batching !== undefined || isDeclared)) {
    warnings.push(`batching of model "${model.name}" has no effect: batching is off (--enable_batching=false)`);
  }
  const isNamed = model.batching !== undefined || isDeclared || ofFile !== undefined;
  const batching = { ...ofFile, ...defined(model.batching) };
  const slots = batching.numBatchThreads ?? server.slots;
  const scheduler = schedulerOptions(batching, server.scheduler, slots || (server.mostSessions ?? 1));
  checkSizes(model.name, scheduler);
  return {
    scheduler,
    slots,
    hasOwnSlots: batching.numBatchThreads !== undefined,
    isBatchingEnabled: server.isBatchingEnabled && (server.perModelFiles !== true || isNamed),
    isPadding: batching.padVariableLengthInputs ?? server.isPadding === true,
    warnings,
  };
}

/** The sessions that a version is loaded with: each has a thread or a process, and a copy of the weights. */
export interface ModelSessions {
  readonly count: number;
  /** True: more are opened on demand. False: the number is configured. */
  readonly areElastic: boolean;
}

/**
 * A configured number holds, but a backend that must run in a process gets one session of the server's number, because a
 * process takes much memory and may use several threads inside; the model's own `num_batch_threads` overrides that.
 * Without a configured number there is one session; on CUDA, one for each of the model's devices.
 */
export function modelSessions(
  { mustRunIn }: Pick<BackendFacts, 'mustRunIn'>,
  { slots, hasOwnSlots }: Pick<ModelBatching, 'slots' | 'hasOwnSlots'>,
  { executionProvider, devices = [0] }: Partial<Pick<ModelConfig, 'executionProvider' | 'devices'>> = {},
): ModelSessions {
  if (hasOwnSlots) return { count: slots, areElastic: false };
  if (executionProvider === 'cuda') return { count: devices.length, areElastic: false };
  if (slots === 0) return { count: 1, areElastic: true };
  return { count: mustRunIn === 'process' ? 1 : slots, areElastic: false };
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
 * The server's allowed_batch_sizes fit its max_batch_size: a model with another maximum does not inherit them. The memory
 * of batches is that of all sessions together.
 */
function schedulerOptions(batching: BatchingConfig, server: SchedulerOptions, sessions: number): SchedulerOptions {
  const allowed = batching.allowedBatchSizes;
  const maxBatchSize = batching.maxBatchSize ?? allowed?.at(-1) ?? server.maxBatchSize;
  const inherited = maxBatchSize === server.maxBatchSize ? server.allowedBatchSizes : [];
  const { batchMemoryMib } = batching;
  const memoryBytes = batchMemoryMib === undefined ? server.batchMemoryBytes : batchMemoryMib * 2 ** 20;
  return {
    ...server,
    maxBatchSize,
    mayBeLarger: server.mayBeLarger === true && batching.maxBatchSize === undefined && allowed === undefined,
    batchTimeoutMicros: batching.batchTimeoutMicros ?? server.batchTimeoutMicros,
    maxEnqueuedBatches: batching.maxEnqueuedBatches ?? server.maxEnqueuedBatches,
    allowedBatchSizes: allowed ?? inherited,
    ...(memoryBytes !== undefined && { batchMemoryBytes: memoryBytes / sessions }),
  };
}

function checkSizes(model: string, { maxBatchSize, allowedBatchSizes }: SchedulerOptions): void {
  const last = allowedBatchSizes.at(-1);
  if (last === undefined || last === maxBatchSize) return;
  const reason = `the last of allowed_batch_sizes is ${last}, but max_batch_size is ${maxBatchSize}; make them equal`;
  throw loadFailed(model, [reason]);
}

/** Drops undefined fields, so that they overwrite nothing when spread. */
function defined(batching: BatchingConfig | undefined): BatchingConfig {
  return Object.fromEntries(Object.entries(batching ?? {}).filter(([, value]) => value !== undefined));
}

function loadFailed(model: string, errors: readonly (string | undefined)[]): ServingError {
  return new ServingError('load_failed', `model "${model}": ${errors.join('; ')}`);
}
