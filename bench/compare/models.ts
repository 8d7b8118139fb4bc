/** The models that are compared, each with the one row that every request carries and ONNX Runtime's answer to it. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';

export const MODEL_NAMES = ['half_plus_two', 'mlp_small', 'mlp_big', 'digits', 'image_mean'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

export interface BenchOutput {
  readonly name: string;
  /** Values for one row. */
  readonly values: readonly number[];
}

export interface BenchModel {
  readonly name: ModelName;
  /** Holds the numbered version's directory. */
  readonly directory: string;
  /** The .onnx file itself. */
  readonly file: string;
  readonly input: string;
  /** The shape without the batch axis; empty if a row is one number. */
  readonly rowShape: readonly number[];
  readonly row: Float32Array;
  readonly outputs: readonly BenchOutput[];
}

/** `models` holds what bench/models/export.py writes. */
export async function loadModel(name: ModelName, models: string): Promise<BenchModel> {
  const directory = name === 'digits' ? join('examples', 'digits', 'models', 'digits') : join(models, name);
  const file = join(directory, '1', 'model.onnx');
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, executionProviders: ['cpu'] });
  const metadata = session.inputMetadata[0]!;
  if (!metadata.isTensor) throw new Error(`the input of ${file} is no tensor`);
  const rowShape = metadata.shape.slice(1) as number[];
  const row = rowOf(
    name,
    rowShape.reduce((product, size) => product * size, 1),
  );
  const results = await session.run({ [metadata.name]: new Tensor('float32', row, [1, ...rowShape]) });
  const outputs = session.outputNames.map((output) => ({
    name: output,
    values: Array.from(results[output]!.data as Float32Array | BigInt64Array, Number),
  }));
  await session.release();
  return { name, directory, file, input: metadata.name, rowShape, row, outputs };
}

/** A scan's grey levels for digits; elsewhere numbers of both signs, as long in JSON as such numbers are. */
function rowOf(name: ModelName, length: number): Float32Array {
  if (name === 'digits') return Float32Array.from({ length }, (_, i) => Math.round(8 + 8 * Math.sin(i)));
  return Float32Array.from({ length }, (_, i) => Number(Math.sin(i + 1).toPrecision(7)));
}
