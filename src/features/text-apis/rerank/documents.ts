/**
 * Cohere's and Jina's reranking: a query and documents, the best first.
 *
 *   {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}
 *     ─▶ {"id": "…", "results": [{"index": 1, "relevance_score": 0.9}], "meta": {…}, "usage": {…}}
 *
 * One answer has the fields of both. A document that is too long is cut, as by both.
 *
 * https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc
 */
import { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { ServingError } from '../../../core/errors.ts';
import type { Steps } from '../../../core/in-slices.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS, type TextModel, TOKEN_COUNT_OUTPUT } from '../../text/exported/text-model.ts';
import { floatsOf, ranked, tokensIn, writeText } from '../answer-parts.ts';
import { booleanIn, countIn, type Fields, isObject, type JsonValue, wantedText, wrongField } from '../text-body.ts';
import type { TextCall, TextRequest } from '../text-call.ts';
import type { ChooseModel, TextApi } from '../text-method.ts';

interface Asked {
  /** The version of Cohere's API. */
  readonly version: number;
  readonly topN: number;
  /** Undefined: the answer has no documents. */
  readonly documents: readonly string[] | undefined;
}

const { score: SCORE, rawScore: RAW_SCORE } = TEXT_OUTPUTS.reranking;

/** `version`: of Cohere's API. Jina's has the path of the first. */
export function rerankApi(version: 1 | 2): TextApi {
  const first = version === 1 ? ['return_documents', 'truncation'] : [];
  return {
    keys: ['model', 'query', 'documents', 'top_n', 'max_tokens_per_doc', ...first],
    form: '{"model": "…", "query": "…", "documents": ["…"]}',
    request: (fields, chosen) => rerankRequest(fields, chosen, version),
  };
}

/** Cohere's clients read "message", Jina's "detail". */
export function rerankError({ message }: ServingError): Buffer {
  return Buffer.from(JSON.stringify({ message, detail: message }));
}

function rerankRequest(fields: Fields, chosen: ChooseModel, version: number): TextRequest {
  const query = wantedText(fields, 'query');
  const documents = documentsIn(fields);
  const topN = countIn(fields, 'top_n') ?? documents.length;
  const isReturned = booleanIn(fields, 'return_documents') === true;
  const truncate = booleanIn(fields, 'truncation') ?? true;
  const most = countIn(fields, 'max_tokens_per_doc');
  const asked: Asked = { version, topN, documents: isReturned ? documents : undefined };
  return {
    model: chosen('reranking'),
    task: 'reranking',
    outputs: [SCORE, RAW_SCORE, TOKEN_COUNT_OUTPUT],
    inputs: (model) => {
      checkMost(model, most);
      return { texts: documents.map(() => query), pairs: documents, truncate };
    },
    answer: (outputs, call) => rerankAnswer(outputs, asked, call),
  };
}

/** A pair is cut to the model's own length, so that a higher limit of documents changes nothing. */
function checkMost({ maxTokens }: TextModel, most: number | undefined): void {
  if (most === undefined || most >= maxTokens) return;
  const text = `query and document are cut to ${maxTokens} tokens together, and to no fewer; leave it out`;
  throw wrongField('max_tokens_per_doc', text);
}

function documentsIn(fields: Fields): readonly string[] {
  const documents = fields.get('documents');
  if (Array.isArray(documents) && documents.length > 0) return (documents as readonly JsonValue[]).map(documentText);
  throw wrongField('documents', '"documents" is missing or empty; send a list of strings or of {"text": "…"}');
}

function documentText(document: JsonValue): string {
  const text = isObject(document) && document.members.size === 1 ? document.members.get('text') : document;
  if (typeof text === 'string') return text;
  throw wrongField('documents', 'a document is neither a string nor {"text": "…"}; send one of these');
}

function* rerankAnswer(outputs: TensorMap, asked: Asked, { served, context }: TextCall): Steps<Buffer> {
  const { version, topN, documents } = asked;
  const scores = floatsOf(outputs, SCORE);
  const tokens = tokensIn(outputs);
  const writer = new JsonWriter();
  writer.ascii('{"id":');
  writeText(writer, context.id);
  writer.ascii(',"object":"list","model":');
  writeText(writer, served.name);
  writer.ascii(',"results":[');
  for (const [place, i] of ranked(floatsOf(outputs, RAW_SCORE)).slice(0, topN).entries()) {
    writer.ascii(`${place === 0 ? '' : ','}{"index":${i},"relevance_score":`);
    writer.float32s(scores, i, i + 1);
    if (documents !== undefined) {
      writer.ascii(',"document":{"text":');
      writeText(writer, documents[i]!);
      writer.ascii('}');
    }
    writer.ascii('}');
    yield;
  }
  writer.ascii(`],"meta":{"api_version":{"version":"${version}"},"billed_units":{"search_units":0}},`);
  writer.ascii(`"usage":{"total_tokens":${tokens}}}`);
  return writer.take();
}
