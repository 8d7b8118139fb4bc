/**
 * A request of ModelInfer as it was read, whichever form it came in: protobuf, JSON, or JSON with binary tensors. And
 * what every form's reader checks, in the same words.
 */
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** gRPC: bool, int64 and uint64 (bigint), string, double. REST: JSON's own; a number for all numbers. */
export type ParameterValue = boolean | number | bigint | string;

export type Parameters = ReadonlyMap<string, ParameterValue>;

export const NO_PARAMETERS: Parameters = new Map();

export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

export interface InferRequest {
  readonly modelName: string;
  /** As it was sent: a number, or a label of ours. Empty = the server chooses. */
  readonly modelVersion: string;
  /** Empty = none; else it is repeated in the answer. */
  readonly id: string;
  readonly parameters: Parameters;
  /** By name; a reader refuses a name that stands twice (`addInput`). */
  readonly inputs: TensorMap;
  /** In the order of the answer; empty = all outputs. */
  readonly outputs: readonly RequestedOutput[];
}

/** The most inputs, outputs and parameters that a request may name: far more than any model has. */
export const MAX_NAMES = 1000;

const SHARED_MEMORY = 'shared_memory_region';

/** Throws if more than MAX_NAMES stand in `field`. */
export function checkNameCount(field: string, count: number): void {
  if (count > MAX_NAMES)
    throw invalidRequest(`${field} has more than ${MAX_NAMES} entries; send those that are needed`);
}

/** The refusal of a second input of a name. */
export function duplicateInput(name: string): ServingError {
  return invalidRequest(`input ${quoteName(name)} is there twice; send each input once`);
}

/** The refusal of an input with elements in two forms: in its own place, and in the binary part. */
export function mixedContents(name: string, own: string, binary: string): ServingError {
  return invalidRequest(
    `input ${quoteName(name)} has elements in ${own}, beside ${binary}; send all inputs in one of the two forms`,
  );
}

/** Refuses what an input's parameters ask for and this server does not have. */
export function checkInputParameters(name: string, parameters: Parameters): void {
  if (parameters.has(SHARED_MEMORY)) throw noSharedMemory(`input ${quoteName(name)}`);
}

/** The same for a requested output. */
export function checkOutputParameters({ name, parameters }: RequestedOutput): void {
  if (parameters.has(SHARED_MEMORY)) throw noSharedMemory(`output ${quoteName(name)}`);
}

function noSharedMemory(what: string): ServingError {
  return new ServingError(
    'unsupported',
    `${what} is in a shared memory region, and this server has none; send and receive tensors in the message`,
  );
}
