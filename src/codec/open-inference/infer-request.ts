/**
 * A request of ModelInfer as it was read, whichever form it came in: protobuf, JSON, or JSON with binary tensors. And
 * what every form's reader checks, in the same words.
 */
import type { DType } from '../../core/dtype.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { cutName, quoteName } from '../../core/list-names.ts';
import type { Shape } from '../../core/shape.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** gRPC: bool, int64 and uint64 (bigint), string, double. REST: JSON's own; a bigint for an integer beyond 2^53. */
export type ParameterValue = boolean | number | bigint | string;

export type Parameters = ReadonlyMap<string, ParameterValue>;

export const NO_PARAMETERS: Parameters = new Map();

export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

/** An input whose elements are not in the request: they are in shared memory, where its parameters say. */
export interface SharedInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly parameters: Parameters;
}

export interface InferRequest {
  readonly modelName: string;
  /** The version as it was sent: a number, or a label of ours. Empty = the server chooses. */
  readonly modelVersion: string;
  /** Empty = none; else it is repeated in the answer. */
  readonly id: string;
  readonly parameters: Parameters;
  /** The inputs by name; a reader refuses a name that stands twice (`addInput`). */
  readonly inputs: TensorMap;
  /** The rest of the inputs; absent = none is in shared memory. Their names may stand twice. */
  readonly sharedInputs?: readonly SharedInput[];
  /** The wanted outputs in the order of the answer; empty = all outputs. */
  readonly outputs: readonly RequestedOutput[];
}

/** The most inputs, outputs and parameters that a request may name: far more than any model has. */
export const MAX_NAMES = 1000;

const SHARED_MEMORY = 'shared_memory_region';

/** The most parameters of a request and all its tensors together. */
const MAX_PARAMETERS = 4 * MAX_NAMES;

/** The most bytes of a name, an id or a version. */
export const MAX_TEXT_BYTES = 64 * 1024;

/** Whether the tensor with these parameters is in shared memory. */
export function isInSharedMemory(parameters: Parameters): boolean {
  return parameters.has(SHARED_MEMORY);
}

/** Throws if more than MAX_NAMES stand in `field`. */
export function checkNameCount(field: string, count: number): void {
  if (count > MAX_NAMES) throw tooMany(field, MAX_NAMES);
}

/** The same for all parameters of a request together. */
export function checkParameterCount(count: number): void {
  if (count > MAX_PARAMETERS) throw tooMany('a request with its tensors', MAX_PARAMETERS, 'parameters');
}

function tooMany(where: string, most: number, what = 'entries'): ServingError {
  return invalidRequest(`${where} has more than ${most} ${what}; send those that are needed`);
}

/** The refusal of a second input of a name. */
export function duplicateInput(name: string): ServingError {
  return invalidRequest(`input '${cutName(name)}' already exists in request; send each input once`);
}

/** The refusal of an input with typed contents beside raw ones. */
export function mixedContents(name: string, model: string): ServingError {
  const where = `for '${cutName(name)}' for model '${cutName(model)}'`;
  return invalidRequest(
    `contents field must not be specified when using raw_input_contents ${where}; send all inputs in one of the two`,
  );
}

/** The refusal of an input with elements both in the request and in shared memory. */
export function sharedAndSent(name: string, own: string): ServingError {
  return invalidRequest(
    `input ${quoteName(name)} has elements in ${own}, beside a shared memory region; send them in one of the two`,
  );
}
