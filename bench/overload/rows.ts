/**
 * The question to a model: one row of numbers of both signs, as wide as its input; and ONNX Runtime's own answer to it.
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import type grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';
import type { Workload } from './workload.ts';

/** TensorFlow Serving's method. */
export const PREDICT = (
  protoLoader.loadSync('tensorflow_serving/apis/prediction_service.proto', { includeDirs: ['proto'] })[
    'tensorflow.serving.PredictionService'
  ] as grpc.ServiceDefinition
)['Predict']!;

export const PREDICT_PATH = PREDICT.path;

const MODEL_INFER = (
  protoLoader.loadSync('grpc_service.proto', { includeDirs: ['proto'] })[
    'inference.GRPCInferenceService'
  ] as grpc.ServiceDefinition
)['ModelInfer']!;

export const MODEL_INFER_PATH = MODEL_INFER.path;

export interface ModelRow {
  readonly input: string;
  /** The shape without the batch axis. */
  readonly rowShape: readonly number[];
  readonly row: Float32Array;
  /** The first output. */
  readonly answer: readonly number[];
}

/** The rows by the files of the workloads' models, in the directory of what bench/models/export.py writes. */
export async function rowsOfModels(workloads: readonly Workload[], models: string): Promise<Map<string, ModelRow>> {
  const rows = new Map<string, ModelRow>();
  for (const { file } of workloads.flatMap((workload) => workload.models)) {
    if (!rows.has(file)) rows.set(file, await rowOf(join(models, file, '1', 'model.onnx')));
  }
  return rows;
}

/** A row of the first input of an ONNX file, which is float32. Throws if a row has no fixed shape. */
export async function rowOf(file: string): Promise<ModelRow> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, executionProviders: ['cpu'] });
  try {
    const metadata = session.inputMetadata[0]!;
    const rowShape = metadata.isTensor ? metadata.shape.slice(1) : ['not a tensor'];
    if (rowShape.some((size) => typeof size !== 'number')) {
      throw new Error(`a row of ${file} is ${JSON.stringify(rowShape)}; wanted are fixed sizes beside dim 0`);
    }
    const length = (rowShape as number[]).reduce((product, size) => product * size, 1);
    const row = Float32Array.from({ length }, (_, i) => Number(Math.sin(i + 1).toPrecision(7)));
    const feeds = { [metadata.name]: new Tensor('float32', row, [1, ...(rowShape as number[])]) };
    const outputs = await session.run(feeds);
    const answer = Array.from(outputs[session.outputNames[0]!]!.data as Float32Array, Number);
    return { input: metadata.name, rowShape: rowShape as number[], row, answer };
  } finally {
    await session.release();
  }
}

/** A PredictRequest for `model` whose input is a tensor_content, as base64. */
export function predictMessage(model: string, { input, rowShape, row }: ModelRow): string {
  const tensor = {
    dtype: 'DT_FLOAT',
    tensorShape: { dim: [1, ...rowShape].map((size) => ({ size })) },
    tensorContent: new Uint8Array(row.buffer),
  };
  const bytes = PREDICT.requestSerialize({ modelSpec: { name: model }, inputs: { [input]: tensor } });
  return Buffer.from(bytes).toString('base64');
}

/** A ModelInferRequest that may wait so long in Triton's queue, as base64. */
export function inferMessage(model: string, { input, rowShape, row }: ModelRow, queueTimeoutMs: number): string {
  const bytes = MODEL_INFER.requestSerialize({
    modelName: model,
    parameters: { timeout: { int64Param: Math.round(queueTimeoutMs * 1000) } },
    inputs: [{ name: input, datatype: 'FP32', shape: [1, ...rowShape] }],
    rawInputContents: [new Uint8Array(row.buffer)],
  });
  return Buffer.from(bytes).toString('base64');
}

/** Asks over REST's Open Inference Protocol, at `origin`. Throws unless the answer is ONNX Runtime's own. */
export async function requireInference(origin: string, model: string, modelRow: ModelRow): Promise<void> {
  const { input, row, rowShape, answer } = modelRow;
  const url = `${origin}/v2/models/${model}/infer`;
  const inputs = [{ name: input, datatype: 'FP32', shape: [1, ...rowShape], data: Array.from(row) }];
  const reply = await fetch(url, { method: 'POST', body: JSON.stringify({ inputs }) });
  const text = await reply.text();
  const { outputs } = reply.ok ? (JSON.parse(text) as { outputs: { data: number[] }[] }) : { outputs: [] };
  requireNear(outputs[0]?.data ?? [], answer, `${url} answered ${reply.status} ${text.slice(0, 200)}`);
}

/** Asks over REST, at `origin`. Throws unless the answer is ONNX Runtime's own. */
export async function requireAnswer(origin: string, model: string, { row, rowShape, answer }: ModelRow): Promise<void> {
  const url = `${origin}/v1/models/${model}:predict`;
  const reply = await fetch(url, { method: 'POST', body: JSON.stringify({ instances: [nested(row, rowShape)] }) });
  const text = await reply.text();
  const { predictions } = reply.ok ? (JSON.parse(text) as { predictions: unknown[] }) : { predictions: [] };
  const values = [predictions[0]].flat(Infinity) as number[];
  requireNear(values, answer, `${url} answered ${reply.status} ${text.slice(0, 200)}`);
}

function requireNear(values: readonly number[], wanted: readonly number[], what: string): void {
  const isRight = values.length === wanted.length && values.every((value, i) => isNear(value, wanted[i]!));
  if (!isRight) throw new Error(`${what}, which is not what ONNX Runtime says`);
}

function isNear(value: number, wanted: number): boolean {
  return Math.abs(value - wanted) <= 1e-3 * Math.max(1, Math.abs(wanted));
}

function nested(values: Float32Array, shape: readonly number[]): unknown {
  if (shape.length === 0) return values[0];
  const size = values.length / shape[0]!;
  if (shape.length === 1) return Array.from(values);
  return Array.from({ length: shape[0]! }, (_, i) => nested(values.subarray(i * size, (i + 1) * size), shape.slice(1)));
}
