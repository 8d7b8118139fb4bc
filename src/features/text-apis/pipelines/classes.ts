/**
 * text_classification and zero_shot_classification, which both ask a classifier.
 *
 *   {"inputs": "a", "parameters": {"top_k": 1, "function_to_apply": "softmax"}}  ─▶  [[{"score": 0.9, "label": "good"}]]
 *   {"inputs": "a", "parameters": {"candidate_labels": ["b", "c"]}}              ─▶  [{"score": 0.9, "label": "b"}, …]
 *
 * The second asks a model of entailment whether the text says "This example is b.": one pair for each label.
 */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import { invalidRequest } from '../../../core/errors.ts';
import type { Steps } from '../../../core/in-slices.ts';
import { listNames } from '../../../core/list-names.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS, type TextModel } from '../../text/exported/text-model.ts';
import { floatsOf, ranked, textsOf, writeText } from '../answer-parts.ts';
import { inputsIn, truncateIn } from '../tei/embed.ts';
import {
  booleanIn,
  countIn,
  type Fields,
  isObject,
  textIn,
  textsIn,
  wantedText,
  wordIn,
  wrongField,
} from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel } from '../text-method.ts';
import { parametersIn } from './parameters.ts';

const { scores: SCORES, labels: LABELS, rawScores: RAW_SCORES } = TEXT_OUTPUTS.classification;
const TEMPLATE = 'This example is {}.';
const FUNCTIONS = ['softmax', 'sigmoid', 'none'] as const;

/** Undefined = it is another call. */
export function classesRequest(fields: Fields, chosen: ChooseModel): TextRequest | undefined {
  const inputs = fields.get('inputs');
  if (inputs !== undefined && isObject(inputs)) return undefined;
  const parameters = fields.get('parameters');
  const isZeroShot = parameters !== undefined && isObject(parameters) && parameters.members.has('candidate_labels');
  return isZeroShot ? zeroShotRequest(fields, chosen) : labelsRequest(fields, chosen);
}

function labelsRequest(fields: Fields, chosen: ChooseModel): TextRequest {
  const texts = inputsIn(fields);
  const parameters = parametersIn(fields, ['function_to_apply', 'top_k']);
  const most = countIn(parameters, 'top_k') ?? Infinity;
  const apply = wordIn(parameters, 'function_to_apply', FUNCTIONS);
  const truncate = truncateIn(fields);
  return {
    model: chosen('classification'),
    task: 'classification',
    outputs: [SCORES, LABELS, RAW_SCORES],
    inputs: () => ({ texts, truncate }),
    answer: (outputs) => labelsAnswer(outputs, most, apply),
  };
}

/** `apply`: undefined = the model's own scores. */
function* labelsAnswer(outputs: TensorMap, most: number, apply: (typeof FUNCTIONS)[number] | undefined): Steps<Buffer> {
  const [rows, width] = outputs.get(SCORES)!.shape as readonly [number, number];
  const numbers = floatsOf(outputs, apply === undefined ? SCORES : RAW_SCORES);
  const labels = textsOf(outputs, LABELS);
  const writer = new JsonWriter();
  writer.ascii('[');
  for (let row = 0; row < rows; row++) {
    if (row > 0) writer.ascii(',');
    const own = numbers.subarray(row * width, (row + 1) * width);
    const scores = apply === undefined || apply === 'none' ? own : Float32Array.from(APPLIED[apply](own));
    writeScored(writer, scores, labels.slice(row * width, (row + 1) * width), most);
    yield;
  }
  writer.ascii(']');
  return writer.take();
}

const APPLIED = {
  softmax: softmaxOf,
  sigmoid: (logits: Iterable<number>): readonly number[] => Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit))),
};

function zeroShotRequest(fields: Fields, chosen: ChooseModel): TextRequest {
  const text = wantedText(fields, 'inputs');
  const parameters = parametersIn(fields, ['candidate_labels', 'multi_label', 'hypothesis_template']);
  const candidates = textsIn(parameters, 'candidate_labels');
  const template = textIn(parameters, 'hypothesis_template') ?? TEMPLATE;
  if (!template.includes('{}')) {
    throw wrongField('parameters', '"hypothesis_template" has no {}, where the label is to stand; put it there');
  }
  const areApart = booleanIn(parameters, 'multi_label') === true || candidates.length === 1;
  const truncate = truncateIn(fields);
  return {
    model: chosen('classification'),
    task: 'classification',
    outputs: [RAW_SCORES],
    inputs: (model) => {
      entailmentOf(model);
      const pairs = candidates.map((label) => template.replace('{}', () => label));
      return { texts: candidates.map(() => text), pairs, truncate };
    },
    answer: (outputs, { model }) => zeroShotAnswer(outputs, model, candidates, areApart),
  };
}

/** The class that says that the second text follows, as transformers finds it. Throws `invalid_request` if there is none. */
function entailmentOf({ labels }: TextModel): number {
  const at = labels.findIndex((label) => label.toLowerCase().startsWith('entail'));
  if (at !== -1) return at;
  throw invalidRequest(
    'zero_shot_classification wants a model that tells whether one text follows from another, with a label "entailment"; ' +
      `this one's are ${listNames(labels)}: name another model, or call text_classification`,
  );
}

/** `areApart`: each label is likely or not by itself; else one of them is. */
function* zeroShotAnswer(
  outputs: TensorMap,
  model: TextModel,
  candidates: readonly string[],
  areApart: boolean,
): Steps<Buffer> {
  const logits = floatsOf(outputs, RAW_SCORES);
  const width = model.labels.length;
  const yes = entailmentOf(model);
  const no = yes === 0 ? width - 1 : 0;
  const ofYes = candidates.map((_, i) => logits[i * width + yes]!);
  const scores = areApart ? ofYes.map((logit, i) => softmaxOf([logits[i * width + no]!, logit])[1]!) : softmaxOf(ofYes);
  const writer = new JsonWriter();
  writeScored(writer, Float32Array.from(scores), candidates, Infinity);
  return writer.take();
}

function softmaxOf(logits: Iterable<number>): readonly number[] {
  const all = [...logits];
  const most = all.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = all.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The highest first, `most` of them. */
function writeScored(writer: JsonWriter, scores: Float32Array, labels: readonly string[], most: number): void {
  writer.ascii('[');
  for (const [place, i] of ranked(scores).slice(0, most).entries()) {
    writer.ascii(place === 0 ? '{"score":' : ',{"score":');
    writer.float32s(scores, i, i + 1);
    writer.ascii(',"label":');
    writeText(writer, labels[i]!);
    writer.ascii('}');
  }
  writer.ascii(']');
}
