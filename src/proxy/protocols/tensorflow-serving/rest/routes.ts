/**
 * The paths of TensorFlow Serving's REST API:
 *
 *   POST /v1/models/M[/versions/N|/labels/L]:predict            predict
 *   GET  /v1/models                                             all models and their status (ours)
 *   POST …:classify, …:regress                                  classify, regress
 *   GET  /v1/models/M[/versions/N|/labels/L]                    status
 *   GET  /v1/models/M[/versions/N|/labels/L]/metadata           metadata
 *   GET  /monitoring/prometheus/metrics                         metrics; the path may be another
 *
 * HEAD is GET without a body, OPTIONS lists the methods of a path. As in TensorFlow Serving, `/v1/models`, `versions`
 * and `labels` match in any case, a verb only in lower case, and M and L are percent-decoded, so they may hold any
 * character. Unlike there, a query string is ignored, an unknown path is 404 and a wrong method 405.
 */
import { invalidRequest, ServingError } from '../../../../core/errors.ts';
import { quoteName } from '../../../../core/list-names.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { Operation } from '../../rest/operation.ts';
import {
  decodedSegment,
  failure,
  NO_MODEL,
  type Route,
  readable,
  route,
  WRITE,
  wrongMethod,
} from '../../rest/route.ts';

export type RouteKind = 'predict' | 'models' | 'status' | 'metadata' | 'metrics';

export type ServingRoute = Route<RouteKind>;

const MODEL_PATH = /^\/v1\/models\/([^/:]+)(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?(?::(\w+)|(\/metadata))?$/i;

const MODELS_PATH = /^\/v1\/models$/i;

/** The root of all paths. */
export const SERVING_ROOT = '/v1/models';

/** The names of methods by the verbs of their paths, which are the kinds of their routes. */
type Verbs<Kind extends string> = ReadonlyMap<Kind, string>;

const VERBS: Verbs<RouteKind> = new Map([['predict', 'Predict']]);
const MAX_VERSION = 2n ** 63n - 1n;

/**
 * Pure. The route of a path, without a query; undefined for a path that is none of these. `metricsPath` is the path of the
 * metrics; empty if they are not served.
 */
export function matchServing(method: string, path: string, metricsPath: string): ServingRoute | undefined {
  if (path === metricsPath) return readable(method, path, 'metrics', 'unknown', NO_MODEL);
  if (path === '*' && method === 'OPTIONS')
    return route<never>('options', 'unknown', NO_MODEL, 'GET, HEAD, POST, OPTIONS');
  if (MODELS_PATH.test(path)) return readable(method, path, 'models', 'ListModels', NO_MODEL);
  const match = MODEL_PATH.exec(path);
  if (match === null) return undefined;
  if (match[4] !== undefined) return routeOfVerb(method, match, VERBS);
  const spec = specOf(match);
  if (spec instanceof ServingError) return failure(spec);
  // TensorFlow Serving answers /METADATA with a status.
  const isMetadata = match[5] === '/metadata';
  return isMetadata
    ? readable(method, path, 'metadata', 'GetModelMetadata', spec)
    : readable(method, path, 'status', 'GetModelStatus', spec);
}

/** Pure. The route of a POST to a model, `/v1/models/NAME:VERB`, if it is one of these verbs; undefined for any other. */
export function matchVerb<Kind extends string>(
  method: string,
  path: string,
  verbs: Verbs<Kind>,
): Route<Kind> | undefined {
  const match = MODEL_PATH.exec(path);
  return match?.[4] === undefined ? undefined : routeOfVerb(method, match, verbs);
}

function routeOfVerb<Kind extends string>(
  method: string,
  match: RegExpExecArray,
  verbs: Verbs<Kind>,
): Route<Kind> | undefined {
  const kind = match[4] as Kind;
  const name = verbs.get(kind);
  if (name === undefined) return undefined;
  const spec = specOf(match);
  if (spec instanceof ServingError) return failure(spec);
  if (method === 'OPTIONS') return route<Kind>('options', name, spec, WRITE);
  return method === 'POST' ? route(kind, name, spec) : wrongMethod(method, match[0], WRITE, 'POST');
}

/** The route of a request whose Host field is missing, or is there twice: RFC 9112, section 3.2, wants a 400. */
export function wrongHost(count: number): ServingRoute {
  const sent = count === 0 ? 'has no Host field' : `has ${count} Host fields`;
  return failure(invalidRequest(`the request ${sent}; HTTP/1.1 wants one, so send one, with any value`));
}

/** The model of a match of MODEL_PATH. */
function specOf([, name, version, label]: RegExpExecArray): ModelSpec | ServingError {
  if (version !== undefined && BigInt(version) > MAX_VERSION) {
    return invalidRequest(`version ${quoteName(version)} in the path is too large; versions end at ${MAX_VERSION}`);
  }
  const [model, chosen] = [decodedSegment(name!), label === undefined ? undefined : decodedSegment(label)];
  if (model instanceof ServingError) return model;
  if (chosen instanceof ServingError) return chosen;
  return {
    name: model,
    ...(version !== undefined && { version: BigInt(version) }),
    ...(chosen !== undefined && { label: chosen }),
  };
}

/** The verbs that these operations add to the paths of models. */
export function verbsIn(operations: readonly Operation[]): readonly string[] {
  return operations.flatMap(({ paths: [path] }) => /\{model\}:(\w+)$/.exec(path!)?.[1] ?? []);
}

/** The route of a path that nothing has. `verbs`: those of POST, of which there is at least one. */
export function noSuchPath(path: string, verbs: readonly string[]): ServingRoute {
  if (/^\/v1\/models\/$/i.test(path)) {
    return failure(invalidRequest('the path names no model; use /v1/models/<name>, or /v1/models for all of them'));
  }
  const all = verbs.map((verb) => `:${verb}`);
  const posts = all.length === 1 ? all[0] : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
  return failure(
    new ServingError(
      'route_not_found',
      `no such path: ${quoteName(path)}; there are GET /v1/models, GET /v1/models/<name>[/versions/<n>|/labels/<l>][/metadata] and POST /v1/models/<name>[/versions/<n>|/labels/<l>]${posts}`,
    ),
  );
}
