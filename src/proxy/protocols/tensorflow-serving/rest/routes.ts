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
import { ServingError } from '../../../../core/errors.ts';
import { quoteName } from '../../../../core/list-names.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
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

export type RouteKind = 'predict' | 'classify' | 'regress' | 'models' | 'status' | 'metadata' | 'metrics';

export type ServingRoute = Route<RouteKind>;

const MODEL_PATH =
  /^\/v1\/models\/([^/:]+)(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?(?::(classify|regress|predict)|(\/metadata))?$/i;

const MODELS_PATH = /^\/v1\/models$/i;

/** Kind of route and method name by verb. */
const VERBS: ReadonlyMap<string, readonly [RouteKind, string]> = new Map([
  ['predict', ['predict', 'Predict']],
  ['classify', ['classify', 'Classify']],
  ['regress', ['regress', 'Regress']],
]);
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
  const verb = match[4] === undefined ? undefined : VERBS.get(match[4]);
  if (match[4] !== undefined && verb === undefined) return undefined;
  const spec = specOf(match[1]!, match[2], match[3]);
  if (spec instanceof ServingError) return failure(spec);
  if (verb !== undefined) return writable(method, path, verb, spec);
  // TensorFlow Serving answers /METADATA with a status.
  const isMetadata = match[5] === '/metadata';
  return isMetadata
    ? readable(method, path, 'metadata', 'GetModelMetadata', spec)
    : readable(method, path, 'status', 'GetModelStatus', spec);
}

/** The route of a request whose Host field is missing, or is there twice: RFC 9112, section 3.2, wants a 400. */
export function wrongHost(count: number): ServingRoute {
  const sent = count === 0 ? 'has no Host field' : `has ${count} Host fields`;
  return failure(invalid(`the request ${sent}; HTTP/1.1 wants one, so send one, with any value`));
}

function writable(
  method: string,
  path: string,
  [kind, name]: readonly [RouteKind, string],
  spec: ModelSpec,
): ServingRoute {
  if (method === 'OPTIONS') return route<never>('options', name, spec, WRITE);
  return method === 'POST' ? route(kind, name, spec) : wrongMethod(method, path, WRITE, 'POST');
}

function specOf(name: string, version: string | undefined, label: string | undefined): ModelSpec | ServingError {
  if (version !== undefined && BigInt(version) > MAX_VERSION) {
    return invalid(`version ${quoteName(version)} in the path is too large; versions end at ${MAX_VERSION}`);
  }
  const [model, chosen] = [decodedSegment(name), label === undefined ? undefined : decodedSegment(label)];
  if (model instanceof ServingError) return model;
  if (chosen instanceof ServingError) return chosen;
  return {
    name: model,
    ...(version !== undefined && { version: BigInt(version) }),
    ...(chosen !== undefined && { label: chosen }),
  };
}

/** The route of a path that nothing has. */
export function noSuchPath(path: string): ServingRoute {
  if (/^\/v1\/models\/$/i.test(path)) {
    return failure(invalid('the path names no model; use /v1/models/<name>, or /v1/models for all of them'));
  }
  return failure(
    new ServingError(
      'route_not_found',
      `no such path: ${quoteName(path)}; there are GET /v1/models, GET /v1/models/<name>[/versions/<n>|/labels/<l>][/metadata] and POST /v1/models/<name>[/versions/<n>|/labels/<l>]:predict, :classify and :regress`,
    ),
  );
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
