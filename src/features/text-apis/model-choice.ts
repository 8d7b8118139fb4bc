/** Finds the model of a request that names none: the only one that its caller may ask, and that does the task. */
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { TEXT_MODEL, type TextTask } from '../text/exported/text-model.ts';

/** How soon a model that is being loaded may be there. */
const RETRY_AFTER_MS = 1000;

/** `tasks`: one of them is enough. Throws `model_not_found`, `model_not_ready`, or `invalid_request` if there are several. */
export function soleModel({ models }: ModelResolver, tasks: readonly TextTask[], context: RequestContext): ModelSpec {
  const { principal } = context;
  const known = models.modelNames.filter((name) => principal?.may('predict', 'rest', name) !== false);
  const tasksOf = new Map(known.map((name) => [name, models.find?.(name, {})]));
  const fitting = [...tasksOf].filter(([, servable]) => {
    const task = servable?.facts.get(TEXT_MODEL)?.task;
    return task !== undefined && tasks.includes(task);
  });
  const [first] = fitting;
  if (fitting.length === 1) return { name: first![0] };
  if (fitting.length > 1) {
    const names = listNames(fitting.map(([name]) => name));
    throw invalidRequest(
      `${names} do this; send to /v1/models/NAME/tei/…, or name one as "model" in the body where the path takes it`,
    );
  }
  const what = `no model here does ${tasks.join(' or ')}`;
  if ([...tasksOf.values()].every((servable) => servable !== undefined))
    throw new ServingError('model_not_found', what);
  throw new ServingError('model_not_ready', `${what} yet; models are being loaded`, { retryAfterMs: RETRY_AFTER_MS });
}
