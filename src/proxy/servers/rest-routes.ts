/** The routes of the REST surface: those of its protocols, and what belongs to none. */
import type { OpenInferenceKind } from '../protocols/open-inference/rest/operations.ts';
import { matchOpenInference } from '../protocols/open-inference/rest/routes.ts';
import { NO_MODEL, pathOf, type Route, readable } from '../protocols/rest/route.ts';
import { matchRoute, type RouteKind } from '../protocols/tensorflow-serving/rest/routes.ts';

export type RestKind = RouteKind | OpenInferenceKind | 'openapi';
export type RestRoute = Route<RestKind>;

/** Where the description of the API is. */
export const OPENAPI_PATH = '/openapi.json';

/** What the plain lane serves. */
const PLAIN_KINDS: ReadonlySet<string> = new Set<RestKind>(['predict', 'classify', 'regress', 'v2-infer']);

/** Pure. As matchRoute, for all protocols. */
export function matchRest(method: string, url: string, metricsPath: string | undefined): RestRoute {
  const path = pathOf(url);
  if (path === OPENAPI_PATH) return readable(method, path, 'openapi', 'unknown', NO_MODEL);
  return matchOpenInference(method, path) ?? matchRoute(method, url, metricsPath);
}

/** The route of a POST that the plain lane serves. */
export function plainRoute(target: string, metricsPath: string | undefined): RestRoute | undefined {
  const route = matchRest('POST', target, metricsPath);
  return PLAIN_KINDS.has(route.kind) ? route : undefined;
}
