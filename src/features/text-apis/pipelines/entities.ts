/**
 * token_classification: the entities of a text.
 *
 *   {"inputs": "Ada sat", "parameters": {}}  ─▶  [{"entity_group": "PER", "score": 0.9, "word": "Ada", "start": 0, "end": 3}]
 *   {"inputs": ["a", "b"]}                   ─▶  [[…], […]]
 *
 * Places are code points, as Python counts. A word is the text at its place, where transformers joins the vocabulary's
 * pieces. How tokens become entities is the model's own setting.
 */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import { elements, type NumericTensor, type TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS, type TextModel } from '../../text/exported/text-model.ts';
import { floatsOf, textsOf, writeText } from '../answer-parts.ts';
import { inputsIn, truncateIn } from '../tei/embed.ts';
import { type Fields, isObject, textIn, textsIn, wrongField } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel } from '../text-method.ts';
import { parametersIn } from './parameters.ts';

const NAMES = TEXT_OUTPUTS['token-classification'];
const OUTSIDE = 'O';

/** Undefined = it is another call. */
export function entitiesRequest(fields: Fields, chosen: ChooseModel): TextRequest | undefined {
  const inputs = fields.get('inputs');
  if (inputs !== undefined && isObject(inputs)) return undefined;
  const texts = inputsIn(fields);
  const isList = Array.isArray(inputs);
  const parameters = parametersIn(fields, ['aggregation_strategy', 'ignore_labels']);
  const strategy = textIn(parameters, 'aggregation_strategy');
  const ignored = ignoredIn(parameters);
  const truncate = truncateIn(fields);
  return {
    model: chosen('token-classification'),
    task: 'token-classification',
    outputs: [NAMES.entities, NAMES.scores, NAMES.starts, NAMES.ends],
    inputs: (model) => {
      checkStrategy(model, strategy);
      return { texts, truncate };
    },
    answer: (outputs, { model }) => entitiesAnswer(outputs, texts, { isList, ignored, model }),
  };
}

function ignoredIn(parameters: Fields): ReadonlySet<string> {
  const ignored = new Set(parameters.has('ignore_labels') ? textsIn(parameters, 'ignore_labels') : [OUTSIDE]);
  if (ignored.has(OUTSIDE)) return ignored;
  throw wrongField('parameters', `tokens that are no entity are not told here; add "${OUTSIDE}" to "ignore_labels"`);
}

function checkStrategy({ isAggregated }: TextModel, strategy: string | undefined): void {
  const own = isAggregated ? 'simple' : 'none';
  if (strategy === undefined || strategy === own) return;
  throw wrongField(
    'parameters',
    `the model's "aggregation_strategy" is ${own}: leave it out, or set aggregation of text in its pillion.yaml`,
  );
}

interface Told {
  /** The request has a list of texts, so the answer is one of lists. */
  readonly isList: boolean;
  readonly ignored: ReadonlySet<string>;
  readonly model: TextModel;
}

function* entitiesAnswer(
  outputs: TensorMap,
  texts: readonly string[],
  { isList, ignored, model }: Told,
): Steps<Buffer> {
  const most = outputs.get(NAMES.entities)!.shape[1]!;
  const labels = textsOf(outputs, NAMES.entities);
  const scores = floatsOf(outputs, NAMES.scores);
  const [starts, ends] = [NAMES.starts, NAMES.ends].map((name) => elements(outputs.get(name) as NumericTensor));
  const key = model.isAggregated ? 'entity_group' : 'entity';
  const writer = new JsonWriter();
  if (isList) writer.ascii('[');
  for (const [row, text] of texts.entries()) {
    writer.ascii(row === 0 ? '[' : ',[');
    const points = [...text];
    let isFirst = true;
    for (let i = row * most; i < (row + 1) * most; i++) {
      if (labels[i] === '' || ignored.has(labels[i]!)) continue;
      writer.ascii(`${isFirst ? '' : ','}{"${key}":`);
      isFirst = false;
      const [start, end] = [Number(starts![i]), Number(ends![i])];
      writeText(writer, labels[i]!);
      writer.ascii(',"score":');
      writer.float32s(scores, i, i + 1);
      writer.ascii(',"word":');
      writeText(writer, points.slice(start, end).join(''));
      writer.ascii(`,"start":${start},"end":${end}}`);
    }
    writer.ascii(']');
    yield;
  }
  if (isList) writer.ascii(']');
  return writer.take();
}
