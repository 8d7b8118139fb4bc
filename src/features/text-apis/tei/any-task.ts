/**
 * text-embeddings-inference's root: what a request asks for depends on the model's task. Clients that are given the
 * server's address alone send there.
 */
import type { ModelSpec } from '../../../core/model-spec.ts';
import type { ModelResolver } from '../../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { TEXT_MODEL, type TextTask } from '../../text/exported/text-model.ts';
import type { SoleModel, TextApi } from '../text-method.ts';
import { EMBED } from './embed.ts';
import { PREDICT } from './predict.ts';
import { RERANK } from './rerank.ts';

const APIS: ReadonlyMap<TextTask, TextApi> = new Map([
  ['embedding', EMBED],
  ['classification', PREDICT],
  ['reranking', RERANK],
]);

/** The API of the model that the path names, or of the only one. One that is not there is told of by any. */
export function apiOfTask({ models }: ModelResolver, sole: SoleModel) {
  return (path: ModelSpec, context: RequestContext): TextApi => {
    const spec = path.name === '' ? sole([...APIS.keys()], context) : path;
    // The task of a model that the caller may not ask is not told.
    if (context.principal?.may('predict', 'rest', spec.name) === false) return EMBED;
    const task = models.find?.(spec.name, spec)?.facts.get(TEXT_MODEL)?.task;
    return (task && APIS.get(task)) ?? EMBED;
  };
}
