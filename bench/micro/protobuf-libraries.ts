/**
 * The libraries that our protobuf codec is held against, each as its guide shows it, for PredictRequest and
 * PredictResponse: @bufbuild/protobuf, protobufjs (reflection: it compiles a decoder when first used), and what
 * @grpc/proto-loader gives @grpc/grpc-js.
 */
import { join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

export { decode, encode, messageType } from '../../test/support/proto-registry.ts';

export const REQUEST = 'tensorflow.serving.PredictRequest';
export const RESPONSE = 'tensorflow.serving.PredictResponse';

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join('proto', target);
root.loadSync('tensorflow_serving/apis/predict.proto');

export function protobufjsType(name: string): protobuf.Type {
  return root.lookupType(name);
}

/** A type of the Open Inference Protocol. */
export function inferenceType(name: string): protobuf.Type {
  inference ??= new protobuf.Root().loadSync('proto/grpc_service.proto');
  return inference.lookupType(`inference.${name}`);
}

let inference: protobuf.Root | undefined;

export const predictMethod = (
  protoLoader.loadSync('tensorflow_serving/apis/prediction_service.proto', {
    keepCase: true,
    longs: String,
    enums: String,
    includeDirs: ['proto'],
  })['tensorflow.serving.PredictionService'] as ServiceDefinition
)['Predict']!;
