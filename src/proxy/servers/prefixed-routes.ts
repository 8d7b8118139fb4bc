/**
 * The routes of the REST surface whose paths of inference stand below a prefix (--inference_path_prefix), so that an
 * application behind it keeps an API of its own below /v1/models or /v2.
 *
 *   /pillion/v1/models/…, /pillion/v2/…, /pillion/openapi.json    this server's, as without the prefix
 *   the path of the metrics, OPTIONS *                            this server's, where they always are
 *   all else                                                      the application's; without one there is nothing
 */
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { METRICS_PATH } from '../../telemetry/metrics/exposition.ts';
import { failure, pathOf } from '../protocols/rest/route.ts';
import {
  APP_ROUTE,
  INFERENCE_PATH,
  matchFronted,
  matchRest,
  OPENAPI_PATH,
  PLAIN_KINDS,
  plainRoute,
  type RestRoute,
} from './rest-routes.ts';

export interface RestPaths {
  /** Empty = none. */
  readonly prefix: string;
  /** As for matchRest. */
  readonly metricsPath: string | undefined;
  readonly isFronting: boolean;
}

export interface RestMatcher {
  /** `url`: a request line's target. */
  match(method: string, url: string): RestRoute;
  /** The route of a POST that the plain lane serves. */
  plain(url: string): RestRoute | undefined;
}

/** Where a prefix is, it is looked for; else requests are matched as ever. */
export function restMatcher({ prefix, metricsPath, isFronting }: RestPaths): RestMatcher {
  if (prefix === '') {
    const match = isFronting ? matchFronted : matchRest;
    return {
      match: (method, url) => match(method, url, metricsPath),
      plain: (url) => plainRoute(url, metricsPath),
    };
  }
  const match = (method: string, url: string): RestRoute => matchPrefixed(prefix, method, url, metricsPath, isFronting);
  const plain = (url: string): RestRoute | undefined => {
    const route = match('POST', url);
    return PLAIN_KINDS.has(route.kind) ? route : undefined;
  };
  return { match, plain };
}

function matchPrefixed(
  prefix: string,
  method: string,
  url: string,
  metricsPath = METRICS_PATH,
  isFronting: boolean,
): RestRoute {
  const path = pathOf(url);
  if (path === metricsPath || path === '*') return matchRest(method, path, metricsPath);
  const below = path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : '';
  if (INFERENCE_PATH.test(below) || below === OPENAPI_PATH) return named(matchRest(method, below, ''), below, path);
  if (isFronting) return APP_ROUTE;
  const places = `models are at ${prefix}/v1/models and ${prefix}/v2, as --inference_path_prefix says`;
  return failure(new ServingError('route_not_found', `no such path: ${quoteName(path)}; ${places}`));
}

/** Its error has the path that was asked for, and says where the paths are that it lists. */
function named(route: RestRoute, below: string, path: string): RestRoute {
  const { error } = route;
  if (error === undefined) return route;
  const text = error.message.replace(quoteName(below), () => quoteName(path));
  const prefix = path.slice(0, -below.length);
  const where = error.kind === 'route_not_found' ? `; all of them below ${prefix}` : '';
  return { ...route, error: new ServingError(error.kind, text + where) };
}
