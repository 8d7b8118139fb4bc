/** The paths of the Open Inference Protocol, below /v2. */
import { ERROR_TABLE } from '../../../core/errors.ts';
import type { Route } from '../../../proxy/protocols/rest/route.ts';
import { whyNotReady } from '../../../proxy/readiness.ts';
import { inJson, type PageRequest, type RestPart } from '../../../proxy/servers/rest-part.ts';
import { RestInfer, type RestInferParts } from './rest-infer.ts';
import { openInferenceLookups } from './rest-lookups.ts';
import { openInferenceOperations, openInferenceRoutes } from './routes.ts';
import { OPEN_INFERENCE_SCHEMAS } from './schemas.ts';

/** Triton's status of a server that is not live, or not ready. */
const UNHEALTHY = ERROR_TABLE.invalid_request.http;

export function openInferencePart(parts: RestInferParts): RestPart {
  const { openInference } = parts;
  const { extensions } = openInference;
  const infer = new RestInfer(parts);
  const chosen = new Map(openInferenceLookups(openInference).map(([kind, method]) => [kind as string, inJson(method)]));
  const addedMethods = new Map(extensions.flatMap(({ rest }) => rest.map(({ kind, methodOf }) => [kind, methodOf])));
  for (const { inferences = [] } of extensions)
    for (const each of inferences) chosen.set(each.kind, each.choose(openInference));
  const live = health('live', () => undefined);
  const ready = health('ready', () => whyNotReady(openInference.readiness));
  return {
    root: '/v2',
    operations: openInferenceOperations(extensions),
    schemas: Object.assign({}, OPEN_INFERENCE_SCHEMAS, ...extensions.map(({ schemas }) => schemas)),
    plainKinds: new Set(['v2-infer']),
    match: openInferenceRoutes(extensions),
    methodOf: ({ kind, region = '' }, { inferenceHeader }) => {
      if (kind === 'v2-infer') {
        const method = infer.methodOf(inferenceHeader);
        return { method, form: method, keepsBody: method.keepsBody };
      }
      const known = chosen.get(kind);
      if (known !== undefined) return known;
      const method = addedMethods.get(kind)?.(region);
      return method && inJson(method);
    },
    pageOf: ({ kind }: Route) => (kind === 'v2-live' ? live : kind === 'v2-ready' ? ready : undefined),
  };
}

/** `{"live":true}`: KServe's clients read the body, all others the status. `problem`: why it is not, for people. */
function health(what: string, problem: () => string | undefined): (asked: PageRequest) => Promise<void> {
  return async ({ answers, to }) => {
    const error = problem();
    const isWell = error === undefined;
    answers.json(to, isWell ? 200 : UNHEALTHY, { [what]: isWell, error });
  };
}
