/**
 * inference.GRPCInferenceService: the Open Inference Protocol (KServe V2) with Triton's extensions, over gRPC.
 *
 * ServerLive and ServerReady are outside the request lifecycle, as grpc.health.v1 is: a server that drains still says
 * that it lives, and that it is not ready.
 */
import { varintField } from '../../../codec/protobuf/wire-writer.ts';
import type { ExchangeContext } from '../../../proxy/exchange.ts';
import type { CallReader, GrpcCall, GrpcMethod, GrpcService } from '../../../proxy/grpc/engine.ts';
import { OK } from '../../../proxy/grpc/grpc-errors.ts';
import { unaryMethod } from '../../../proxy/grpc/grpc-wire.ts';
import type { ModelResolver } from '../../../proxy/handlers/model-resolver.ts';
import type { OpenInference } from '../open-inference.ts';
import { InferCodec, type InferCodecOptions } from './infer-codec.ts';
import { InferMethod } from './infer-method.ts';
import { InferStreams } from './infer-streams.ts';
import { lookupMethods } from './lookup-methods.ts';

export const INFERENCE_SERVICE = 'inference.GRPCInferenceService';

export interface InferenceServiceOptions extends InferCodecOptions {
  readonly openInference: OpenInference;
  readonly resolver: ModelResolver;
}

export function inferenceService(
  { openInference, resolver, maxTensorBytes, thread }: InferenceServiceOptions,
  shared: ExchangeContext,
): GrpcService {
  const codec = new InferCodec({ maxTensorBytes, thread });
  const infer = new InferMethod('ModelInfer', openInference, resolver, codec);
  const streams = new InferStreams(new InferMethod('ModelStreamInfer', openInference, resolver, codec), shared);
  const unary = [infer, ...lookupMethods(openInference)].map((each) => unaryMethod(INFERENCE_SERVICE, each, shared));
  return {
    name: INFERENCE_SERVICE,
    hasHealth: true,
    methods: [...unary, ...healthMethods(openInference), streams.methodOf(INFERENCE_SERVICE)],
    endStreams: () => streams.end(),
  };
}

/** ServerLiveResponse: 1 live; ServerReadyResponse: 1 ready. */
function healthMethods({ readiness }: OpenInference): readonly GrpcMethod[] {
  const method = (name: string, holds: () => boolean): GrpcMethod => ({
    path: `/${INFERENCE_SERVICE}/${name}`,
    isClientStream: false,
    enforcesDeadline: false,
    start: (call: GrpcCall): CallReader => ({
      onMessage: () => {
        call.send(varintField(1, holds()));
        call.end(OK);
      },
      onAbort: () => undefined,
    }),
  });
  return [method('ServerLive', () => true), method('ServerReady', () => readiness.isReady)];
}
