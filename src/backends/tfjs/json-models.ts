/** Opens the two kinds of models of model.json behind one interface. */
import type { JsonModel, JsonSignature } from './json-model-file.ts';
import { type JsonTensorSpec, specOfModel, specOfSignature } from './json-model-tensors.ts';
import type { TfjsGraphModel, TfjsLayersModel, TfjsLibrary, TfjsTensor } from './tfjs-library.ts';

export type TfjsFeeds = Readonly<Record<string, TfjsTensor>>;

export interface OpenJsonModel {
  readonly inputs: readonly JsonTensorSpec[];
  readonly outputs: readonly JsonTensorSpec[];
  /** The named outputs, in that order. The caller disposes of them. */
  run(feeds: TfjsFeeds, outputs: readonly string[]): readonly TfjsTensor[];
  /** Runs a graph with control flow, for which `run` throws; undefined for layers. */
  readonly runAsync: ((feeds: TfjsFeeds, outputs: readonly string[]) => Promise<readonly TfjsTensor[]>) | undefined;
  dispose(): void;
}

/** Rejects with TensorFlow.js's error for a file that it cannot open. */
export async function openJsonModel(tf: TfjsLibrary, { file, format, signature }: JsonModel): Promise<OpenJsonModel> {
  const handler = tf.io.fileSystem(file);
  if (format === 'layers-model') return layersModel(await tf.loadLayersModel(handler));
  const inputs = signature?.inputs && specsOf(signature.inputs);
  const outputs = signature?.outputs && specsOf(signature.outputs);
  return graphModel(await tf.loadGraphModel(handler), inputs, outputs);
}

/** `inputs` and `outputs` are those of its signature, if it has one. */
function graphModel(
  model: TfjsGraphModel,
  inputs: readonly JsonTensorSpec[] | undefined,
  outputs: readonly JsonTensorSpec[] | undefined,
): OpenJsonModel {
  return {
    inputs: inputs ?? model.inputs.map(specOfInfo),
    outputs: outputs ?? model.outputs.map(specOfInfo),
    run: (feeds, outputs) => [model.execute({ ...feeds }, outputs)].flat(),
    runAsync: async (feeds, outputs) => [await model.executeAsync({ ...feeds }, outputs)].flat(),
    dispose: () => model.dispose(),
  };
}

function specsOf(infos: NonNullable<JsonSignature['inputs']>): readonly JsonTensorSpec[] {
  return Object.entries(infos).map(([name, info]) => specOfSignature(name, info));
}

function specOfInfo({ name, dtype, shape }: TfjsGraphModel['inputs'][number]): JsonTensorSpec {
  return specOfModel(name, dtype, shape);
}

function layersModel(model: TfjsLayersModel): OpenJsonModel {
  if (model.inputNames.length === 0) model.build();
  const { inputNames, outputNames } = model.model ?? model;
  return {
    inputs: model.inputs.map(({ dtype, shape }, i) => specOfModel(inputNames[i]!, dtype, shape)),
    outputs: model.outputs.map(({ dtype, shape }, i) => specOfModel(outputNames[i]!, dtype, shape)),
    run: (feeds, outputs) => {
      const given = [model.predictOnBatch(inputNames.map((name) => feeds[name]!))].flat();
      return outputs.map((name) => given[outputNames.indexOf(name)]!);
    },
    runAsync: undefined,
    dispose: () => model.dispose(),
  };
}

/** True for the error of a graph with control flow, which only a run detects. */
export function wantsAsync(thrown: unknown): boolean {
  return messageOf(thrown).includes('executeAsync()');
}

/** The graph's operation that TensorFlow.js lacks, by the error of a run. */
export function unknownOperation(thrown: unknown): string | undefined {
  return /^Unknown op '([^']*)'/.exec(messageOf(thrown))?.[1];
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : '';
}
