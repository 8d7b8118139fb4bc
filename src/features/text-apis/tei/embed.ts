/** text-embeddings-inference's /embed: {"inputs": ["a", "b"]} ─▶ [[0.5, …], […]], a list of lists also for one text. */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS, type TextModel } from '../../text/exported/text-model.ts';
import { floatsOf } from '../answer-parts.ts';
import { booleanIn, countIn, type Fields, textIn, textsIn, wordIn, wrongField } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel, TextApi } from '../text-method.ts';

export const EMBED: TextApi = {
  keys: [
    ...['inputs', 'model', 'truncate', 'truncation_direction', 'normalize', 'prompt_name', 'dimensions'],
    'encoding_format',
  ],
  form: '{"inputs": "…"}',
  request: embedRequest,
};

/** A string, or a list of strings. */
export function inputsIn(fields: Fields): readonly string[] {
  const inputs = fields.get('inputs');
  return typeof inputs === 'string' ? [inputs] : textsIn(fields, 'inputs');
}

/** Cut only where it is asked for; the side that is cut is the model's. */
export function truncateIn(fields: Fields): boolean {
  if (wordIn(fields, 'truncation_direction', ['Left', 'Right', 'left', 'right'])?.toLowerCase() === 'left') {
    throw wrongField(
      'truncation_direction',
      'the side that is cut is the model’s own; leave "truncation_direction" out',
    );
  }
  return booleanIn(fields, 'truncate') ?? false;
}

function embedRequest(fields: Fields, chosen: ChooseModel): TextRequest {
  const texts = inputsIn(fields);
  const truncate = truncateIn(fields);
  const prompt = textIn(fields, 'prompt_name');
  const dimensions = countIn(fields, 'dimensions');
  const normalize = booleanIn(fields, 'normalize') ?? true;
  wordIn(fields, 'encoding_format', ['float']);
  return {
    model: chosen('embedding'),
    task: 'embedding',
    outputs: [TEXT_OUTPUTS.embedding.embedding],
    inputs: (model) => {
      checkNormalize(model, normalize);
      return { texts, truncate, prompt, dimensions };
    },
    answer: (outputs, { model }) => embedAnswer(outputs, normalize && !model.isNormalized),
  };
}

function checkNormalize({ isNormalized }: TextModel, normalize: boolean): void {
  if (normalize || !isNormalized) return;
  throw wrongField('normalize', 'the model’s embeddings have length 1 always; leave "normalize" out');
}

/** `normalizes`: the model does not. */
function* embedAnswer(outputs: TensorMap, normalizes: boolean): Steps<Buffer> {
  const name = TEXT_OUTPUTS.embedding.embedding;
  const [rows, width] = outputs.get(name)!.shape as readonly [number, number];
  const given = floatsOf(outputs, name);
  const numbers = normalizes ? Float32Array.from(given) : given;
  const writer = new JsonWriter();
  writer.ascii('[');
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    if (normalizes) normalizeRow(numbers.subarray(start, start + width));
    writer.ascii(row === 0 ? '[' : ',[');
    writer.float32s(numbers, start, start + width);
    writer.ascii(']');
    yield;
  }
  writer.ascii(']');
  return writer.take();
}

/** A row of zeros stays as it is. */
function normalizeRow(row: Float32Array): void {
  let sum = 0;
  for (const number of row) sum += number * number;
  const length = Math.sqrt(sum);
  if (length > 0) for (let i = 0; i < row.length; i++) row[i]! /= length;
}
