/**
 * The signature that requests of a Triton model see, where its config.pbtxt makes another of it than the graph has:
 * other shapes (reshape), sizes for free dims, or fewer outputs. It is a view like those of pillion.yaml, so batches are
 * made of the graph's own tensors.
 */

import { type Shape, shapesEqual } from '../../../core/shape.ts';
import { hasRows, type Signatures, type TensorSpec } from '../../../core/signature.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import type { DeclaredSignature } from '../../../models/serving/declared-signature.ts';
import { type Reshape, toOutside } from '../../../models/serving/reshape.ts';
import { mainSignature } from '../../open-inference/exported/main-signature.ts';
import type { TritonConfig, TritonTensor } from '../../open-inference/exported/model-config.ts';
import { filledInputs } from '../config/sequence-batching.ts';
import { graphDims, mergedShape, withBatch } from './graph-check.ts';

/** Undefined if requests see the graph's signature as it is. The config was held against the graph before. */
export function configView(config: TritonConfig, graphs: Signatures): DeclaredSignature | undefined {
  const main = mainSignature(graphs);
  if (main === undefined) return undefined;
  const [name, graph] = main;
  const filled = filledInputs(config);
  const sent = new Map([...graph.inputs].filter(([input]) => !filled.has(input)));
  const inputs = viewOf(config.input, config, sent);
  const outputs = viewOf(config.output, config, graph.outputs);
  if (!inputs.isOther && !outputs.isOther && graph.kept?.whyStep === undefined) return undefined;
  const aliases = (specs: ReadonlyMap<string, TensorSpec>): ReadonlyMap<string, string> =>
    new Map([...specs.keys()].map((alias) => [alias, alias]));
  const { batchAxis, batchAxes, methodName, kept, defaults } = graph;
  const rows = { batchAxis, batchAxes, hasRows: hasRows(graph) };
  return {
    name,
    graphName: name,
    signature: {
      ...rows,
      kept,
      defaults: defaults && withReshapes(defaults, inputs.reshapes),
      inputs: inputs.specs,
      outputs: outputs.specs,
      methodName,
      areShapesChecked: true,
    },
    inputs: { kind: 'tensors', graphNames: aliases(inputs.specs) },
    outputs: aliases(outputs.specs),
    labels: undefined,
    reshapes: { inputs: inputs.reshapes, outputs: outputs.reshapes },
  };
}

/** The graph's values, in the shapes of a request's inputs. */
function withReshapes(values: TensorMap, reshapes: SideView['reshapes']): TensorMap {
  return new Map(
    [...values].map(([name, tensor]) => {
      const reshape = reshapes.get(name);
      return [name, reshape === undefined ? tensor : toOutside(tensor, reshape)];
    }),
  );
}

interface SideView {
  /** The specs in the graph's order. */
  readonly specs: ReadonlyMap<string, TensorSpec>;
  readonly reshapes: ReadonlyMap<string, Reshape>;
  /** It differs from the graph. */
  readonly isOther: boolean;
}

/** A file that names no tensor of a side leaves all of them. */
function viewOf(
  tensors: readonly TritonTensor[],
  config: TritonConfig,
  graph: ReadonlyMap<string, TensorSpec>,
): SideView {
  const specs = new Map<string, TensorSpec>();
  const reshapes = new Map<string, Reshape>();
  if (tensors.length === 0) return { specs: graph, reshapes, isOther: false };
  let isOther = tensors.length !== graph.size;
  for (const [name, spec] of graph) {
    const tensor = tensors.find((each) => each.name === name);
    if (tensor === undefined) continue;
    const shape = shapeOf(tensor, config, spec);
    if (tensor.reshape !== undefined) {
      const leading = config.maxBatchSize > 0 ? 1 : 0;
      reshapes.set(name, { leading, outside: tensor.dims.map(Number), inside: graphDims(tensor) });
    }
    isOther ||= tensor.reshape !== undefined || spec.shape === undefined || !shapesEqual(shape, spec.shape);
    specs.set(name, { ...spec, shape });
  }
  return { specs, reshapes, isOther };
}

function shapeOf(tensor: TritonTensor, config: TritonConfig, { shape }: TensorSpec): Shape {
  const declared = withBatch(config, tensor.dims.map(Number));
  if (tensor.reshape !== undefined || shape === undefined) return declared;
  return mergedShape(declared, shape) ?? declared;
}
