/**
 * text-embeddings-inference's root: what a request asks for depends on the model's task. Clients that are given the
 * server's address alone send there, and so does huggingface_hub's InferenceClient (pipelines/pipelines.ts).
 */
import type { ModelSpec } from '../../../core/model-spec.ts';
import type { ModelResolver } from '../../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { TEXT_MODEL, type TextTask } from '../../text/exported/text-model.ts';
import { pipelinesAlone, withPipelines } from '../pipelines/pipelines.ts';
import type { SoleModel, TextApi } from '../text-method.ts';
import { EMBED } from './embed.ts';
import { PREDICT } from './predict.ts';
import { RERANK } from './rerank.ts';

/** The API of each task. Those of the first three have paths of their own, too. */
export const TASK_APIS: Readonly<Record<TextTask, TextApi>> = {
  embedding: withPipelines('embedding', EMBED),
  classification: withPipelines('classification', PREDICT),
  reranking: withPipelines('reranking', RERANK),
  'token-classification': pipelinesAlone('token-classification'),
  'fill-mask': pipelinesAlone('fill-mask'),
};
/** The tasks of text-embeddings-inference. A request that names no model means one of them. */
const UNNAMED: readonly TextTask[] = ['embedding', 'classification', 'reranking'];

/** The API of the model that the path names, or of the only one. One that is not there is told of by any. */
export function apiOfTask({ models }: ModelResolver, sole: SoleModel) {
  return (path: ModelSpec, context: RequestContext): TextApi => {
    const spec = path.name === '' ? sole(UNNAMED, context) : path;
    // The task of a model that the caller may not ask is not told.
    if (context.principal?.may('predict', 'rest', spec.name) === false) return TASK_APIS.embedding;
    const task = models.find?.(spec.name, spec)?.facts.get(TEXT_MODEL)?.task;
    return TASK_APIS[task ?? 'embedding'];
  };
}
