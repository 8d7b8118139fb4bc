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
import { METRICS_PATH } from '../../../../telemetry/metrics/exposition.ts';

export type RouteKind =
  | 'predict'
  | 'classify'
  | 'regress'
  | 'models'
  | 'status'
  | 'metadata'
  | 'metrics'
  | 'options'
  | 'error';

export interface Route {
  readonly kind: RouteKind;
  /** The method's name in records: 'Predict', …; 'unknown' for paths that are no API method. */
  readonly method: string;
  /** The model that the path names; unused for the kinds models, metrics, options and error. */
  readonly spec: ModelSpec;
  /** The value of the `Allow` header, for options and for an error about the method. */
  readonly allow: string | undefined;
  /** Set if kind is 'error'. */
  readonly error: ServingError | undefined;
}

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
const NO_MODEL: ModelSpec = { name: '' };
const READ = 'GET, HEAD, OPTIONS';
const WRITE = 'POST, OPTIONS';

/**
 * Pure. `url` is the request line's target: a path, with or without a query, or an absolute URL. `metricsPath` is the
 * path of the metrics; empty if they are not served.
 */
export function matchRoute(method: string, url: string, metricsPath = METRICS_PATH): Route {
  const path = pathOf(url);
  if (path === metricsPath) return readable(method, path, 'metrics', 'unknown', NO_MODEL);
  if (path === '*' && method === 'OPTIONS') return route('options', 'unknown', NO_MODEL, 'GET, HEAD, POST, OPTIONS');
  if (MODELS_PATH.test(path)) return readable(method, path, 'models', 'ListModels', NO_MODEL);
  const match = MODEL_PATH.exec(path);
  if (match === null) return unmatched(path);
  const verb = match[4] === undefined ? undefined : VERBS.get(match[4]);
  if (match[4] !== undefined && verb === undefined) return unmatched(path);
  const spec = specOf(match[1]!, match[2], match[3]);
  if (spec instanceof ServingError) return failure(spec);
  if (verb !== undefined) return writable(method, path, verb, spec);
  // As in TensorFlow Serving, /METADATA is a status.
  const isMetadata = match[5] === '/metadata';
  return isMetadata
    ? readable(method, path, 'metadata', 'GetModelMetadata', spec)
    : readable(method, path, 'status', 'GetModelStatus', spec);
}

/** The route of a request whose Host field is missing, or is there twice: RFC 9112, section 3.2, wants a 400. */
export function wrongHost(count: number): Route {
  const sent = count === 0 ? 'has no Host field' : `has ${count} Host fields`;
  return failure(invalid(`the request ${sent}; HTTP/1.1 wants one, so send one, with any value`));
}

function readable(method: string, path: string, kind: RouteKind, name: string, spec: ModelSpec): Route {
  if (method === 'GET' || method === 'HEAD') return route(kind, name, spec);
  return method === 'OPTIONS' ? route('options', name, spec, READ) : wrongMethod(method, path, READ, 'GET');
}

function writable(method: string, path: string, [kind, name]: readonly [RouteKind, string], spec: ModelSpec): Route {
  if (method === 'OPTIONS') return route('options', name, spec, WRITE);
  return method === 'POST' ? route(kind, name, spec) : wrongMethod(method, path, WRITE, 'POST');
}

function specOf(name: string, version: string | undefined, label: string | undefined): ModelSpec | ServingError {
  if (version !== undefined && BigInt(version) > MAX_VERSION) {
    return invalid(`version ${quoteName(version)} in the path is too large; versions end at ${MAX_VERSION}`);
  }
  try {
    return {
      name: decodeURIComponent(name),
      ...(version !== undefined && { version: BigInt(version) }),
      ...(label !== undefined && { label: decodeURIComponent(label) }),
    };
  } catch {
    return invalid(`the path ${quoteName(name)} has a % that begins no escape of UTF-8; write % itself as %25`);
  }
}

function unmatched(path: string): Route {
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

function wrongMethod(method: string, path: string, allow: string, use: string): Route {
  const error = new ServingError('method_not_allowed', `${method} is not possible on ${quoteName(path)}; use ${use}`);
  return { ...failure(error), allow };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  const target = query === -1 ? url : url.slice(0, query);
  if (target.startsWith('/') || target === '*') return target;
  // Absolute form, as to a proxy: http://host/path.
  const slash = target.indexOf('/', target.indexOf('://') + 3);
  return slash === -1 ? '/' : target.slice(slash);
}

function route(kind: RouteKind, method: string, spec: ModelSpec, allow?: string): Route {
  return { kind, method, spec, allow, error: undefined };
}

function failure(error: ServingError): Route {
  return { kind: 'error', method: 'unknown', spec: NO_MODEL, allow: undefined, error };
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
