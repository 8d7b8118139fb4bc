/**
 * One request as both surfaces say it, and the pieces that bad ones are made of.
 *
 *   predict({ model: 'pair', inputs: { a: floats([1, 2]), b: int64s([1n, 2n]) } })
 *     ─▶ rest: POST /v1/models/pair:predict {"inputs":{"a":[1,2],"b":[1,2]}}
 *     ─▶ grpc: PredictRequest {model_spec {name: "pair"}, inputs {…}}
 */
import { Buffer } from 'node:buffer';
import type { DType } from '../../src/core/dtype.ts';
import { decode, encode, type Fields } from './proto-registry.ts';

export const PREDICT = '/tensorflow.serving.PredictionService/Predict';

/** A request of REST over HTTP/2 that differs from that over HTTP/1.1. */
export interface StreamSend {
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
  /** It announces no length of its body. */
  readonly isUnannounced?: boolean;
  /** The client does not end its side before it has its answer. */
  readonly isOpen?: boolean;
}

/** A request that goes over REST, or `bytes` as they are. */
export interface RestSend {
  readonly path?: string;
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: readonly string[];
  readonly bytes?: string | Uint8Array;
  /** The same over HTTP/2, if there are `bytes`. Absent then: they mean nothing there. */
  readonly http2?: StreamSend;
  /** Sent once the answer is there: what is left of the request. */
  readonly rest?: string | Uint8Array;
}

/** A message that goes over gRPC, or `data`, the bytes of its stream, framed by hand. */
export interface GrpcSend {
  readonly path?: string;
  readonly message?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: Uint8Array;
  /** The client does not end its side before it has its answer. */
  readonly isOpen?: boolean;
}

export interface Sends {
  readonly rest?: RestSend;
  readonly grpc?: GrpcSend;
}

/** The number of each dtype in tensorflow/core/framework/types.proto and its field in TensorProto. */
export const TF_DTYPES: Readonly<Record<DType, readonly [number: number, field: string]>> = {
  float32: [1, 'floatVal'],
  float64: [2, 'doubleVal'],
  int32: [3, 'intVal'],
  uint8: [4, 'intVal'],
  int16: [5, 'intVal'],
  int8: [6, 'intVal'],
  string: [7, 'stringVal'],
  int64: [9, 'int64Val'],
  bool: [10, 'boolVal'],
  bfloat16: [14, 'halfVal'],
  uint16: [17, 'intVal'],
  float16: [19, 'halfVal'],
  uint32: [22, 'uint32Val'],
  uint64: [23, 'uint64Val'],
};

export type Value = number | bigint | boolean | string;

export interface SurfaceTensor {
  readonly dtype: DType;
  readonly shape: readonly (number | bigint)[];
  /** The values row by row. */
  readonly values: readonly Value[];
}

export interface SurfacePredict {
  readonly model: string;
  readonly inputs: Readonly<Record<string, SurfaceTensor>>;
  readonly signature?: string;
  readonly version?: bigint;
  readonly label?: string;
}

export function tensor(dtype: DType, shape: readonly (number | bigint)[], values: readonly Value[]): SurfaceTensor {
  return { dtype, shape, values };
}

/** One row of floats. */
export function floats(...values: readonly number[]): SurfaceTensor {
  return tensor('float32', [1, values.length], values);
}

/** The request on both surfaces: columnar on REST, typed *_val fields on gRPC. */
export function predict(request: SurfacePredict): Required<Sends> {
  const { model, signature, version, label } = request;
  const inputs = Object.entries(request.inputs).map(([name, value]) => `${JSON.stringify(name)}:${nested(value)}`);
  const named = signature === undefined ? '' : `"signature_name":${JSON.stringify(signature)},`;
  const which = version === undefined ? (label === undefined ? '' : `/labels/${label}`) : `/versions/${version}`;
  return {
    rest: {
      path: `/v1/models/${encodeURIComponent(model)}${which}:predict`,
      body: `{${named}"inputs":{${inputs.join(',')}}}`,
    },
    grpc: {
      message: predictMessage(request.model, mapValues(request.inputs, tensorProto), {
        ...(signature !== undefined && { signatureName: signature }),
        ...(version !== undefined && { versionChoice: { case: 'version', value: { value: version } } }),
        ...(label !== undefined && { versionChoice: { case: 'versionLabel', value: label } }),
      }),
    },
  };
}

/** A PredictRequest whose TensorProtos are given field by field. */
export function predictMessage(model: string, inputs: Readonly<Record<string, Fields>>, spec: Fields = {}): Uint8Array {
  return encode('tensorflow.serving.PredictRequest', { modelSpec: { name: model, ...spec }, inputs });
}

export function tensorProto({ dtype, shape, values }: SurfaceTensor): Fields {
  const [number, field] = TF_DTYPES[dtype];
  const list = dtype === 'string' ? values.map((value) => Buffer.from(String(value))) : [...values];
  return { ...protoHead(number, shape), [field]: list };
}

/** dtype and tensor_shape alone. */
export function protoHead(dtype: number, shape: readonly (number | bigint)[]): Fields {
  return { dtype, tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) } };
}

/** The first output of a PredictResponse, whichever field its values are in. */
export function outputOf(message: Uint8Array): { shape: number[]; values: unknown[] } {
  const { outputs } = decode('tensorflow.serving.PredictResponse', message) as unknown as {
    outputs: Record<string, Record<string, unknown>>;
  };
  const proto = Object.values(outputs)[0]!;
  const { dim } = proto['tensorShape'] as { dim: { size: bigint }[] };
  const number = proto['dtype'] as number;
  const field = Object.values(TF_DTYPES).find(([n]) => n === number)![1];
  return { shape: dim.map(({ size }) => Number(size)), values: proto[field] as unknown[] };
}

/** The values as nested JSON lists. */
export function nested({ shape, values }: SurfaceTensor): string {
  let at = 0;
  const level = (depth: number): string => {
    if (depth === shape.length) return jsonValue(values[at++]!);
    return `[${Array.from({ length: Number(shape[depth]) }, () => level(depth + 1)).join(',')}]`;
  };
  return level(0);
}

function jsonValue(value: Value): string {
  if (Object.is(value, -0)) return '-0.0';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
