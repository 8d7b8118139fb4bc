/** An extension of the protocol by another feature, which requires this one. It is made with the surfaces of a server. */
import type { Buffer } from 'node:buffer';
import type { InferRequest } from '../../../codec/open-inference/infer-request.ts';
import { factKey } from '../../../core/collections/facts.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import type { SurfaceParts } from '../../../kernel/installation.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { Operation } from '../../../proxy/protocols/rest/operation.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';

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

export interface Extension {
  /** Its names in the server's metadata. */
  readonly names: readonly string[];
  /** Methods of the gRPC service. */
  readonly grpc: readonly Method<Uint8Array, Uint8Array>[];
  readonly rest: readonly RestLookup[];
  /** JSON Schemas of the bodies that `rest` names. */
  readonly schemas: Readonly<Record<string, object>>;
  /** Undefined for a request that carries all of its tensors. One extension may have it. */
  tensorsOf?(request: InferRequest, context: RequestContext): NamedTensors | undefined;
  /** Paths that are named to whoever asks for one that is not there. */
  readonly mainPaths?: readonly string[];
}

/** The extensions of a server. */
export const EXTENSIONS = factKey<((parts: SurfaceParts) => Extension)[]>('open-inference extensions');
