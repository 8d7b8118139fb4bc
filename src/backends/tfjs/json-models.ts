/** Opens the two kinds of models of model.json behind one interface. */
import type { TensorSpec } from '../../core/signature.ts';
import type { JsonModel, JsonSignature } from './json-model-file.ts';
import { specOfModel, specOfSignature } from './json-model-tensors.ts';
import type { TfjsGraphModel, TfjsLayersModel, TfjsLibrary, TfjsTensor, TfjsTensorInfo } from './tfjs-library.ts';

export type TfjsFeeds = Readonly<Record<string, TfjsTensor>>;
type Specs = ReadonlyMap<string, TensorSpec>;

export interface OpenJsonModel {
  readonly inputs: Specs;
  readonly outputs: Specs;
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
function graphModel(model: TfjsGraphModel, inputs: Specs | undefined, outputs: Specs | undefined): OpenJsonModel {
  return {
    inputs: inputs ?? specsOfModel(model.inputs),
    outputs: outputs ?? specsOfModel(model.outputs),
    run: (feeds, outputs) => [model.execute({ ...feeds }, outputs)].flat(),
    runAsync: async (feeds, outputs) => [await model.executeAsync({ ...feeds }, outputs)].flat(),
    dispose: () => model.dispose(),
  };
}

function specsOf(infos: NonNullable<JsonSignature['inputs']>): Specs {
  return new Map(Object.entries(infos).map(([name, info]) => [name, specOfSignature(name, info)]));
}

/** `names` are those of a layers model; a graph's tensors have their own. */
function specsOfModel(
  infos: readonly TfjsTensorInfo[],
  names: readonly string[] = infos.map(({ name }) => name),
): Specs {
  return new Map(infos.map(({ dtype, shape }, i) => [names[i]!, specOfModel(names[i]!, dtype, shape)]));
}

function layersModel(model: TfjsLayersModel): OpenJsonModel {
  if (model.inputNames.length === 0) model.build();
  const { inputNames, outputNames } = model.model ?? model;
  return {
    inputs: specsOfModel(model.inputs, inputNames),
    outputs: specsOfModel(model.outputs, outputNames),
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
