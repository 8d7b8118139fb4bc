/**
 * fill_mask: the likeliest tokens in the place of the mask.
 *
 *   {"inputs": "a [MASK]", "parameters": {"top_k": 1}}
 *     ─▶  [{"score": 0.9, "token": 7, "token_str": "cat", "sequence": "a cat"}]
 *   {"inputs": ["a [MASK]", "[MASK]"]}  ─▶  [[…], […]]
 *
 * A sequence is the text as it was sent with the token in it.
 */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import { elements, type NumericTensor, type TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS, type TextModel } from '../../text/exported/text-model.ts';
import { floatsOf, textsOf, writeText } from '../answer-parts.ts';
import { inputsIn, truncateIn } from '../tei/embed.ts';
import { countIn, type Fields, isObject, wrongField } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel } from '../text-method.ts';
import { parametersIn } from './parameters.ts';

const NAMES = TEXT_OUTPUTS['fill-mask'];

/** Undefined = it is another call. */
export function maskRequest(fields: Fields, chosen: ChooseModel): TextRequest | undefined {
  const inputs = fields.get('inputs');
  if (inputs !== undefined && isObject(inputs)) return undefined;
  const texts = inputsIn(fields);
  const isList = Array.isArray(inputs);
  const most = countIn(parametersIn(fields, ['top_k']), 'top_k');
  const truncate = truncateIn(fields);
  return {
    model: chosen('fill-mask'),
    task: 'fill-mask',
    outputs: [NAMES.tokens, NAMES.tokenIds, NAMES.scores],
    inputs: (model) => {
      checkCount(model, most);
      return { texts, truncate };
    },
    answer: (outputs, { model }) => maskAnswer(outputs, texts, { isList, most: most ?? model.topK, model }),
  };
}

function checkCount({ topK }: TextModel, most: number | undefined): void {
  if (most === undefined || most <= topK) return;
  const gives = `"top_k" is ${most}, and the model gives its ${topK} likeliest tokens`;
  throw wrongField('parameters', `${gives}; send ${topK} at most, or set top_k of text in its pillion.yaml`);
}

interface Told {
  /** The request has a list of texts, so the answer is one of lists. */
  readonly isList: boolean;
  readonly most: number;
  readonly model: TextModel;
}

function* maskAnswer(outputs: TensorMap, texts: readonly string[], { isList, most, model }: Told): Steps<Buffer> {
  const width = outputs.get(NAMES.tokens)!.shape[1]!;
  const tokens = textsOf(outputs, NAMES.tokens);
  const ids = elements(outputs.get(NAMES.tokenIds) as NumericTensor) as BigInt64Array;
  const scores = floatsOf(outputs, NAMES.scores);
  const writer = new JsonWriter();
  if (isList) writer.ascii('[');
  for (const [row, text] of texts.entries()) {
    writer.ascii(row === 0 ? '[' : ',[');
    const start = row * width;
    // A vocabulary may have fewer tokens than were asked for.
    for (let i = start; i < start + Math.min(most, width) && ids[i]! >= 0n; i++) {
      writer.ascii(`${i === start ? '' : ','}{"score":`);
      writer.float32s(scores, i, i + 1);
      writer.ascii(`,"token":${ids[i]},"token_str":`);
      writeText(writer, tokens[i]!);
      writer.ascii(',"sequence":');
      writeText(
        writer,
        text.replace(model.maskToken, () => tokens[i]!.trim()),
      );
      writer.ascii('}');
    }
    writer.ascii(']');
    yield;
  }
  if (isList) writer.ascii(']');
  return writer.take();
}
