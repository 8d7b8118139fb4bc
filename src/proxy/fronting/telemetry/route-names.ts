/**
 * The routes that are told apart. Clients choose paths, so a route is named only once the application has answered it
 * as one that it has, and only the busiest are named: by space-saving (Metwally and others, 2005), which counts MOST
 * of them.
 *
 *   a known route       its count rises by one
 *   an unknown one      takes the place of the one with the least count, and begins with that count as its possible error
 *
 * Whoever is asked for more than one request in MOST keeps its place, whatever else a client makes up. A route that has
 * taken another's place is named once SURELY of its requests came.
 */
import type { FrontedRecord } from './fronted-record.ts';
import { pathTemplate } from './path-template.ts';

const MOST = 64;
const SURELY = 3;

/** All routes without a name. */
export const OTHER_ROUTES = '(other paths)';

/** The application says by these that it has no such route. */
const NO_SUCH_ROUTE: ReadonlySet<number> = new Set([0, 404, 405, 501]);

interface Count {
  times: number;
  /** The most of them that may have been another route's. */
  readonly error: number;
}

export class RouteNames {
  readonly #counts = new Map<string, Count>();

  /** "/cart/{id}", or OTHER_ROUTES. Call it with a record that is over. */
  nameOf({ path, headAt, status }: FrontedRecord): string {
    const template = pathTemplate(path);
    const known = this.#counts.get(template);
    if (known === undefined && (headAt === 0 || NO_SUCH_ROUTE.has(status))) return OTHER_ROUTES;
    const count = known ?? this.#admit(template);
    count.times += 1;
    return count.error === 0 || count.times - count.error >= SURELY ? template : OTHER_ROUTES;
  }

  clear(): void {
    this.#counts.clear();
  }

  #admit(template: string): Count {
    let error = 0;
    if (this.#counts.size === MOST) {
      const [least, { times }] = [...this.#counts].reduce((a, b) => (b[1].times < a[1].times ? b : a));
      this.#counts.delete(least);
      error = times;
    }
    const count = { times: error, error };
    this.#counts.set(template, count);
    return count;
  }
}
