/** ModelInfer, and each request of ModelStreamInfer, as the exchange's method. */
import { peekAtInfer } from '../../../codec/open-inference/infer-peek.ts';
import type { ServingError } from '../../../core/errors.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import type { Permit } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import { MESSAGE_HEAD_BYTES } from '../../../proxy/grpc/engine.ts';
import type { ModelResolver } from '../../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { modelSpecOf } from '../exported/model-reference.ts';
import type { InferCall } from '../infer-call.ts';
import type { OpenInference } from '../open-inference.ts';
import type { InferCodec } from './infer-codec.ts';

/** The name of its requests in records is that of the gRPC method. */
export type InferMethodName = 'ModelInfer' | 'ModelStreamInfer';

export class InferMethod implements Method<Uint8Array, TensorMap, InferCall> {
  readonly name: InferMethodName;
  readonly access = 'predict';
  readonly #openInference: OpenInference;
  readonly #resolver: ModelResolver;
  readonly #codec: InferCodec;
  readonly #form: { readonly room: number; readonly isStreamed: boolean };

  constructor(name: InferMethodName, openInference: OpenInference, resolver: ModelResolver, codec: InferCodec) {
    const isStreamed = name === 'ModelStreamInfer';
    this.name = name;
    this.#openInference = openInference;
    this.#resolver = resolver;
    this.#codec = codec;
    this.#form = { room: isStreamed ? 0 : MESSAGE_HEAD_BYTES, isStreamed };
  }

  decode(message: Uint8Array, _path: ModelSpec, context: RequestContext): InferCall | Promise<InferCall> {
    const request = this.#codec.read(message, context);
    if (!(request instanceof Promise)) return this.#openInference.infer(request, context);
    return request.then((read) => this.#openInference.infer(read, context));
  }

  refusal(message: Uint8Array, _path: ModelSpec, context: RequestContext, permit: Permit): ServingError | undefined {
    const asked = peekAtInfer(message);
    // An empty name is refused where it is read.
    if (asked === undefined || asked.name === '') return undefined;
    const spec = modelSpecOf(asked.name, asked.version);
    const refusal = this.#resolver.refusalOf({ ...spec, signatureName: this.#resolver.soleSignature(spec) }, context);
    if (refusal !== undefined) permit.permit(asked.name);
    return refusal;
  }

  encode(outputs: TensorMap, call: InferCall): Uint8Array | Promise<Uint8Array> {
    return this.#codec.write(call.inOrder(outputs), call, this.#form);
  }
}
