/**
 * A signature that a model's pillion.yaml declares: a view of the graph's own.
 *
 *   caller                     view                               graph
 *   inputs: serialized     ─▶  features, by FeatureSpec       ─▶  pixels float32 [n,64]
 *   examples, or tensors       or names, alias → graph
 *   scores, classes        ◀─  names, and labels              ◀─  probabilities float32 [n,10]
 *
 * The scheduler sees the graph's signature alone, so requests of all its views ride in the same batches.
 */

import { parseExamples } from '../../codec/tensorflow/example/parse-examples.ts';
import { ServingError } from '../../core/errors.ts';
import type { FeatureSpec } from '../../core/feature-spec.ts';
import { formatShape } from '../../core/shape.ts';
import { CLASSES_OUTPUT, EXAMPLES_INPUT, SCORES_OUTPUT, type Signature } from '../../core/signature.ts';
import type { StringTensor, Tensor, TensorMap } from '../../core/tensor.ts';

export interface DeclaredSignature {
  readonly name: string;
  /** As callers see it; inputs in the order of the graph's. */
  readonly signature: Signature;
  /** The graph's signature that is run. */
  readonly graphName: string;
  readonly inputs: DeclaredInputs;
  /** Alias → the graph's output. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Names of the columns of `scores`: `classes` is made of them. */
  readonly labels: readonly Uint8Array[] | undefined;
}

export type DeclaredInputs =
  /** Alias → the graph's input. */
  | { readonly kind: 'tensors'; readonly graphNames: ReadonlyMap<string, string> }
  /** In the order of the graph's inputs. Views with one `sharing` make the same tensors of the same examples. */
  | { readonly kind: 'examples'; readonly features: readonly FeatureSpec[]; readonly sharing: string };

/** The graph's inputs for checked inputs of the view. Throws `invalid_request` and `too_large`. */
export function toGraphInputs(view: DeclaredSignature, inputs: TensorMap, maxBytes: number): TensorMap {
  const { name } = view;
  if (view.inputs.kind === 'examples') {
    const { data } = inputs.get(EXAMPLES_INPUT) as StringTensor;
    return parseExamples(view.inputs.features, data, { signatureName: name, maxBytes });
  }
  const named = new Map<string, Tensor>();
  for (const [alias, tensor] of inputs) named.set(view.inputs.graphNames.get(alias)!, tensor);
  return named;
}

/** What the graph must give for these outputs of the view: each once. */
export function graphOutputs(view: DeclaredSignature, outputs: readonly string[]): readonly string[] {
  return [...new Set(outputs.map((alias) => view.outputs.get(sourceOf(view, alias))!))];
}

/** The view's outputs, in that order, from the graph's. Throws `invalid_request` where labels do not fit the scores. */
export function fromGraphOutputs(view: DeclaredSignature, given: TensorMap, outputs: readonly string[]): TensorMap {
  const named = new Map<string, Tensor>();
  for (const alias of outputs) {
    const tensor = given.get(view.outputs.get(sourceOf(view, alias))!)!;
    named.set(alias, isMadeOfLabels(view, alias) ? classesOf(view, view.labels!, tensor) : tensor);
  }
  return named;
}

function isMadeOfLabels(view: DeclaredSignature, alias: string): boolean {
  return alias === CLASSES_OUTPUT && view.labels !== undefined;
}

/** Labels take their number of rows from the scores. */
function sourceOf(view: DeclaredSignature, alias: string): string {
  return isMadeOfLabels(view, alias) ? SCORES_OUTPUT : alias;
}

function classesOf(view: DeclaredSignature, labels: readonly Uint8Array[], scores: Tensor): Tensor {
  const { shape } = scores;
  if (shape.length !== 2 || shape[1] !== labels.length) {
    throw new ServingError(
      'invalid_request',
      `signature "${view.name}" has ${labels.length} labels, but the model's scores are ${formatShape(shape)}; ` +
        'give one label for each column in pillion.yaml',
    );
  }
  const data: Uint8Array[] = [];
  for (let row = 0; row < shape[0]!; row++) for (const label of labels) data.push(label);
  return { dtype: 'string', shape, data };
}
