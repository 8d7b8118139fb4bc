/**
 * The gRPC counterpart: @grpc/grpc-js and @grpc/proto-loader as their guides show, one run a request. The baseline of
 * gRPC figures. Usage: grpc-js-server.js MODEL.onnx; prints its port.
 */
import process from 'node:process';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';

interface TensorProto {
  readonly tensor_shape: { readonly dim: readonly { readonly size: string }[] };
  readonly float_val: readonly number[];
  readonly tensor_content: Uint8Array;
}
interface PredictRequest {
  readonly model_spec: { readonly name: string };
  readonly inputs: Readonly<Record<string, TensorProto>>;
}

const session = await InferenceSession.create(process.argv[2]!, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionProviders: ['cpu'],
});

const inputName = session.inputNames[0]!;

function tensorProto({ data, dims }: Tensor): object {
  const shape = { dim: dims.map((size) => ({ size })) };
  return data instanceof BigInt64Array
    ? { dtype: 'DT_INT64', tensor_shape: shape, int64_val: Array.from(data, String) }
    : { dtype: 'DT_FLOAT', tensor_shape: shape, float_val: Array.from(data as Float32Array) };
}

async function predict(request: PredictRequest): Promise<object> {
  const input = request.inputs[inputName]!;
  const { tensor_content: content } = input;
  const floats =
    content.length > 0
      ? new Float32Array(content.buffer.slice(content.byteOffset, content.byteOffset + content.length))
      : Float32Array.from(input.float_val);
  const shape = input.tensor_shape.dim.map((dim) => Number(dim.size));
  const results = await session.run({ [inputName]: new Tensor('float32', floats, shape) });
  const outputs = session.outputNames.map((name) => [name, tensorProto(results[name]!)]);
  return { model_spec: { name: request.model_spec.name }, outputs: Object.fromEntries(outputs) };
}

const definition = protoLoader.loadSync('tensorflow_serving/apis/prediction_service.proto', {
  keepCase: true,
  longs: String,
  enums: String,
  includeDirs: ['proto'],
});
const service = definition['tensorflow.serving.PredictionService'] as grpc.ServiceDefinition;
const server = new grpc.Server();
server.addService({ Predict: service['Predict']! } as grpc.ServiceDefinition, {
  Predict: (call: grpc.ServerUnaryCall<PredictRequest, object>, done: grpc.sendUnaryData<object>) => {
    predict(call.request).then((response) => done(null, response), done);
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ port }));
});
process.once('SIGTERM', () => process.exit(0));
