/**
 * The paths of these APIs. Those of text-embeddings-inference are there twice: as they are, for a server with one model
 * of the task, and below a model's own path.
 */
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import { ANY, COUNT, list, object, TEXT } from '../../proxy/protocols/rest/json-schema.ts';
import type { Operation } from '../../proxy/protocols/rest/operation.ts';

export type TextKind =
  | 'openai-embeddings'
  | 'rerank-1'
  | 'rerank-2'
  | 'tei-any'
  | 'tei-embed'
  | 'tei-predict'
  | 'tei-rerank'
  | 'tei-tokenize'
  | 'tei-info'
  | 'tei-health';

/** The path below a model's. */
export const TEI_BELOW = '/v1/models/{model}/tei';

const STATUSES = [400, 404, 413];

function inference(kind: TextKind, paths: readonly string[], schemas: readonly string[], summary: string): Operation {
  const [request, answer, errorSchema] = schemas as readonly [string, string, string];
  return {
    ...{ kind, method: kind === 'tei-tokenize' ? 'Tokenize' : 'Predict', http: 'POST', paths, summary, errorSchema },
    ...{ request: { [JSON_TYPE]: request }, answer: { [JSON_TYPE]: answer }, errors: STATUSES, isInference: true },
  };
}

function tei(kind: TextKind, name: string, summary: string): Operation {
  const schemas = [`Tei${name}Request`, `Tei${name}Response`, 'TeiError'];
  return inference(kind, pathsOf(name.toLowerCase()), schemas, summary);
}

function pathsOf(end: string): readonly string[] {
  return [`/${end}`, `${TEI_BELOW}/${end}`];
}

const RERANK_SCHEMAS = ['RerankDocumentsRequest', 'RerankDocumentsResponse', 'RerankError'];

export const TEXT_OPERATIONS: readonly Operation[] = [
  inference(
    'openai-embeddings',
    ['/v1/embeddings'],
    ['EmbeddingsRequest', 'EmbeddingsResponse', 'OpenAiError'],
    'The embeddings of texts, as by OpenAI.',
  ),
  inference('rerank-1', ['/v1/rerank'], RERANK_SCHEMAS, 'Documents by their fit to a query, as by Jina and Cohere.'),
  inference('rerank-2', ['/v2/rerank'], RERANK_SCHEMAS, 'Documents by their fit to a query, as by Cohere.'),
  inference(
    'tei-any',
    ['/', TEI_BELOW],
    ['TeiAnyRequest', 'TeiAnyResponse', 'TeiError'],
    'What the model does: embed, predict or rerank, as by text-embeddings-inference.',
  ),
  tei('tei-embed', 'Embed', 'The embeddings of texts, as by text-embeddings-inference.'),
  tei('tei-predict', 'Predict', 'The scores of all labels, as by text-embeddings-inference.'),
  tei('tei-rerank', 'Rerank', 'Texts by their fit to a query, as by text-embeddings-inference.'),
  tei('tei-tokenize', 'Tokenize', 'The tokens of texts, as by text-embeddings-inference.'),
  {
    ...{ kind: 'tei-info', method: 'GetModelMetadata', http: 'GET', paths: pathsOf('info'), errors: [400, 404] },
    ...{ summary: 'The text model and its limits.', answer: { [JSON_TYPE]: 'TeiInfo' }, errorSchema: 'TeiError' },
  },
  {
    ...{ kind: 'tei-health', method: 'ServerReady', http: 'GET', paths: ['/health'], errors: [404, 503], isOpen: true },
    ...{ summary: 'The server is ready.', answer: { [JSON_TYPE]: 'TeiHealth' } },
  },
];

const NUMBERS = list({ type: 'number' });
const SWITCH = { type: ['boolean', 'null'] };
const SOME_TEXT = { type: ['string', 'null'] };
const SOME_COUNT = { type: ['integer', 'null'], minimum: 1 };
const TEXTS = { ...list(TEXT), minItems: 1 };
const ONE_OR_MORE = { oneOf: [TEXT, TEXTS] };
/** The second is what sentence_similarity of huggingface_hub sends. */
const EMBED_INPUTS = { oneOf: [...ONE_OR_MORE.oneOf, object({ source_sentence: TEXT, sentences: TEXTS })] };
const TRUNCATION = { truncate: SWITCH, truncation_direction: { enum: ['Right', 'right', null] } };
const SCORED = object({ score: { type: 'number' }, label: TEXT }, ['score', 'label']);

export const TEXT_SCHEMAS = {
  EmbeddingsRequest: object(
    {
      ...{ model: SOME_TEXT, input: ONE_OR_MORE, encoding_format: { enum: ['float', 'base64', null] } },
      ...{ dimensions: SOME_COUNT, user: SOME_TEXT, prompt_name: SOME_TEXT, truncate: SWITCH },
    },
    ['input'],
  ),
  EmbeddingsResponse: object(
    {
      object: { const: 'list' },
      data: list(object({ object: { const: 'embedding' }, index: COUNT, embedding: { oneOf: [NUMBERS, TEXT] } })),
      model: TEXT,
      usage: object({ prompt_tokens: COUNT, total_tokens: COUNT }),
    },
    ['object', 'data', 'model', 'usage'],
  ),
  OpenAiError: object(
    { error: object({ message: TEXT, type: TEXT, param: SOME_TEXT, code: SOME_TEXT }, ['message', 'type']) },
    ['error'],
  ),
  RerankDocumentsRequest: object(
    {
      ...{ model: SOME_TEXT, query: TEXT, top_n: SOME_COUNT, max_tokens_per_doc: SOME_COUNT },
      documents: { ...list({ oneOf: [TEXT, object({ text: TEXT }, ['text'])] }), minItems: 1 },
    },
    ['query', 'documents'],
  ),
  RerankDocumentsResponse: object(
    { id: TEXT, results: list(object({ index: COUNT, relevance_score: { type: 'number' } })), meta: ANY, usage: ANY },
    ['results'],
  ),
  RerankError: object({ message: TEXT, detail: TEXT }, ['message']),
  TeiAnyRequest: object({}),
  TeiAnyResponse: { type: 'array' },
  TeiEmbedRequest: object(
    {
      ...{ inputs: EMBED_INPUTS, model: SOME_TEXT, normalize: SWITCH, prompt_name: SOME_TEXT, dimensions: SOME_COUNT },
      ...{ encoding_format: { enum: ['float', null] }, parameters: ANY },
      ...TRUNCATION,
    },
    ['inputs'],
  ),
  TeiEmbedResponse: { oneOf: [list(NUMBERS), NUMBERS] },
  TeiPredictRequest: object({ inputs: ANY, model: SOME_TEXT, raw_scores: SWITCH, parameters: ANY, ...TRUNCATION }, [
    'inputs',
  ]),
  TeiPredictResponse: { oneOf: [list(SCORED), list(list(SCORED))] },
  TeiRerankRequest: object(
    { query: TEXT, texts: TEXTS, model: SOME_TEXT, raw_scores: SWITCH, return_text: SWITCH, ...TRUNCATION },
    ['query', 'texts'],
  ),
  TeiRerankResponse: list(object({ index: COUNT, score: { type: 'number' }, text: TEXT }, ['index', 'score'])),
  TeiTokenizeRequest: object(
    { inputs: ONE_OR_MORE, model: SOME_TEXT, add_special_tokens: SWITCH, prompt_name: SOME_TEXT },
    ['inputs'],
  ),
  TeiTokenizeResponse: list(list(object({ id: COUNT, text: TEXT, special: { type: 'boolean' } }))),
  TeiInfo: object({ model_id: TEXT, model_type: ANY, max_input_length: COUNT, version: TEXT }, ['model_id']),
  TeiHealth: object({ status: TEXT }),
  TeiError: object({ error: TEXT, error_type: TEXT }, ['error', 'error_type']),
};
