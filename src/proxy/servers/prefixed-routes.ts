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
import { DEFAULT_METRICS_PATH } from '../../core/metrics-path.ts';
import { failure, pathOf } from '../protocols/rest/route.ts';
import type { RestRoute } from './rest-part.ts';
import { APP_ROUTE, isPlain, type RestMatcher, RestRoutes, type RestRoutesOptions } from './rest-routes.ts';

/** Matches paths below the prefix; requests are matched as ever if it is empty. */
export function restMatcher(prefix: string, options: RestRoutesOptions): RestMatcher {
  return prefix === '' ? new RestRoutes(options) : new PrefixedRoutes(prefix, options);
}

class PrefixedRoutes implements RestMatcher {
  readonly places: readonly string[];
  readonly #prefix: string;
  readonly #metricsPath: string;
  readonly #isFronting: boolean;
  readonly #below: RestRoutes;

  constructor(prefix: string, options: RestRoutesOptions) {
    this.#prefix = prefix;
    this.#metricsPath = options.metricsPath ?? DEFAULT_METRICS_PATH;
    this.#isFronting = options.isFronting;
    this.#below = new RestRoutes(options);
    this.places = [...this.#below.places, ...this.#below.small].map((place) => prefix + place);
  }

  match(method: string, url: string): RestRoute {
    const path = pathOf(url);
    if (path === this.#metricsPath || path === '*') return this.#below.find(method, path, this.#metricsPath);
    const below = path.startsWith(`${this.#prefix}/`) ? path.slice(this.#prefix.length) : '';
    if (this.#below.isInference(below) || this.#below.small.has(below)) {
      return named(this.#below.find(method, below, ''), below, path);
    }
    if (this.#isFronting) return APP_ROUTE;
    const roots = this.#below.places.map((place) => this.#prefix + place).join(' and ');
    const places = `models are at ${roots}, as --inference_path_prefix says`;
    return failure(new ServingError('route_not_found', `no such path: ${quoteName(path)}; ${places}`));
  }

  plain(method: string, url: string): RestRoute | undefined {
    const found = this.match(method, url);
    const below = pathOf(url).slice(this.#prefix.length);
    return isPlain(method, found) && !this.#below.comesAndGoes(below) ? found : undefined;
  }
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
