/**
 * What Classify, Regress and MultiInference have in common: tf.Examples in, as they were serialized, for a signature
 * with one string input. A model with a parser of its own takes them as they are; for one without, the servable reads
 * them by the features that its pillion.yaml declares.
 */
import { ServingError } from '../../core/errors.ts';
import { describeSignature, listNames, quoteName } from '../../core/list-names.ts';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** Of one version, by name. */
export type Signatures = ReadonlyMap<string, Signature>;

/** Does the signature take examples? Throws `invalid_request`, which names those of the version that do. */
export function checkTakesExamples(model: ResolvedModelSpec, signature: Signature, all: Signatures): void {
  if (takesExamples(signature)) return;
  const { inputs } = signature;
  const [first] = inputs;
  const what =
    inputs.size === 1
      ? `the input ${quoteName(first![0])} of ${first![1].dtype}`
      : `the ${inputs.size} inputs ${listNames(inputs.keys())}`;
  const others = [...all].filter(([, each]) => takesExamples(each)).map(([name]) => name);
  const fix =
    others.length > 0
      ? `name one that does in signature_name: ${listNames(others)}`
      : 'declare a signature with features in the pillion.yaml beside the model, or send tensors with Predict';
  throw new ServingError(
    'invalid_request',
    `${describeSignature(model)} takes no examples, which want one string input: it has ${what}; ${fix}`,
  );
}

function takesExamples({ inputs }: Signature): boolean {
  const [first] = inputs;
  return inputs.size === 1 && first![1].dtype === 'string';
}

/** The input tensor of the signature, which takes examples. Throws `invalid_request` where there is none. */
export function exampleInputs(signature: Signature, examples: readonly Uint8Array[]): TensorMap {
  if (examples.length === 0) {
    throw new ServingError('invalid_request', 'Input is empty: there is no example; send at least one');
  }
  const [name] = signature.inputs.keys();
  return new Map([[name!, { dtype: 'string', shape: [examples.length], data: examples }]]);
}
