/**
 * The probes of orchestrators, for the operators' server and --probe_port.
 *
 *   /live      200 while the process runs its event loop, also during a drain: a failed liveness probe would restart it
 *   /startup   200 once every model of the start's list has been available, from then on
 *   /ready     200 if it wants requests: every configured model is available, the application is well, and no drain has begun
 */
import { type Readiness, whyNotReady } from '../readiness.ts';
import { type PageMaker, plain, type ServedPage } from './page-server.ts';

/** Undefined: `path` is no probe. `reasons`: more lines of /ready while it is not. */
export function probePage(
  path: string,
  readiness: Readiness,
  reasons: () => readonly string[] = () => [],
): ServedPage | undefined {
  if (path === '/live') return plain('live\n');
  if (path === '/startup') return readiness.hasStarted ? plain('started\n') : { status: 503, ...plain('starting\n') };
  if (path !== '/ready') return undefined;
  const problem = whyNotReady(readiness);
  if (problem === undefined) return plain('ready\n');
  return { status: 503, ...plain([problem, ...reasons(), ''].join('\n')) };
}

/** The probes' pages. They give no reasons, which name models and paths: whoever reaches the pod may ask. */
export function probePages(readiness: Readiness): Map<string, PageMaker> {
  const probes = ['/live', '/startup', '/ready'];
  return new Map(probes.map((path) => [path, () => probePage(path, readiness)!]));
}
