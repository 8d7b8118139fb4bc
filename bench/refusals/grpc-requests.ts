/** The requests of kinds.ts over gRPC: Predict, and the Open Inference Protocol's ModelInfer. */
import { Buffer } from 'node:buffer';
import type grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import type { BenchModel } from '../compare/models.ts';
import { type GrpcRequest, ONE_CALLER, RIGHT, type ServerName, type SurfaceName, TOO_MANY_BYTES } from './kinds.ts';

/** The differences from the right request. */
interface Fault {
  readonly model?: string;
  readonly version?: string;
  readonly input?: string;
  readonly isInteger?: boolean;
  readonly values?: readonly number[];
  readonly shape?: readonly number[];
}

interface Form {
  readonly path: string;
  message(fault: Fault): Uint8Array;
}

const TIMEOUT_MS = 60_000;
/** The least that grpc-timeout can say. */
const NO_TIME_MS = 0.001;
/** gRPC's statuses, by name in https://grpc.io/docs/guides/status-codes/. */
const [OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED] = [0, 3, 4, 5, 8, 12];

function methodOf(file: string, service: string, name: string): grpc.MethodDefinition<object, object> {
  const definition = protoLoader.loadSync(file, { includeDirs: ['proto'] })[service] as grpc.ServiceDefinition;
  return definition[name]!;
}

const bytesOf = (values: readonly number[], isInteger: boolean): Uint8Array =>
  new Uint8Array((isInteger ? Int32Array.from(values) : Float32Array.from(values)).buffer);

function predict(right: BenchModel): Form {
  const file = 'tensorflow_serving/apis/prediction_service.proto';
  const { path, requestSerialize } = methodOf(file, 'tensorflow.serving.PredictionService', 'Predict');
  return {
    path,
    message: ({ model, version, input, isInteger = false, values = [...right.row], shape }) => {
      const dim = (shape ?? [1, ...right.rowShape]).map((size) => ({ size }));
      const dtype = isInteger ? 'DT_INT32' : 'DT_FLOAT';
      const tensor = { dtype, tensorShape: { dim }, tensorContent: bytesOf(values, isInteger) };
      const modelSpec = { name: model ?? right.name, ...(version && { version: { value: version } }) };
      return requestSerialize({ modelSpec, inputs: { [input ?? right.input]: tensor } });
    },
  };
}

function modelInfer(right: BenchModel): Form {
  const { path, requestSerialize } = methodOf('grpc_service.proto', 'inference.GRPCInferenceService', 'ModelInfer');
  return {
    path,
    message: ({ model, version = '', input, isInteger = false, values = [...right.row], shape }) =>
      requestSerialize({
        ...{ modelName: model ?? right.name, modelVersion: version },
        inputs: [
          {
            name: input ?? right.input,
            datatype: isInteger ? 'INT32' : 'FP32',
            shape: shape ?? [1, ...right.rowShape],
          },
        ],
        rawInputContents: [bytesOf(values, isInteger)],
      }),
  };
}

export function grpcRequests(surface: SurfaceName, model: BenchModel): readonly GrpcRequest[] {
  const { path, message } = surface === 'TFS gRPC' ? predict(model) : modelInfer(model);
  const right = { path, message: message({}), timeoutMs: TIMEOUT_MS };
  const request = (kind: string, status: number, parts: Partial<GrpcRequest>, server: ServerName = 'usual') => ({
    ...right,
    ...{ kind, status, server },
    ...parts,
  });
  const row = Array.from(model.row);
  const wrongShape =
    model.rowShape.length === 0
      ? { shape: [1, 2], values: [1, 2] }
      : { shape: [1, row.length - 1], values: row.slice(0, -1) };
  return [
    request(RIGHT, OK, {}),
    request('unknown model', NOT_FOUND, { message: message({ model: 'no_such' }) }),
    request('wrong version', NOT_FOUND, { message: message({ version: '77' }) }),
    request('bad at byte 1', INVALID_ARGUMENT, { message: broken(right.message, 0) }),
    request('bad at the end', INVALID_ARGUMENT, { message: right.message.subarray(0, -1) }),
    request('wrong shape', INVALID_ARGUMENT, { message: message(wrongShape) }),
    request('wrong type', INVALID_ARGUMENT, { message: message({ isInteger: true }) }),
    request('wrong name', INVALID_ARGUMENT, { message: message({ input: `${model.input}y` }) }),
    request('too large', RESOURCE_EXHAUSTED, { message: Buffer.alloc(TOO_MANY_BYTES) }, 'strict'),
    request('deadline past', DEADLINE_EXCEEDED, { timeoutMs: NO_TIME_MS }),
    request('over quota', RESOURCE_EXHAUSTED, { metadata: ONE_CALLER }, 'strict'),
    request('no such path', UNIMPLEMENTED, { path: '/no.such.Service/Method' }),
  ];
}

/** A byte that no protobuf message may have there. */
function broken(message: Uint8Array, at: number): Uint8Array {
  const bytes = Uint8Array.from(message);
  bytes[at] = 0xff;
  return bytes;
}
