/**
 * sentence_similarity: the cosine of a text's embedding and those of others.
 *
 *   {"inputs": {"source_sentence": "a", "sentences": ["b", "c"]}, "parameters": {}}  ─▶  [0.5, 0.1]
 */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS } from '../../text/exported/text-model.ts';
import { floatsOf } from '../answer-parts.ts';
import { truncateIn } from '../tei/embed.ts';
import { type Fields, isObject, textIn, textsIn, wantedText } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel } from '../text-method.ts';
import { parametersIn } from './parameters.ts';

const { embedding: EMBEDDING } = TEXT_OUTPUTS.embedding;
const PARAMETERS = ['truncate', 'truncation_direction', 'prompt_name'];

/** Undefined = it is another call. */
export function similarityRequest(fields: Fields, chosen: ChooseModel): TextRequest | undefined {
  const inputs = fields.get('inputs');
  if (inputs === undefined || !isObject(inputs) || !inputs.members.has('source_sentence')) return undefined;
  const texts = [wantedText(inputs.members, 'source_sentence'), ...textsIn(inputs.members, 'sentences')];
  const parameters = parametersIn(fields, PARAMETERS);
  const truncate = truncateIn(parameters);
  const prompt = textIn(parameters, 'prompt_name');
  return {
    model: chosen('embedding'),
    task: 'embedding',
    outputs: [EMBEDDING],
    inputs: () => ({ texts, truncate, prompt }),
    answer: cosines,
  };
}

/** The cosines of the first row with each other one. */
function* cosines(outputs: TensorMap): Steps<Buffer> {
  const [rows, width] = outputs.get(EMBEDDING)!.shape as readonly [number, number];
  const numbers = floatsOf(outputs, EMBEDDING);
  const source = numbers.subarray(0, width);
  const writer = new JsonWriter();
  writer.ascii('[');
  for (let row = 1; row < rows; row++) {
    if (row > 1) writer.ascii(',');
    writer.float32s(Float32Array.of(cosine(source, numbers.subarray(row * width, (row + 1) * width))), 0, 1);
    yield;
  }
  writer.ascii(']');
  return writer.take();
}

/** 0 where one of them is 0. */
function cosine(a: Float32Array, b: Float32Array): number {
  let [both, ofA, ofB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i]! * b[i]!;
    ofA += a[i]! * a[i]!;
    ofB += b[i]! * b[i]!;
  }
  return ofA === 0 || ofB === 0 ? 0 : both / Math.sqrt(ofA * ofB);
}
