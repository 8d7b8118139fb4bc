/** half_plus_two for the tests behind Envoy: sidecars that serve it, and clients that know what it answers. */
import { Buffer } from 'node:buffer';
import * as grpc from '@grpc/grpc-js';
import { decode, encode } from '../support/proto-registry.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

export const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';

/** Rows at which a patient sidecar runs. */
export const PATIENT_ROWS = 600;
/** Longer than any test: a patient sidecar runs when its batch is full, and not before. */
const PATIENCE_MICROS = 1_000_000_000;

export function startHalfPlusTwo(
  args: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<Sidecar> {
  return startSidecar([MODEL, ...args], environment);
}

/** One whose requests wait until they are PATIENT_ROWS rows together, or most of a deadline is over. */
export function startPatient(): Promise<Sidecar> {
  const rows = String(PATIENT_ROWS);
  return startHalfPlusTwo([`--max_batch_size=${rows}`, `--batch_timeout_micros=${PATIENCE_MICROS}`]);
}

/** "host:port", without the scheme. */
export function restAddress({ rest }: Sidecar): string {
  return new URL(rest).host;
}

export const halfPlusTwo = (values: readonly number[]): number[] => values.map((value) => value / 2 + 2);

export interface GrpcClient {
  /** Rejects with grpc.ServiceError. */
  predict(values: readonly number[], options?: grpc.CallOptions): Promise<number[]>;
  /** The same, to be cancelled. */
  begin(values: readonly number[]): { readonly call: grpc.ClientUnaryCall; readonly answer: Promise<number[]> };
  close(): void;
}

/** A client with one connection of its own, to each address. */
export function grpcClient(address: string, options: grpc.ClientOptions = {}): GrpcClient {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    ...options,
  });
  const begin = (values: readonly number[], options: grpc.CallOptions = {}): ReturnType<GrpcClient['begin']> => {
    let call!: grpc.ClientUnaryCall;
    const answer = new Promise<number[]>((resolve, reject) => {
      call = client.makeUnaryRequest(
        PREDICT,
        Buffer.from,
        readAnswer,
        predictRequest(values),
        options,
        (error, got) => {
          if (error) reject(error);
          else resolve(got!);
        },
      );
    });
    return { call, answer };
  };
  return {
    begin,
    predict: (values, options) => begin(values, options).answer,
    close: () => client.close(),
  };
}

export function predictRequest(values: readonly number[]): Buffer {
  const x = { dtype: 1, tensorShape: { dim: [{ size: BigInt(values.length) }] }, floatVal: values };
  const request = { modelSpec: { name: 'half_plus_two' }, inputs: { x } };
  return Buffer.from(encode('tensorflow.serving.PredictRequest', request));
}

function readAnswer(bytes: Buffer): number[] {
  const { outputs } = decode('tensorflow.serving.PredictResponse', bytes) as unknown as {
    outputs: { y: { floatVal: number[] } };
  };
  return outputs.y.floatVal;
}

/** Over REST; `address` is "host:port". Rejects with whatever was said instead of predictions. */
export async function restPredict(address: string, values: readonly number[]): Promise<number[]> {
  const body = JSON.stringify({ instances: values });
  const response = await fetch(`http://${address}/v1/models/half_plus_two:predict`, { method: 'POST', body });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return (JSON.parse(text) as { predictions: number[] }).predictions;
}
