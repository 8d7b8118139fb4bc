/** TensorFlow.js's own API for Node, without the server: SavedModels and graph models. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import { elements, type NumericTensor, type TensorMap } from '../../src/core/tensor.ts';
import type { Answer } from '../support/grpc-harness.ts';
import type { RuntimeAlone } from './runtime-alone.ts';

/** Opens a version's directory. Its inputs are float32, its outputs float32 or int32. */
export async function openTensorflow(directory: string): Promise<RuntimeAlone> {
  const library: Answer = await import(siblingModule(import.meta.url, '../../src/backends/tfjs/tfjs-library').href);
  const tf: Answer = library.openTfjs(1);
  const toTensor = ([name, tensor]: [string, unknown]): [string, Answer] => {
    const { shape } = tensor as NumericTensor;
    return [name, tf.tensor(elements(tensor as NumericTensor), shape, 'float32')];
  };
  const isSavedModel = existsSync(join(directory, 'saved_model.pb'));
  const model = isSavedModel
    ? await tf.node.loadSavedModel(directory)
    : await tf.loadGraphModel(tf.io.fileSystem(join(directory, 'model.json')));
  const run = (inputs: TensorMap): TensorMap =>
    tf.tidy(() => {
      const feeds = [...inputs].map(toTensor);
      if (isSavedModel) return fromTensors(Object.entries(model.predict(Object.fromEntries(feeds))));
      const given = [model.execute(feeds.map(([, tensor]) => tensor))].flat();
      return fromTensors(outputNames(model).map((name, i) => [name, given[i]]));
    });
  return { run: async (inputs) => run(inputs), close: async () => void model.dispose() };
}

/** The signature's names, in the order of `execute`. */
function outputNames(model: Answer): readonly string[] {
  const signature = Object.entries<Answer>(model.modelSignature?.outputs ?? {});
  const bare = (name: string): string => name.replace(/:0$/, '');
  return model.outputs.map(
    ({ name }: Answer) => signature.find(([, info]) => bare(info.name) === bare(name))?.[0] ?? name,
  );
}

function fromTensors(tensors: readonly (readonly [string, Answer])[]): TensorMap {
  return new Map(
    tensors.map(([name, tensor]) => {
      const values = tensor.dataSync();
      // A copy: the library may give its memory to another tensor.
      const copy = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
      return [name, { dtype: tensor.dtype, shape: tensor.shape, data: copy }];
    }),
  );
}
