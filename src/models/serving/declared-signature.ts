/**
 * A signature that a model's pillion.yaml declares: a view of the graph's own.
 *
 *   caller                     view                               graph
 *   inputs: serialized     ─▶  features, by FeatureSpec       ─▶  pixels float32 [n,64]
 *   examples, or tensors       or names, alias → graph
 *   scores, classes        ◀─  names, and labels              ◀─  probabilities float32 [n,10]
 *
 * The scheduler sees only the graph's signature, so requests for all its views share batches.
 */
import { parseExamples } from '../../codec/tensorflow/example/parse-examples.ts';
import { packStrings, receivedTensors } from '../../codec-thread/carried-tensors.ts';
import { type CodecThread, LARGE_MESSAGE_BYTES } from '../../codec-thread/codec-thread.ts';
import { ServingError } from '../../core/errors.ts';
import { elementsPerRow, type FeatureSpec } from '../../core/feature-spec.ts';
import { inSlices } from '../../core/in-slices.ts';
import { formatShape } from '../../core/shape.ts';
import { CLASSES_OUTPUT, EXAMPLES_INPUT, SCORES_OUTPUT, type Signature } from '../../core/signature.ts';
import { areLargerThan, type StringTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';
import type { SchedulerRequest } from '../../scheduler/task.ts';
import { type Reshape, toInside, toOutside } from './reshape.ts';

/** Tensors above this size are made on the codec thread, however few bytes of examples they are made of. */
const LARGE_TENSOR_BYTES = 2 ** 20;
const MOST_ELEMENT_BYTES = 8;

export interface DeclaredSignature {
  readonly name: string;
  /** The signature that callers see; its inputs are in the graph's order. */
  readonly signature: Signature;
  /** The graph's signature that is run. */
  readonly graphName: string;
  readonly inputs: DeclaredInputs;
  /** Alias → the graph's output. */
  readonly outputs: ReadonlyMap<string, string>;
  /** The names of the columns of `scores`, which become `classes`. */
  readonly labels: readonly Uint8Array[] | undefined;
  /** Tensors whose shape is another than the graph's, by alias. Absent = none. */
  readonly reshapes?: { readonly inputs: Reshapes; readonly outputs: Reshapes };
}

type Reshapes = ReadonlyMap<string, Reshape>;

type DeclaredInputs =
  /** Alias → the graph's input. */
  | { readonly kind: 'tensors'; readonly graphNames: ReadonlyMap<string, string> }
  /**
   * Features in the order of the graph's inputs. Views with equal `sharing` make the same tensors of the same examples.
   */
  | { readonly kind: 'examples'; readonly features: readonly FeatureSpec[]; readonly sharing: string };

/** Converts checked inputs of the view to the graph's. Throws `invalid_request` or `too_large`. */
export function toGraphInputs(view: DeclaredSignature, inputs: TensorMap, maxBytes: number): TensorMap {
  const { name } = view;
  if (view.inputs.kind === 'examples') {
    const { data } = inputs.get(EXAMPLES_INPUT) as StringTensor;
    return parseExamples(view.inputs.features, data, { signatureName: name, maxBytes });
  }
  const named = new Map<string, Tensor>();
  for (const [alias, tensor] of inputs) {
    const reshape = view.reshapes?.inputs.get(alias);
    named.set(view.inputs.graphNames.get(alias)!, reshape === undefined ? tensor : toInside(tensor, reshape));
  }
  return named;
}

/**
 * The same on the codec thread, for many examples, or few that become large tensors; undefined if they are neither.
 * Rejects as `toGraphInputs` throws.
 */
export function toGraphInputsApart(
  { name, inputs: given }: DeclaredSignature,
  { inputs, context }: Pick<SchedulerRequest, 'inputs' | 'context'>,
  maxBytes: number,
  thread: CodecThread,
): Promise<TensorMap> | undefined {
  if (given.kind !== 'examples') return undefined;
  const { data } = inputs.get(EXAMPLES_INPUT) as StringTensor;
  let rowBytes = 0;
  for (const spec of given.features) rowBytes += elementsPerRow(spec) * MOST_ELEMENT_BYTES;
  if (data.length * rowBytes <= LARGE_TENSOR_BYTES && !areLargerThan(inputs, LARGE_MESSAGE_BYTES)) return undefined;
  return thread.use(context, async (ask) => {
    const packed = await inSlices(packStrings(data));
    return receivedTensors(await ask('parseExamples', given.features, packed, name, maxBytes));
  });
}

/** The graph's outputs that these outputs of the view need, each once. */
export function graphOutputs(view: DeclaredSignature, outputs: readonly string[]): readonly string[] {
  return [...new Set(outputs.map((alias) => view.outputs.get(sourceOf(view, alias))!))];
}

/**
 * Converts the graph's outputs to these outputs of the view. Throws `invalid_request` if labels do not fit the scores.
 */
export function fromGraphOutputs(view: DeclaredSignature, given: TensorMap, outputs: readonly string[]): TensorMap {
  const named = new Map<string, Tensor>();
  for (const alias of outputs) {
    const tensor = given.get(view.outputs.get(sourceOf(view, alias))!)!;
    const reshape = view.reshapes?.outputs.get(alias);
    if (reshape !== undefined) named.set(alias, toOutside(tensor, reshape));
    else named.set(alias, isMadeOfLabels(view, alias) ? classesOf(view, view.labels!, tensor) : tensor);
  }
  return named;
}

function isMadeOfLabels(view: DeclaredSignature, alias: string): boolean {
  return alias === CLASSES_OUTPUT && view.labels !== undefined;
}

/** Classes that are made of labels need the scores for their number of rows. */
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
