/**
 * The differences between the protocols of other servers: method names, messages, and how a server is asked whether
 * requests for a signature may share runs.
 */
import type { ReportedAxis } from '../../codec/tensorflow/batch-axes-text.ts';
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
  /** The version that gave the answer, as a decimal; undefined = the answer names none. */
  readAnsweringVersion(message: Uint8Array): string | undefined;
  /** Asked in this order, until the server knows one of them. */
  readonly axisQuestions: readonly AxisQuestion[];
}

/** A call whose answer says how requests share runs. */
export interface AxisQuestion {
  /** "/package.Service/Method" */
  readonly path: string;
  write(): Uint8Array;
  read(message: Uint8Array): ReportedAxes;
}

/** The server's report about its batch axes. */
export interface ReportedAxes {
  /** The version that it says it of, as a decimal; undefined = of whichever answers. */
  readonly version: string | undefined;
  /** The axes by signature; one that is not there is not known to keep rows apart. */
  readonly axes: ReadonlyMap<string, ReportedAxis>;
}

type Specs = ReadonlyMap<string, TensorSpec>;

/** The candidate: dim 0 is free in every input and output. Only its server can tell whether it is a batch. */
export function batchAxisOf(inputs: Specs, outputs: Specs): BatchAxis {
  const isFree = ({ shape }: TensorSpec): boolean => shape?.[0] === -1;
  const isBatch = inputs.size > 0 && [...inputs.values(), ...outputs.values()].every(isFree);
  return { kind: isBatch ? 'dynamic' : 'none' };
}
