/** The larger answers of grpc_service.proto, written: metadata, statistics, the index of the repository. */

import { bytesField, message, messageField, varintField } from '../../codec/protobuf/wire-writer.ts';
import type { Shape } from '../../core/shape.ts';

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface TensorMetadata {
  readonly name: string;
  /** 'FP32', …, 'BYTES'. */
  readonly datatype: string;
  /** -1 = any size. */
  readonly shape: Shape;
  /** The columns of the tensor by name; in JSON alone. */
  readonly parameters?: { readonly columns: unknown };
}

export interface OpenInferenceMetadata {
  readonly name: string;
  /** The available versions from the lowest; of a request for one version, that one. */
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** ServerMetadataResponse: 1 name, 2 version, 3 extensions. */
export function serverMetadataResponse(server: ServerMetadata): Uint8Array {
  const extensions = server.extensions.map((extension) => messageField(3, extension));
  return message(bytesField(1, server.name), bytesField(2, server.version), ...extensions);
}

/** ModelMetadataResponse: 1 name, 2 versions, 3 platform, 4 inputs, 5 outputs; each {1 name, 2 datatype, 3 shape}. */
export function modelMetadataResponse(answer: OpenInferenceMetadata): Uint8Array {
  const tensors = (field: number, all: readonly TensorMetadata[]): Uint8Array =>
    message(
      ...all.map(({ name, datatype, shape }) =>
        messageField(field, message(bytesField(1, name), bytesField(2, datatype), packed(3, shape))),
      ),
    );
  return message(
    bytesField(1, answer.name),
    ...answer.versions.map((version) => messageField(2, version)),
    bytesField(3, answer.platform),
    tensors(4, answer.inputs),
    tensors(5, answer.outputs),
  );
}

/** Packed int64; -1 too. Left out when empty. */
function packed(field: number, values: readonly number[]): Uint8Array {
  if (values.length === 0) return message();
  // A varint field without its tag; 0 is written, too.
  const varints = values.map((value) => (value === 0 ? Uint8Array.of(0) : varintField(1, value).subarray(1)));
  return messageField(field, message(...varints));
}

export interface TimeAnswer {
  readonly count: number;
  readonly ns: bigint;
}

interface ComputeAnswer {
  readonly computeInput: TimeAnswer;
  readonly computeInfer: TimeAnswer;
  readonly computeOutput: TimeAnswer;
}

export interface StatisticsAnswer extends ComputeAnswer {
  readonly name: string;
  readonly version: string;
  readonly lastInferenceMs: number;
  readonly inferenceCount: number;
  readonly executionCount: number;
  readonly success: TimeAnswer;
  readonly fail: TimeAnswer;
  readonly queue: TimeAnswer;
  readonly cacheHit: TimeAnswer;
  readonly cacheMiss: TimeAnswer;
  readonly batches: readonly (ComputeAnswer & { readonly size: number })[];
}

/**
 * ModelStatisticsResponse: 1 model_stats {1 name, 2 version, 3 last_inference, 4 inference_count, 5 execution_count,
 * 6 inference_stats {1 success, 2 fail, 3 queue, 4 compute_input, 5 compute_infer, 6 compute_output, 7 cache_hit,
 * 8 cache_miss}, 7 batch_stats {1 batch_size, 2 compute_input, 3 compute_infer, 4 compute_output}}.
 */
export function modelStatisticsResponse(all: readonly StatisticsAnswer[]): Uint8Array {
  return message(...all.map((each) => messageField(1, modelStatistics(each))));
}

function modelStatistics(stats: StatisticsAnswer): Uint8Array {
  const requests = [
    ...[time(1, stats.success), time(2, stats.fail), time(3, stats.queue), ...compute(4, stats)],
    ...[time(7, stats.cacheHit), time(8, stats.cacheMiss)],
  ];
  return message(
    bytesField(1, stats.name),
    bytesField(2, stats.version),
    varintField(3, stats.lastInferenceMs),
    varintField(4, stats.inferenceCount),
    varintField(5, stats.executionCount),
    messageField(6, message(...requests)),
    ...stats.batches.map((batch) => messageField(7, message(varintField(1, batch.size), ...compute(2, batch)))),
  );
}

function compute(field: number, { computeInput, computeInfer, computeOutput }: ComputeAnswer): readonly Uint8Array[] {
  return [time(field, computeInput), time(field + 1, computeInfer), time(field + 2, computeOutput)];
}

/** StatisticDuration: 1 count, 2 ns. */
function time(field: number, { count, ns }: TimeAnswer): Uint8Array {
  return messageField(field, message(varintField(1, count), varintField(2, ns)));
}
