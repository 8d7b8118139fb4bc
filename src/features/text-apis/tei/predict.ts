/**
 * text-embeddings-inference's /predict: the scores of all labels of each text, the highest first.
 *
 *   {"inputs": "a"}                    ─▶ [{"score": 0.9, "label": "POSITIVE"}, …]
 *   {"inputs": ["a", "b"]}             ─▶ the same: one pair of texts
 *   {"inputs": [["a"], ["b", "c"]]}    ─▶ [[…], […]]: a text and a pair
 */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS } from '../../text/exported/text-model.ts';
import { floatsOf, ranked, textsOf, writeText } from '../answer-parts.ts';
import { booleanIn, type Fields, type JsonValue, wrongField } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel, TextApi } from '../text-method.ts';
import { truncateIn } from './embed.ts';

type Pair = readonly [string, string?];

const { scores: SCORES, labels: LABELS, rawScores: RAW_SCORES } = TEXT_OUTPUTS.classification;

export const PREDICT: TextApi = {
  keys: ['inputs', 'model', 'truncate', 'truncation_direction', 'raw_scores'],
  form: '{"inputs": "…"}',
  request: predictRequest,
};

function predictRequest(fields: Fields, chosen: ChooseModel): TextRequest {
  const inputs = fields.get('inputs');
  const isBatch = Array.isArray(inputs) && Array.isArray(inputs[0]);
  const rows = isBatch ? (inputs as readonly JsonValue[]).map(pairOf) : [pairOf(inputs)];
  const scores = booleanIn(fields, 'raw_scores') === true ? RAW_SCORES : SCORES;
  const texts = rows.map(([text]) => text);
  const second = rows.map(([, pair = '']) => pair);
  const truncate = truncateIn(fields);
  const pairs = second.some((pair) => pair !== '') ? { pairs: second } : {};
  return {
    model: chosen('classification'),
    task: 'classification',
    outputs: [scores, LABELS],
    inputs: () => ({ texts, truncate, ...pairs }),
    answer: (outputs) => predictAnswer(outputs, scores, isBatch),
  };
}

function pairOf(input: JsonValue | undefined): Pair {
  if (typeof input === 'string') return [input];
  const isPair = Array.isArray(input) && input.length > 0 && input.length <= 2;
  if (!isPair || !input.every((each) => typeof each === 'string')) {
    throw wrongField('inputs', '"inputs" must be a string, two strings, or a list of lists of one or two strings');
  }
  if (input[1] === '') throw wrongField('inputs', 'the second text of a pair is empty; send the first alone');
  return input as readonly string[] as Pair;
}

/** `name`: of the output with the scores. */
function* predictAnswer(outputs: TensorMap, name: string, isBatch: boolean): Steps<Buffer> {
  const [rows, width] = outputs.get(name)!.shape as readonly [number, number];
  const scores = floatsOf(outputs, name);
  const labels = textsOf(outputs, LABELS);
  const writer = new JsonWriter();
  if (isBatch) writer.ascii('[');
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    writer.ascii(row === 0 ? '[' : ',[');
    for (const [place, i] of ranked(scores.subarray(start, start + width)).entries()) {
      writer.ascii(place === 0 ? '{"score":' : ',{"score":');
      writer.float32s(scores, start + i, start + i + 1);
      writer.ascii(',"label":');
      writeText(writer, labels[start + i]!);
      writer.ascii('}');
    }
    writer.ascii(']');
    yield;
  }
  if (isBatch) writer.ascii(']');
  return writer.take();
}
