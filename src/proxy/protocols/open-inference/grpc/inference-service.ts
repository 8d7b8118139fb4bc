/**
 * inference.GRPCInferenceService: the Open Inference Protocol (KServe V2) with Triton's extensions, over gRPC.
 *
 * ServerLive and ServerReady are outside the request lifecycle, as grpc.health.v1 is: a server that drains still says
 * that it lives, and that it is not ready.
 */
import { varintField } from '../../../../codec/protobuf/wire-writer.ts';
import type { ExchangeContext } from '../../../exchange.ts';
import type { CallReader, GrpcCall, GrpcEngine } from '../../../grpc/engine.ts';
import { OK } from '../../../grpc/grpc-errors.ts';
import { unaryMethod, unbuiltMethod } from '../../../grpc/grpc-wire.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import type { OpenInference } from '../open-inference.ts';
import { InferCodec, type InferCodecOptions } from './infer-codec.ts';
import { InferMethod } from './infer-method.ts';
import { InferStreams } from './infer-streams.ts';
import { lookupMethods } from './lookup-methods.ts';

export const INFERENCE_SERVICE = 'inference.GRPCInferenceService';

const CUDA_SHARED_MEMORY = ['Status', 'Register', 'Unregister'].map((verb) => `CudaSharedMemory${verb}`);

export interface InferenceServiceOptions extends InferCodecOptions {
  readonly openInference: OpenInference;
  readonly resolver: ModelResolver;
}

/** Registers all methods. The result ends the open streams when the server drains. */
export function registerInferenceService(
  engine: GrpcEngine,
  { openInference, resolver, maxTensorBytes, thread }: InferenceServiceOptions,
  shared: ExchangeContext,
): InferStreams {
  const codec = new InferCodec({ maxTensorBytes, thread });
  const infer = new InferMethod('ModelInfer', openInference, resolver, codec);
  engine.register(unaryMethod(INFERENCE_SERVICE, infer, shared));
  for (const method of lookupMethods(openInference)) engine.register(unaryMethod(INFERENCE_SERVICE, method, shared));
  for (const name of CUDA_SHARED_MEMORY) {
    engine.register(unbuiltMethod(INFERENCE_SERVICE, name, shared, 'send and receive tensors in the messages'));
  }
  registerHealth(engine, openInference);
  const streams = new InferStreams(new InferMethod('ModelStreamInfer', openInference, resolver, codec), shared);
  engine.register(streams.methodOf(INFERENCE_SERVICE));
  return streams;
}

/** ServerLiveResponse: 1 live; ServerReadyResponse: 1 ready. */
function registerHealth(engine: GrpcEngine, { readiness }: OpenInference): void {
  const register = (name: string, holds: () => boolean): void =>
    engine.register({
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
  register('ServerLive', () => true);
  register('ServerReady', () => readiness.isReady);
}
