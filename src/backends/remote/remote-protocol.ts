/** What differs between the protocols that another server may speak: method names and messages. */
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** Readers throw ServingError for what is no message of theirs; what they give are views of it. */
export interface RemoteProtocol {
  /** "/package.Service/Method", of the call that tells what the model takes and gives. */
  readonly metadataPath: string;
  writeMetadataRequest(): Uint8Array;
  /** Signatures that have a tensor of a type that we cannot hold are left out. */
  readSignatures(message: Uint8Array): ReadonlyMap<string, Signature>;
  readonly predictPath: string;
  writePredictRequest(signatureName: string, inputs: TensorMap, outputs: readonly string[]): Uint8Array;
  readPredictResponse(message: Uint8Array): TensorMap;
}
