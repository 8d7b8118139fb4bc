/** An extension of the protocol by another feature, which requires this one. It is made with the surfaces of a server. */
import type { Buffer } from 'node:buffer';
import type { InferRequest } from '../../../codec/open-inference/infer-request.ts';
import { factKey } from '../../../core/collections/facts.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import type { SurfaceParts } from '../../../kernel/installation.ts';
import type { Call } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { Operation } from '../../../proxy/protocols/rest/operation.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import type { ChosenMethod } from '../../../proxy/servers/rest-part.ts';
import type { OpenInferenceInputs } from '../model-lookups.ts';

export interface RestLookup extends Operation {
  /** Answers it. `region`: the region of shared memory in the path, or ''. */
  methodOf(region: string): Method<Buffer>;
}

/** The tensors of a request that it names and does not carry. */
export interface NamedTensors {
  readonly hasOutputs: boolean;
  /** The inputs of the request, beside those that were sent. Throws or rejects with ServingError. */
  read(sent: TensorMap): TensorMap | Promise<TensorMap>;
  /** The outputs; those that went elsewhere have no data. Throws or rejects with ServingError. */
  write(outputs: TensorMap): TensorMap | Promise<TensorMap>;
}

/** A request of the protocol that was read, whose answer any form may write. */
export interface Inferred extends Call<TensorMap> {
  /** Empty = the answer has none. */
  readonly id: string;
  /** The model that has answered. */
  readonly modelName: string;
  readonly modelVersion: string;
  /** The outputs in the order of the answer. */
  inOrder(outputs: TensorMap): TensorMap;
}

/** The part of the protocol's calls that forms of other features use. Throws or rejects with ServingError. */
export interface Inference {
  /** The inputs that a request for the version may have. */
  inputs(name: string, version: string, context: RequestContext): OpenInferenceInputs;
  infer(request: InferRequest, context: RequestContext): Inferred | Promise<Inferred>;
}

/** A form of infer over REST, on paths of its own. */
export interface RestInference extends Operation {
  choose(inference: Inference): ChosenMethod;
}

export interface Extension {
  /** Its names in the server's metadata. */
  readonly names: readonly string[];
  /** Methods of the gRPC service. */
  readonly grpc: readonly Method<Uint8Array, Uint8Array>[];
  readonly rest: readonly RestLookup[];
  /** Forms of infer. Default: none. */
  readonly inferences?: readonly RestInference[];
  /** JSON Schemas of the bodies that `rest` names. */
  readonly schemas: Readonly<Record<string, object>>;
  /** Undefined for a request that carries all of its tensors. One extension may have it. */
  tensorsOf?(request: InferRequest, context: RequestContext): NamedTensors | undefined;
  /** Paths that are named to whoever asks for one that is not there. */
  readonly mainPaths?: readonly string[];
}

/** The extensions of a server. */
export const EXTENSIONS = factKey<((parts: SurfaceParts) => Extension)[]>('open-inference extensions');
