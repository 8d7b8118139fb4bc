/**
 * Regress, for every surface: examples → one number for each example. The signature has the one output `outputs`,
 * float32 of shape [examples] or [examples, 1]. Each answer is checked for that.
 */
import { invalidRequest } from '../../core/errors.ts';
import { describeSignature, listNames } from '../../core/list-names.ts';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import { formatShape } from '../../core/shape.ts';
import { type Signature, VALUES_OUTPUT } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { checkTakesExamples, type ExamplesMethod, type Signatures } from './examples-call.ts';
import type { Regressions } from './inference-results.ts';

export const REGRESS: ExamplesMethod<Regressions> = { type: 'regress', outputsOf, resultOf };

function outputsOf(model: ResolvedModelSpec, signature: Signature, all: Signatures): readonly string[] {
  checkTakesExamples(model, signature, all);
  const { outputs } = signature;
  if (outputs.size === 1 && outputs.has(VALUES_OUTPUT)) return [VALUES_OUTPUT];
  throw invalidRequest(
    `${describeSignature(model)} does not regress: its outputs are ${listNames(outputs.keys())}, and Regress wants ` +
      `"${VALUES_OUTPUT}" alone; name a signature that has it`,
  );
}

function resultOf(model: ResolvedModelSpec, outputs: TensorMap, rows: number): Regressions {
  const values = outputs.get(VALUES_OUTPUT)!;
  const { shape } = values;
  const isColumn = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!isColumn || shape[0] !== rows) {
    throw invalidRequest(
      `${describeSignature(model)} gave "${VALUES_OUTPUT}" as ${formatShape(shape)} for ${rows} examples, but Regress wants [${rows}] or [${rows},1]; the model is at fault`,
    );
  }
  if (values.dtype !== 'float32') {
    throw invalidRequest(
      `${describeSignature(model)} gave "${VALUES_OUTPUT}" as ${values.dtype}, but Regress wants float32; the model is at fault`,
    );
  }
  return { kind: 'regression', rows, values };
}
