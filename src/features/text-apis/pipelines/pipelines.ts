/**
 * The calls of huggingface_hub's InferenceClient. The client sends all of them to the URL of the model, in the form of
 * transformers' pipelines, so which call it is shows in the body alone:
 *
 *   {"inputs": "…" or {…}, "parameters": {…}}    every call but feature_extraction, which is /embed's own request
 *
 * Each task has some of the calls. The others are refused with what the model does.
 *
 * https://huggingface.co/docs/huggingface_hub/package_reference/inference_client
 */
import { invalidRequest } from '../../../core/errors.ts';
import type { TextTask } from '../../text/exported/text-model.ts';
import { type Fields, isObject } from '../text-body.ts';
import { DOES, type TextRequest } from '../text-call.ts';
import type { ChooseModel, TextApi } from '../text-method.ts';
import { classesRequest } from './classes.ts';
import { entitiesRequest } from './entities.ts';
import { maskRequest } from './masks.ts';
import { similarityRequest } from './similarity.ts';

interface Pipelines {
  /** The methods of the client that the task answers. */
  readonly calls: readonly string[];
  /** Undefined = the request has the form of another task's. Throws `invalid_request`. */
  request(fields: Fields, chosen: ChooseModel): TextRequest | undefined;
}

const PIPELINES: Readonly<Record<TextTask, Pipelines>> = {
  embedding: { calls: ['feature_extraction', 'sentence_similarity'], request: similarityRequest },
  classification: { calls: ['text_classification', 'zero_shot_classification'], request: classesRequest },
  'token-classification': { calls: ['token_classification'], request: entitiesRequest },
  'fill-mask': { calls: ['fill_mask'], request: maskRequest },
  reranking: { calls: [], request: () => undefined },
};

/** Members that any call may have. `stream` is that of text_generation, which no model of texts here answers. */
const KEYS = ['inputs', 'parameters', 'stream'];

/** The API of the task, `own`, that also takes its calls of the client. */
export function withPipelines(task: TextTask, own: TextApi): TextApi {
  return {
    keys: [...new Set([...own.keys, ...KEYS])],
    form: own.form,
    request: (fields, chosen) =>
      isPipeline(fields, own) ? callRequest(task, fields, chosen) : own.request(fields, chosen),
  };
}

/** The API of a task that has only calls of the client. */
export function pipelinesAlone(task: TextTask): TextApi {
  return {
    keys: [...KEYS, 'model', 'truncate', 'truncation_direction'],
    form: '{"inputs": "…"}',
    request: (fields, chosen) => callRequest(task, fields, chosen),
  };
}

function isPipeline(fields: Fields, { keys }: TextApi): boolean {
  const inputs = fields.get('inputs');
  const isForeign = inputs !== undefined && (isObject(inputs) || !keys.includes('inputs'));
  return isForeign || fields.has('parameters') || fields.has('stream');
}

function callRequest(task: TextTask, fields: Fields, chosen: ChooseModel): TextRequest {
  const { request } = PIPELINES[task];
  return (fields.has('stream') ? undefined : request(fields, chosen)) ?? refusedRequest(task, chosen);
}

/** It is refused when the model is known, and its caller was allowed to ask for it. */
function refusedRequest(task: TextTask, chosen: ChooseModel): TextRequest {
  const model = chosen(task);
  const refuse = (): never => {
    const { calls } = PIPELINES[task];
    const answered = calls.length === 0 ? 'none' : calls.join(' and ');
    throw invalidRequest(
      `model "${model.name}" ${DOES[task]}: of the calls of huggingface_hub’s InferenceClient it answers ${answered}, ` +
        `and this is another; ${calls.length === 0 ? 'send {"query": "…", "texts": ["…"]}' : 'call that, or another model'}`,
    );
  };
  return { model, task, outputs: [], inputs: refuse, answer: refuse };
}
