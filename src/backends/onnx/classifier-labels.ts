/**
 * The labels of classifiers. onnxmltools declares LightGBM's `label` as [1], whatever the number of rows; but a
 * classifier of ai.onnx.ml gives one label for each row, so its dim 0 is as free as the input's:
 *
 *   x [?, 4] ─▶ TreeEnsembleClassifier ─▶ Identity ─▶ label [1], which is [?]
 */
import type { TensorMetadata } from '../batch-axis.ts';
import { GRAPH, graphFieldsOf, textOf, textsOf } from './graph/proto/message-fields.ts';

const CLASSIFIERS = ['TreeEnsembleClassifier', 'LinearClassifier', 'SVMClassifier'];
/** Ops that give as many elements as they get, in the same shape. */
const SAME_SHAPE = ['Identity', 'Cast'];

/** The outputs of the model that are labels, by name. Throws ServingError for bytes that are no model. */
export function labelsOf(model: Uint8Array): ReadonlySet<string> {
  const labels = new Set<string>();
  const outputs: string[] = [];
  // ONNX has the nodes in an order in which each comes behind those that it takes from.
  for (const { number, value } of graphFieldsOf(model)) {
    if (number === GRAPH.output) outputs.push(textOf(value, 1));
    if (number === GRAPH.node && givesLabels(value, labels)) labels.add(textsOf(value, 2)[0] ?? '');
  }
  return new Set(outputs.filter((name) => labels.has(name)));
}

/** Outputs as they are, but labels of dims [1], which have as many as there are rows. */
export function withFreeLabels(
  outputs: readonly TensorMetadata[],
  labels: ReadonlySet<string>,
): readonly TensorMetadata[] {
  return outputs.map((output) => {
    const isOne = output.dims.length === 1 && output.dims[0] === 1;
    return isOne && labels.has(output.name) ? { ...output, dims: [''] } : output;
  });
}

/** Whether the node's first output has a label for each row. */
function givesLabels(node: Uint8Array, labels: ReadonlySet<string>): boolean {
  const op = textOf(node, 4);
  if (textOf(node, 7) === 'ai.onnx.ml') return CLASSIFIERS.includes(op);
  return SAME_SHAPE.includes(op) && labels.has(textsOf(node, 1)[0] ?? '');
}
