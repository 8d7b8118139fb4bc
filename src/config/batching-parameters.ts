/**
 * tensorflow.serving.BatchingParameters → BatchingConfig: from --batching_parameters_file or from a version directory's
 * batching_params.pbtxt.
 *
 * A field that the file leaves out gets the server's value, not TensorFlow Serving's default of 1000 rows and 10
 * batches. Each field that works differently here gives a warning: large requests are always split.
 */
import type { Message } from '@bufbuild/protobuf';
import type { Findings, Where } from './config-file.ts';
import type { BatchingConfig } from './model-config.ts';

export const BATCHING_PARAMETERS = 'tensorflow.serving.BatchingParameters';

/** The name of each value, as an option, and as a field where TensorFlow Serving has it. */
export const BATCHING_FIELDS = {
  maxBatchSize: 'max_batch_size',
  batchTimeoutMicros: 'batch_timeout_micros',
  maxEnqueuedBatches: 'max_enqueued_batches',
  allowedBatchSizes: 'allowed_batch_sizes',
  numBatchThreads: 'num_batch_threads',
  padVariableLengthInputs: 'pad_variable_length_inputs',
  batchMemoryMib: 'batch_memory_mib',
} as const satisfies Record<keyof BatchingConfig, string>;

/** The message as @bufbuild/protobuf decodes it: wrappers are unwrapped. */
interface BatchingMessage {
  readonly maxBatchSize?: bigint;
  readonly batchTimeoutMicros?: bigint;
  readonly maxEnqueuedBatches?: bigint;
  readonly numBatchThreads?: bigint;
  readonly threadPoolName?: string;
  readonly allowedBatchSizes: readonly bigint[];
  readonly padVariableLengthInputs: boolean;
  readonly enableLargeBatchSplitting?: boolean;
  readonly maxExecutionBatchSize?: bigint;
}

const MAX_COUNT = 2 ** 31 - 1;
const MAX_THREADS = 1024;

interface BatchingResult extends Findings {
  /** Meaningless if there are errors. */
  readonly batching: BatchingConfig;
  /** The field that each value was taken from. */
  readonly fields: ReadonlyMap<keyof BatchingConfig, string>;
}

export function batchingOfParameters(message: Message, where: Where): BatchingResult {
  const parameters = message as unknown as BatchingMessage;
  const findings: Findings = { errors: [], warnings: [] };
  const read = (field: string, value: bigint | undefined, min: number, max = MAX_COUNT): number | undefined => {
    if (value === undefined || (value >= min && value <= max)) return value === undefined ? undefined : Number(value);
    findings.errors.push(`${where(field)}: ${field} ${value} is out of range; ${min} to ${max}`);
    return undefined;
  };
  const rows = batchRows(parameters, where, findings);
  const enqueued = read('max_enqueued_batches', parameters.maxEnqueuedBatches, 0);
  const batching: BatchingConfig = {
    maxBatchSize: read(rows.field, rows.value, 1),
    batchTimeoutMicros: read('batch_timeout_micros', parameters.batchTimeoutMicros, 0),
    // 0 means 1, as in TensorFlow Serving.
    maxEnqueuedBatches: enqueued === 0 ? 1 : enqueued,
    allowedBatchSizes: allowedSizes(parameters.allowedBatchSizes, where, findings),
    numBatchThreads: read('num_batch_threads', parameters.numBatchThreads, 1, MAX_THREADS),
    padVariableLengthInputs: parameters.padVariableLengthInputs || undefined,
  };
  checkLastSize(batching, rows.field, where, findings);
  warnOfDifferences(parameters, where, findings);
  const fields = new Map<keyof BatchingConfig, string>(
    Object.entries(BATCHING_FIELDS) as [keyof BatchingConfig, string][],
  );
  return { batching, fields: fields.set('maxBatchSize', rows.field), ...findings };
}

/**
 * If splitting is on, max_batch_size limits a request, which has no limit here, and max_execution_batch_size a run.
 */
function batchRows(
  { maxBatchSize, maxExecutionBatchSize, enableLargeBatchSplitting }: BatchingMessage,
  where: Where,
  { errors, warnings }: Findings,
): { readonly field: string; readonly value: bigint | undefined } {
  if (maxExecutionBatchSize === undefined) return { field: 'max_batch_size', value: maxBatchSize };
  const at = where('max_execution_batch_size');
  if (enableLargeBatchSplitting !== true) {
    warnings.push(`${at}: max_execution_batch_size has no effect without enable_large_batch_splitting`);
    return { field: 'max_batch_size', value: maxBatchSize };
  }
  if (maxBatchSize !== undefined && maxExecutionBatchSize > maxBatchSize) {
    errors.push(`${at}: max_execution_batch_size ${maxExecutionBatchSize} is more than max_batch_size ${maxBatchSize}`);
  }
  if (maxBatchSize !== undefined) {
    warnings.push(
      `${where('max_batch_size')}: max_batch_size bounds no request here: larger ones are cut into runs of max_execution_batch_size too`,
    );
  }
  return { field: 'max_execution_batch_size', value: maxExecutionBatchSize };
}

function allowedSizes(sizes: readonly bigint[], where: Where, { errors }: Findings): readonly number[] | undefined {
  if (sizes.length === 0) return undefined;
  for (const [i, size] of sizes.entries()) {
    const least = i === 0 ? 0n : sizes[i - 1]!;
    if (size > least && size <= MAX_COUNT) continue;
    errors.push(
      `${where(`allowed_batch_sizes[${i}]`)}: allowed_batch_sizes must ascend from 1, but ${size} follows ${least}`,
    );
  }
  return sizes.map(Number);
}

function checkLastSize(batching: BatchingConfig, field: string, where: Where, { errors }: Findings): void {
  const { allowedBatchSizes, maxBatchSize } = batching;
  const last = allowedBatchSizes?.at(-1);
  if (last === undefined || maxBatchSize === undefined || last === maxBatchSize) return;
  const at = where(`allowed_batch_sizes[${allowedBatchSizes!.length - 1}]`);
  errors.push(`${at}: the last of allowed_batch_sizes is ${last}, but ${field} is ${maxBatchSize}; make them equal`);
}

function warnOfDifferences(parameters: BatchingMessage, where: Where, { warnings }: Findings): void {
  const warn = (field: string, why: string): void =>
    void warnings.push(`${where(field)}: ${field} has no effect: ${why}`);
  if (parameters.enableLargeBatchSplitting === false) {
    warn('enable_large_batch_splitting', 'requests of more rows than a batch are always cut, run and joined');
  }
  if (parameters.threadPoolName !== undefined) warn('thread_pool_name', 'each model has slots of its own');
}
