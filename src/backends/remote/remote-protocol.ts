/**
 * The differences between the protocols of other servers: method names, messages, and the batch axis of a signature.
 */
import type { BatchAxis, Signature, TensorSpec } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** Readers throw ServingError for bytes that are not their message; their results are views of it. */
export interface RemoteProtocol {
  /** "/package.Service/Method" of the metadata call. */
  readonly metadataPath: string;
  writeMetadataRequest(): Uint8Array;
  /** Leaves out signatures with a tensor of an unsupported type. */
  readSignatures(message: Uint8Array): ReadonlyMap<string, Signature>;
  readonly predictPath: string;
  writePredictRequest(signatureName: string, inputs: TensorMap, outputs: readonly string[]): Uint8Array;
  readPredictResponse(message: Uint8Array): TensorMap;
}

type Specs = ReadonlyMap<string, TensorSpec>;

/** Dim 0 is the batch if it is free in every input and output. A remote model cannot be probed as a local one is. */
export function batchAxisOf(inputs: Specs, outputs: Specs): BatchAxis {
  const isFree = ({ shape }: TensorSpec): boolean => shape?.[0] === -1;
  const isBatch = inputs.size > 0 && [...inputs.values(), ...outputs.values()].every(isFree);
  return { kind: isBatch ? 'dynamic' : 'none' };
}
