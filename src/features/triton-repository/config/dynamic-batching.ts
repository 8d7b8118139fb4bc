/**
 * max_batch_size, dynamic_batching and the queue of sequence_batching → the batching of a model.
 *
 *   max_batch_size 0                  the declared dims are whole: each request is run as it came
 *   max_batch_size N                  dim 0 holds rows, and a run has at most N; the server proves whether requests share runs
 *   … with dynamic_batching {}        requests share runs, because the owner says so
 *   … with sequence_batching {}       the same: steps of different sequences do in Triton, too
 */
import type { DeclaredBatching } from '../../../config/batch-declaration.ts';
import type { Findings, Where } from '../../../config/config-file.ts';
import type { BatchingConfig } from '../../../config/model-config.ts';
import {
  TIMEOUT_DELAY,
  type TritonConfig,
  type TritonQueuePolicy,
} from '../../open-inference/exported/model-config.ts';
import { sequencesOf } from './sequence-batching.ts';

const MAX_COUNT = 2 ** 31 - 1;
const DAY_MS = 86_400_000;

/**
 * Triton's timeout ends when a run begins, and a latency objective here when it has ended: shorter ones would refuse
 * what Triton answers.
 */
const LEAST_OBJECTIVE_MS = 50;

/**
 * The rows that may wait for a model whose file has no max_queue_size: Triton has no limit then, and 100 of its batches
 * would be few where they are small. As many as by the server's own defaults.
 */
const QUEUED_ROWS = 6400;

const AT = 'dynamic_batching.default_queue_policy';

export interface TritonBatching {
  readonly batching: BatchingConfig | undefined;
  readonly declaredBatching: DeclaredBatching | 'off' | undefined;
  readonly sloMs: number | undefined;
}

export function batchingOfTriton(config: TritonConfig, where: Where, findings: Findings): TritonBatching {
  const { maxBatchSize, schedulingChoice } = config;
  const dynamic = schedulingChoice.case === 'dynamicBatching' ? schedulingChoice.value : undefined;
  if (maxBatchSize < 0) {
    findings.errors.push(`${where('max_batch_size')}: max_batch_size ${maxBatchSize} is negative; 0 = no batches`);
  }
  const queue = queueOf(dynamic?.defaultQueuePolicy, maxBatchSize, where, findings);
  const delay = delayOf(config, where, findings);
  if (maxBatchSize <= 0) {
    if (dynamic !== undefined) {
      const text = 'dynamic_batching has no effect: max_batch_size is 0, so each request is run as it came';
      findings.warnings.push(`${where('dynamic_batching')}: ${text}`);
    }
    return { batching: queue.batching, declaredBatching: 'off', sloMs: queue.sloMs };
  }
  return {
    batching: {
      maxEnqueuedBatches: Math.ceil(QUEUED_ROWS / maxBatchSize),
      ...queue.batching,
      maxBatchSize,
      ...(delay > 0 && { batchTimeoutMicros: delay }),
    },
    declaredBatching: declaredOf(config),
    sloMs: queue.sloMs,
  };
}

/** Undefined if the file names no tensor, or says nothing of batches: the server finds out then. */
function declaredOf(config: TritonConfig): DeclaredBatching | 'off' | undefined {
  const { input, output, schedulingChoice } = config;
  // Requests with and without an input never share a run.
  if (input.some(({ optional }) => optional)) return 'off';
  const isBatched = schedulingChoice.case === 'dynamicBatching' || sequencesOf(config) !== undefined;
  if (!isBatched || input.length === 0) return undefined;
  return {
    inputs: new Map(input.map(({ name }) => [name, 0])),
    outputs: new Map(output.map(({ name }) => [name, 0])),
  };
}

function delayOf(config: TritonConfig, where: Where, { errors }: Findings): number {
  const { schedulingChoice } = config;
  const strategy = sequencesOf(config)?.strategyChoice;
  const queue = schedulingChoice.case === 'dynamicBatching' ? schedulingChoice : strategy;
  const delay = queue?.case === undefined ? 0n : queue.value.maxQueueDelayMicroseconds;
  if (delay <= MAX_COUNT) return Number(delay);
  const field = queue === strategy ? `sequence_batching.${strategy!.case}` : 'dynamic_batching';
  const at = where(`${field}.max_queue_delay_microseconds`);
  errors.push(`${at}: max_queue_delay_microseconds ${delay} is out of range; 0 to ${MAX_COUNT}`);
  return 0;
}

interface Queue {
  readonly batching: BatchingConfig | undefined;
  readonly sloMs: number | undefined;
}

function queueOf(policy: TritonQueuePolicy | undefined, rows: number, where: Where, { warnings }: Findings): Queue {
  if (policy === undefined) return { batching: undefined, sloMs: undefined };
  const { maxQueueSize, defaultTimeoutMicroseconds: timeout, timeoutAction } = policy;
  const batching =
    maxQueueSize === 0
      ? undefined
      : { maxEnqueuedBatches: Math.min(MAX_COUNT, Math.ceil(maxQueueSize / Math.max(1, rows))) };
  if (timeout === 0n) return { batching, sloMs: undefined };
  const ms = Number(timeout) / 1000;
  const at = where(`${AT}.default_timeout_microseconds`);
  const without = (why: string): Queue => {
    warnings.push(`${at}: default_timeout_microseconds has no effect: ${why}`);
    return { batching, sloMs: undefined };
  };
  if (timeoutAction === TIMEOUT_DELAY) return without('a late request is refused here, not delayed (timeout_action)');
  if (ms < LEAST_OBJECTIVE_MS) {
    return without(`a deadline counts the run too, so at least ${LEAST_OBJECTIVE_MS} ms are taken; see slo_ms`);
  }
  const text = `default_timeout_microseconds becomes slo_ms: ${ms} ms from a request’s arrival to its answer`;
  warnings.push(`${at}: ${text}`);
  return { batching, sloMs: Math.min(ms, DAY_MS) };
}
