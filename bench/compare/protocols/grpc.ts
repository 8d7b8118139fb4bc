/** gRPC: TensorFlow Serving's Predict, the Open Inference Protocol's ModelInfer, and bytes without protobuf. */
import { Buffer } from 'node:buffer';
import type grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import type { BenchModel } from '../models.ts';
import type { Protocol } from './protocol.ts';
import { type OpenInferenceOptions, openInferenceShape } from './rest.ts';

interface TensorProto {
  readonly floatVal: number[];
  readonly int64Val: number[];
  readonly tensorContent: Uint8Array;
  readonly dtype: string;
}

interface InferResponse {
  readonly outputs: {
    name: string;
    datatype: string;
    contents?: { fp32Contents: number[]; int64Contents: number[] };
  }[];
  readonly rawOutputContents: Uint8Array[];
}

function methodOf(file: string, service: string, method: string): grpc.MethodDefinition<object, object> {
  const options = { includeDirs: ['proto'], longs: Number, enums: String, defaults: true };
  const definition = protoLoader.loadSync(file, options)[service] as grpc.ServiceDefinition;
  return definition[method]!;
}

const PREDICT = methodOf(
  'tensorflow_serving/apis/prediction_service.proto',
  'tensorflow.serving.PredictionService',
  'Predict',
);
const MODEL_INFER = methodOf('grpc_service.proto', 'inference.GRPCInferenceService', 'ModelInfer');

const rowBytes = ({ row }: BenchModel): Uint8Array => new Uint8Array(row.buffer);

/** Little-endian bytes at any offset. */
function numbersOf(bytes: Uint8Array, isInt64: boolean): number[] {
  const { buffer } = Uint8Array.from(bytes);
  return Array.from(isInt64 ? new BigInt64Array(buffer) : new Float32Array(buffer), Number);
}

/** The input as tensor_content, as TensorFlow's own clients send it. */
export const tensorFlowServing: Protocol = {
  surface: 'gRPC',
  path: () => PREDICT.path,
  headers: () => ({}),
  request: (model) => {
    const dim = [1, ...model.rowShape].map((size) => ({ size }));
    const tensor = { dtype: 'DT_FLOAT', tensorShape: { dim }, tensorContent: rowBytes(model) };
    return PREDICT.requestSerialize({ modelSpec: { name: model.name }, inputs: { [model.input]: tensor } });
  },
  read: (answer, { outputs }) => {
    const reply = PREDICT.responseDeserialize(Buffer.from(answer)) as { outputs: Record<string, TensorProto> };
    return outputs.map(({ name }) => {
      const tensor = reply.outputs[name]!;
      if (tensor.tensorContent.length > 0) return numbersOf(tensor.tensorContent, tensor.dtype === 'DT_INT64');
      return tensor.dtype === 'DT_INT64' ? tensor.int64Val : tensor.floatVal;
    });
  },
};

/** The input as raw_input_contents, as Triton's own clients send it. */
export function openInference(options: OpenInferenceOptions = {}): Protocol {
  return modelInfer((model) => ({
    inputs: [{ name: model.input, datatype: 'FP32', shape: openInferenceShape(model, options) }],
    rawInputContents: [rowBytes(model)],
  }));
}

/** The input as fp32_contents. */
export const openInferenceTyped: Protocol = modelInfer((model) => {
  const contents = { fp32Contents: Array.from(model.row) };
  return { inputs: [{ name: model.input, datatype: 'FP32', shape: openInferenceShape(model, {}), contents }] };
});

function modelInfer(inputsOf: (model: BenchModel) => object): Protocol {
  return {
    surface: 'gRPC',
    path: () => MODEL_INFER.path,
    headers: () => ({}),
    request: (model) => {
      const outputs = model.outputs.map(({ name }) => ({ name }));
      return MODEL_INFER.requestSerialize({ modelName: model.name, outputs, ...inputsOf(model) });
    },
    read: (answer, { outputs }) => {
      const reply = MODEL_INFER.responseDeserialize(Buffer.from(answer)) as unknown as InferResponse;
      return outputs.map(({ name }) => {
        const index = reply.outputs.findIndex((output) => output.name === name);
        const { datatype, contents } = reply.outputs[index]!;
        const raw = reply.rawOutputContents[index];
        if (raw !== undefined) return numbersOf(raw, datatype === 'INT64');
        return datatype === 'INT64' ? contents!.int64Contents : contents!.fp32Contents;
      });
    },
  };
}

/** The row's bytes and nothing else; the answer is the first output's. */
export const rawBytes: Protocol = {
  surface: 'gRPC',
  path: () => '/bench.Raw/Run',
  headers: () => ({}),
  request: rowBytes,
  read: (answer) => [numbersOf(answer, false)],
};
