/** The signatures of a version that takes texts, as callers see them. */
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import { numericTensor, stringTensor, type Tensor } from '../../core/tensor.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import type { DeclaredSignature } from '../../models/serving/declared-signature.ts';
import { TEXT_INPUTS, TOKEN_COUNT_OUTPUT } from './exported/text-model.ts';
import type { TextSettings } from './files/settings.ts';
import { TEXT_RUN } from './run/text-runner.ts';
import { specOf } from './tasks/classification.ts';
import type { TextVersion } from './version-facts.ts';

/** The view of the graph's own signature, where that of texts has its name. */
const TOKENS = 'tokens';

/** Adds serving_default, which takes texts, and the graph's own as `tokens`. */
export function addTextViews({ views, signatures }: VersionDraft, version: TextVersion): void {
  const graphName = version.model.binding.signatureName;
  const graph = signatures.get(graphName)!;
  views.set(DEFAULT_SIGNATURE_NAME, textView(version));
  if (graphName === DEFAULT_SIGNATURE_NAME && !signatures.has(TOKENS)) {
    views.set(TOKENS, { ...viewOf(TOKENS, graph), graphName });
  }
}

function textView({ model: { settings }, task }: TextVersion): DeclaredSignature {
  const inputs = new Map<string, TensorSpec>([specOf(TEXT_INPUTS.text, 'string', [-1])]);
  const defaults = new Map<string, Tensor>();
  for (const [name, dtype, value] of optionalInputs(settings)) {
    inputs.set(...specOf(name, dtype, [-1]));
    if (value !== undefined) defaults.set(name, value);
  }
  const signature: Signature = {
    inputs,
    outputs: new Map([...task.outputs, specOf(TOKEN_COUNT_OUTPUT, 'int32', [-1])]),
    onDemand: new Set([...task.onDemand, TOKEN_COUNT_OUTPUT]),
    methodName: PREDICT_METHOD_NAME,
    batchAxis: { kind: 'dynamic', reason: 'texts are tokenized one by one' },
    ...(defaults.size > 0 && { defaults }),
  };
  return { ...viewOf(DEFAULT_SIGNATURE_NAME, signature), graphName: TEXT_RUN };
}

/** The inputs beside the text, with their defaults. Undefined = the request must have it. */
function* optionalInputs(
  settings: TextSettings,
): Generator<readonly [name: string, dtype: TensorSpec['dtype'], value: Tensor | undefined]> {
  const nothing = stringTensor([1], [new Uint8Array(0)]);
  const { task, prompts, truncates, dimensions } = settings;
  if (task === 'reranking') yield [TEXT_INPUTS.pair, 'string', undefined];
  if (task === 'classification') yield [TEXT_INPUTS.pair, 'string', nothing];
  if (prompts.size > 0) yield [TEXT_INPUTS.prompt, 'string', nothing];
  yield [TEXT_INPUTS.truncate, 'bool', numericTensor('bool', [1], Uint8Array.of(truncates ? 1 : 0))];
  if (task === 'embedding' && dimensions !== undefined) {
    yield [TEXT_INPUTS.dimensions, 'int64', numericTensor('int64', [1], BigInt64Array.of(0n))];
  }
}

/** A view whose tensors have the names of what is behind it. */
function viewOf(name: string, signature: Signature): Omit<DeclaredSignature, 'graphName'> {
  const own = (names: Iterable<string>): ReadonlyMap<string, string> => new Map([...names].map((each) => [each, each]));
  return {
    name,
    signature,
    inputs: { kind: 'tensors', graphNames: own(signature.inputs.keys()) },
    outputs: own(signature.outputs.keys()),
    labels: undefined,
  };
}
