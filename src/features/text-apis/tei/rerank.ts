/**
 * text-embeddings-inference's /rerank: {"query": "q", "texts": ["a", "b"]} ─▶ [{"index": 1, "score": 0.9}, …], the best
 * first.
 */
import type { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import { TEXT_OUTPUTS } from '../../text/exported/text-model.ts';
import { floatsOf, ranked, writeText } from '../answer-parts.ts';
import { booleanIn, type Fields, textsIn, wantedText } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel, TextApi } from '../text-method.ts';
import { truncateIn } from './embed.ts';

const { score: SCORE, rawScore: RAW_SCORE } = TEXT_OUTPUTS.reranking;

export const RERANK: TextApi = {
  keys: ['query', 'texts', 'model', 'truncate', 'truncation_direction', 'raw_scores', 'return_text'],
  form: '{"query": "…", "texts": ["…"]}',
  request: rankRequest,
};

function rankRequest(fields: Fields, chosen: ChooseModel): TextRequest {
  const query = wantedText(fields, 'query');
  const texts = textsIn(fields, 'texts');
  const isRaw = booleanIn(fields, 'raw_scores') === true;
  const isTextReturned = booleanIn(fields, 'return_text') === true;
  const truncate = truncateIn(fields);
  return {
    model: chosen('reranking'),
    task: 'reranking',
    outputs: [SCORE, RAW_SCORE],
    inputs: () => ({ texts: texts.map(() => query), pairs: texts, truncate }),
    answer: (outputs) => {
      const [scores, raw] = [floatsOf(outputs, SCORE), floatsOf(outputs, RAW_SCORE)];
      return rankAnswer(isRaw ? raw : scores, ranked(raw), isTextReturned ? texts : undefined);
    },
  };
}

/** `texts`: undefined = the answer has none. */
function* rankAnswer(
  scores: Float32Array,
  order: readonly number[],
  texts: readonly string[] | undefined,
): Steps<Buffer> {
  const writer = new JsonWriter();
  writer.ascii('[');
  for (const [place, i] of order.entries()) {
    writer.ascii(`${place === 0 ? '' : ','}{"index":${i},`);
    if (texts !== undefined) {
      writer.ascii('"text":');
      writeText(writer, texts[i]!);
      writer.ascii(',');
    }
    writer.ascii('"score":');
    writer.float32s(scores, i, i + 1);
    writer.ascii('}');
    yield;
  }
  writer.ascii(']');
  return writer.take();
}
