/** The routes of the REST surface: the kernel's, those that features add, and what belongs to none. */
import { DEFAULT_METRICS_PATH } from '../../core/metrics-path.ts';
import { NO_MODEL, pathOf, route } from '../protocols/rest/route.ts';
import { matchServing, noSuchPath, SERVING_ROOT, verbsIn } from '../protocols/tensorflow-serving/rest/routes.ts';
import type { RestPart, RestRoute } from './rest-part.ts';

export interface RestMatcher {
  /** Roots of this server's paths, if it fronts an application; the path of the metrics is not among them. */
  readonly places: readonly string[];
  /** `url`: a request line's target. */
  match(method: string, url: string): RestRoute;
  /** The route of a request that the plain lane serves, always the same. */
  plain(method: string, url: string): RestRoute | undefined;
}

export interface RestRoutesOptions {
  readonly parts: readonly RestPart[];
  /** Empty if metrics are not served. Default DEFAULT_METRICS_PATH. */
  readonly metricsPath?: string | undefined;
  /** All paths that are neither inference nor the metrics are an application's. */
  readonly isFronting: boolean;
}

/** A request for the application. */
export const APP_ROUTE: RestRoute = route<'app'>('app', 'unknown', NO_MODEL);

export class RestRoutes implements RestMatcher {
  /** Paths of inference are here and below. */
  readonly places: readonly string[];
  /** Paths of the parts that have no place of their own, but for those below another's. */
  readonly small: ReadonlySet<string>;
  readonly #smallParts: ReadonlySet<string>;
  readonly #parts: readonly RestPart[];
  readonly #metricsPath: string;
  readonly #isFronting: boolean;
  readonly #inference: RegExp;
  /** The verbs of models' paths, for texts. */
  readonly #verbs: readonly string[];

  constructor({ parts, metricsPath = DEFAULT_METRICS_PATH, isFronting }: RestRoutesOptions) {
    this.#parts = parts;
    this.#metricsPath = metricsPath;
    this.#isFronting = isFronting;
    this.places = [...new Set([SERVING_ROOT, ...parts.flatMap(({ root }) => root ?? [])])];
    this.#verbs = ['predict', ...verbsIn(parts.flatMap(({ operations }) => operations))];
    this.#inference = new RegExp(this.places.map((place) => `^${place}(?:/|$)`).join('|'), 'i');
    const small = parts.filter(({ root }) => root === undefined);
    const paths = small.flatMap(({ operations }) => operations.flatMap((operation) => operation.paths));
    this.#smallParts = new Set(paths);
    this.small = new Set(paths.filter((path) => !this.isInference(path)));
  }

  match(method: string, url: string): RestRoute {
    const path = pathOf(url);
    const isOurs = !this.#isFronting || this.isInference(path) || path === this.#metricsPath || path === '*';
    return isOurs ? this.find(method, path, this.#metricsPath) : APP_ROUTE;
  }

  plain(method: string, url: string): RestRoute | undefined {
    const found = this.match(method, url);
    return isPlain(method, found) && !this.comesAndGoes(pathOf(url)) ? found : undefined;
  }

  /** A path that some part has or has not, by what is loaded. */
  comesAndGoes(path: string): boolean {
    return this.#smallParts.has(path);
  }

  /** A path of inference, whether or not there is a route: an application has none of these. */
  isInference(path: string): boolean {
    return this.#inference.test(path);
  }

  find(method: string, path: string, metricsPath: string): RestRoute {
    const own = matchServing(method, path, metricsPath);
    if (own !== undefined) return own;
    let unknown: RestRoute | undefined;
    for (const part of this.#parts) {
      const found = part.match(method, path);
      if (found === undefined) continue;
      // A part tells of an unknown path below its root, which may be another's: /v2/rerank.
      if (found.error?.kind !== 'route_not_found') return { ...found, part };
      unknown ??= { ...found, part };
    }
    return unknown ?? noSuchPath(path, this.#verbs);
  }
}

/** A POST that runs a model, or a request that has no route and is refused. */
export function isPlain(method: string, { kind, part, error }: RestRoute): boolean {
  if (error !== undefined) return true;
  if (method !== 'POST') return false;
  return part === undefined ? kind === 'predict' : part.plainKinds?.has(kind) === true;
}
