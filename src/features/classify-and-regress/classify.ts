/**
 * Classify, for every surface: examples → labels with scores for each example.
 *
 * The signature has the outputs `classes` (string), `scores` (float32) or both, of shape [examples, classes]. Each
 * answer is checked for that.
 */
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { describeSignature, listNames } from '../../core/list-names.ts';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import { formatShape } from '../../core/shape.ts';
import { CLASSES_OUTPUT, SCORES_OUTPUT, type Signature } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { checkTakesExamples, type ExamplesMethod, type Signatures } from './examples-call.ts';
import type { Classifications } from './inference-results.ts';

export const CLASSIFY: ExamplesMethod<Classifications> = { type: 'classify', outputsOf, resultOf };

function outputsOf(model: ResolvedModelSpec, signature: Signature, all: Signatures): readonly string[] {
  checkTakesExamples(model, signature, all);
  const { outputs } = signature;
  const wanted = [CLASSES_OUTPUT, SCORES_OUTPUT].filter((name) => outputs.has(name));
  if (wanted.length > 0 && outputs.size <= 2) return wanted;
  throw invalidRequest(
    `${describeSignature(model)} does not classify: its outputs are ${listNames(outputs.keys())}, and Classify wants ` +
      `"${CLASSES_OUTPUT}", "${SCORES_OUTPUT}" or both, and no other; name a signature that has them`,
  );
}

function resultOf(model: ResolvedModelSpec, outputs: TensorMap, rows: number): Classifications {
  const classes = outputs.get(CLASSES_OUTPUT);
  const scores = outputs.get(SCORES_OUTPUT);
  if (classes !== undefined) checkOutput(model, CLASSES_OUTPUT, classes, rows);
  if (scores !== undefined) checkOutput(model, SCORES_OUTPUT, scores, rows);
  if (classes !== undefined && classes.dtype !== 'string') throw wrongType(model, CLASSES_OUTPUT, classes, 'string');
  if (scores !== undefined && scores.dtype !== 'float32') throw wrongType(model, SCORES_OUTPUT, scores, 'float32');
  const columns = (classes ?? scores)!.shape[1]!;
  if (scores !== undefined && scores.shape[1] !== columns) {
    throw invalidRequest(
      `${describeSignature(model)} gave ${columns} classes an example, but ${scores.shape[1]} scores; the model is at fault`,
    );
  }
  return { kind: 'classification', rows, columns, classes, scores };
}

function checkOutput(model: ResolvedModelSpec, name: string, { shape }: Tensor, rows: number): void {
  if (shape.length === 2 && shape[0] === rows) return;
  throw invalidRequest(
    `${describeSignature(model)} gave "${name}" as ${formatShape(shape)} for ${rows} examples, but Classify wants [${rows},classes]; the model is at fault`,
  );
}

function wrongType(model: ResolvedModelSpec, name: string, { dtype }: Tensor, want: string): ServingError {
  return invalidRequest(
    `${describeSignature(model)} gave "${name}" as ${dtype}, but Classify wants ${want}; the model is at fault`,
  );
}
