/**
 * Routes by method and URL, remembered: clients send the same few over and over, and a lookup costs a tenth of the
 * match. Bounded: past MAX_ROUTES it starts afresh. Errors and long URLs are matched each time, so that nobody fills it
 * with junk.
 */
import { matchRoute, type Route } from './routes.ts';

const MAX_ROUTES = 1000;
const MAX_URL_LENGTH = 300;

export class RouteMemo {
  readonly #routes = new Map<string, Map<string, Route>>();
  readonly #metricsPath: string | undefined;
  #size = 0;

  /** `metricsPath` is where the metrics are, by default METRICS_PATH; empty = nowhere. */
  constructor(metricsPath?: string) {
    this.#metricsPath = metricsPath;
  }

  /** Routes remembered. */
  get size(): number {
    return this.#size;
  }

  match(method: string, url: string): Route {
    return this.#routes.get(method)?.get(url) ?? this.#matchNew(method, url);
  }

  #matchNew(method: string, url: string): Route {
    const route = matchRoute(method, url, this.#metricsPath);
    if (route.kind === 'error' || url.length > MAX_URL_LENGTH) return route;
    if (this.#size === MAX_ROUTES) {
      this.#routes.clear();
      this.#size = 0;
    }
    let ofMethod = this.#routes.get(method);
    if (ofMethod === undefined) {
      ofMethod = new Map();
      this.#routes.set(method, ofMethod);
    }
    ofMethod.set(url, route);
    this.#size++;
    return route;
  }
}
