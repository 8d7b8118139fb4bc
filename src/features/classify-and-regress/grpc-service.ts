/** The methods of tensorflow.serving.PredictionService that take tf.Examples. */
import type { ExchangeContext, Method } from '../../proxy/exchange.ts';
import { type GrpcService, MESSAGE_HEAD_BYTES } from '../../proxy/grpc/engine.ts';
import { unaryMethod } from '../../proxy/grpc/grpc-wire.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { PREDICTION_SERVICE } from '../../proxy/protocols/tensorflow-serving/grpc/prediction-service.ts';
import { madeOf } from '../../proxy/protocols/tensorflow-serving/protobuf-codec.ts';
import { CLASSIFY } from './classify.ts';
import { ExamplesCall } from './examples-call.ts';
import type { ExamplesCodec } from './examples-codec.ts';
import type { Classified, InferenceResult, Regressed } from './inference-results.ts';
import { MultiInferenceCall } from './multi-inference.ts';
import { REGRESS } from './regress.ts';
import {
  writeClassificationResponse,
  writeMultiInferenceResponse,
  writeRegressionResponse,
} from './response-writer.ts';

export function examplesService(resolver: ModelResolver, codec: ExamplesCodec, shared: ExchangeContext): GrpcService {
  const methods: readonly Method<Uint8Array>[] = [
    {
      name: 'Classify',
      access: 'classify',
      decode: (message, _path, context) =>
        madeOf(
          codec.examples(message, 'ClassificationRequest', context),
          (request) => new ExamplesCall(CLASSIFY, resolver, request, context),
        ),
      encode: (classified) => writeClassificationResponse(classified, MESSAGE_HEAD_BYTES),
    } satisfies Method<Uint8Array, Classified>,
    {
      name: 'Regress',
      access: 'regress',
      decode: (message, _path, context) =>
        madeOf(
          codec.examples(message, 'RegressionRequest', context),
          (request) => new ExamplesCall(REGRESS, resolver, request, context),
        ),
      encode: (regressed) => writeRegressionResponse(regressed, MESSAGE_HEAD_BYTES),
    } satisfies Method<Uint8Array, Regressed>,
    {
      name: 'MultiInference',
      access: 'multi_inference',
      decode: (message, _path, context) =>
        madeOf(codec.multiInference(message, context), (request) => new MultiInferenceCall(resolver, request, context)),
      encode: (results) => writeMultiInferenceResponse(results, MESSAGE_HEAD_BYTES),
    } satisfies Method<Uint8Array, readonly InferenceResult[]>,
  ];
  return { name: PREDICTION_SERVICE, methods: methods.map((each) => unaryMethod(PREDICTION_SERVICE, each, shared)) };
}
