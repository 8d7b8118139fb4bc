/** Parts of answers: numbers of float32 outputs, and rows of them as JSON. */
import { Buffer } from 'node:buffer';
import type { JsonWriter } from '../../codec/json/json-writer.ts';
import { ServingError } from '../../core/errors.ts';
import { elements, type NumericTensor, type StringTensor, type TensorMap } from '../../core/tensor.ts';
import { TOKEN_COUNT_OUTPUT } from '../text/exported/text-model.ts';

/** The numbers of a float32 output. Throws `backend_failed` if one is NaN or infinite, which JSON has no number for. */
export function floatsOf(outputs: TensorMap, name: string): Float32Array {
  const numbers = elements(outputs.get(name) as NumericTensor) as Float32Array;
  if (numbers.every(Number.isFinite)) return numbers;
  throw new ServingError(
    'backend_failed',
    `the model gave NaN or an infinite number as ${name}; its owner must mend it`,
  );
}

export function textsOf(outputs: TensorMap, name: string): readonly string[] {
  return (outputs.get(name) as StringTensor).data.map((text) => Buffer.from(text).toString());
}

/** Tokens of all texts of the request. */
export function tokensIn(outputs: TensorMap): number {
  const counts = elements(outputs.get(TOKEN_COUNT_OUTPUT) as NumericTensor) as Int32Array;
  return counts.reduce((sum, count) => sum + count, 0);
}

export function writeText(writer: JsonWriter, text: string): void {
  writer.string(Buffer.from(text));
}

/**
 * Indices from the highest score to the lowest; the first of equal ones first. Rankings are by logits: many high ones have
 * the same sigmoid in float32.
 */
export function ranked(scores: Float32Array): readonly number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
}
