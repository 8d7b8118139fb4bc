/** The routes of the REST surface: those of its protocols, and what belongs to none. */

import { METRICS_PATH } from '../../telemetry/metrics/exposition.ts';
import type { OpenInferenceKind } from '../protocols/open-inference/rest/operations.ts';
import { matchOpenInference } from '../protocols/open-inference/rest/routes.ts';
import { NO_MODEL, pathOf, type Route, readable, route } from '../protocols/rest/route.ts';
import { matchRoute, type RouteKind } from '../protocols/tensorflow-serving/rest/routes.ts';

export type RestKind = RouteKind | OpenInferenceKind | 'openapi' | 'app';
export type RestRoute = Route<RestKind>;

/** Where the description of the API is. */
export const OPENAPI_PATH = '/openapi.json';

/** What the plain lane serves. */
export const PLAIN_KINDS: ReadonlySet<string> = new Set<RestKind>(['predict', 'classify', 'regress', 'v2-infer']);

/** Pure. As matchRoute, for all protocols. */
export function matchRest(method: string, url: string, metricsPath: string | undefined): RestRoute {
  const path = pathOf(url);
  if (path === OPENAPI_PATH) return readable(method, path, 'openapi', 'unknown', NO_MODEL);
  return matchOpenInference(method, path) ?? matchRoute(method, url, metricsPath);
}

/** Paths of inference, and those below them, whether or not there is a route: the application has none of these. */
export const INFERENCE_PATH = /^\/v1\/models(?:\/|$)|^\/v2(?:\/|$)/i;

/** A request for the application. */
export const APP_ROUTE: RestRoute = route<RestKind>('app', 'unknown', NO_MODEL);

/**
 * Pure. As matchRest, for a server that fronts an application: its paths are all that are neither inference nor the
 * metrics, /openapi.json too.
 */
export function matchFronted(method: string, url: string, metricsPath = METRICS_PATH): RestRoute {
  const path = pathOf(url);
  const isOurs = INFERENCE_PATH.test(path) || path === metricsPath || path === '*';
  return isOurs ? matchRest(method, url, metricsPath) : APP_ROUTE;
}

/** The route of a POST that the plain lane serves. */
export function plainRoute(target: string, metricsPath: string | undefined): RestRoute | undefined {
  const route = matchRest('POST', target, metricsPath);
  return PLAIN_KINDS.has(route.kind) ? route : undefined;
}
