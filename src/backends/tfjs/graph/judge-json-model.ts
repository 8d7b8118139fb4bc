/** Decides whether a model of TensorFlow.js keeps the rows of its requests apart. It is read without TensorFlow. */
import type { BatchAxes } from '../../../core/signature.ts';
import type { RowVerdict } from '../../backend.ts';
import { type JsonSignature, type JsonTensorInfo, readJsonModel } from '../json-model-file.ts';
import { readJsonGraph } from './json-model-graph.ts';
import { type JudgedSignature, type JudgedTensor, judgeTfGraph } from './judge-graph.ts';
import { judgeLayers } from './judge-layers.ts';
import { placesOf } from './tensor-place.ts';
import type { TfGraph } from './tf-graph.ts';

/** Rejects for a file that cannot be read; else as `judgeTfGraph`. The model has one signature. */
export async function judgeJsonModel(file: string, _signatureName: string, axes?: BatchAxes): Promise<RowVerdict> {
  const { format, signature, topology, weightsManifest } = await readJsonModel(file);
  if (format === 'layers-model') {
    return axes === undefined
      ? judgeLayers(topology)
      : { kind: 'undecided', reason: 'layers have their rows in dim 0' };
  }
  const graph = await readJsonGraph(file, topology, weightsManifest);
  return judgeTfGraph(graph, signatureOf(graph, signature), axes);
}

/** The signature; if there is none, the placeholders and the nodes that no other one uses. */
function signatureOf(graph: TfGraph, signature: JsonSignature | undefined): JudgedSignature {
  const used = new Set(graph.nodes.flatMap(({ inputs }) => placesOf(inputs).map(({ node }) => node)));
  const [inputs, outputs] = [signature?.inputs, signature?.outputs];
  const placeholders = graph.nodes.filter(({ op }) => op === 'Placeholder');
  const last = graph.nodes.filter(({ name }) => !used.has(name));
  return {
    inputs: inputs === undefined ? tensorsOf(placeholders) : judgedTensors(inputs),
    outputs: outputs === undefined ? tensorsOf(last) : judgedTensors(outputs),
  };
}

function tensorsOf(nodes: TfGraph['nodes']): ReadonlyMap<string, JudgedTensor> {
  return new Map(
    nodes.map(({ name, attributes }) => {
      const shape = attributes.get('shape');
      return [name, { tensorName: name, shape: shape?.hasOther === false ? shape.ints : undefined }];
    }),
  );
}

function judgedTensors(infos: Readonly<Record<string, JsonTensorInfo>>): ReadonlyMap<string, JudgedTensor> {
  return new Map(
    Object.entries(infos).map(([name, { name: tensorName = name, tensorShape }]) => {
      const dims = tensorShape?.unknownRank === true ? undefined : (tensorShape?.dim ?? []);
      return [name, { tensorName, shape: dims?.map(({ size }) => Number(size ?? -1)) }];
    }),
  );
}
