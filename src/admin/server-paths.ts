/**
 * The paths that every operators' server has; features bring more (admin-path.ts).
 *
 *   GET /live /startup /ready   the probes (proxy/servers/probes.ts); /ready says why not
 *   GET /models    models, versions, memory and queues as JSON (models-report.ts)
 *   GET /callers   the callers that take most of the cores (callers-report.ts)
 */

import type { Readiness } from '../proxy/readiness.ts';
import { probePage } from '../proxy/servers/probes.ts';
import { type AdminPath, send, sendJson, sendText } from './admin-path.ts';

export interface ServerPathsOptions {
  readonly readiness: Readiness;
  /** The models that the start still waits for, one line each. */
  readonly waitsFor: () => readonly string[];
  /** The JSON of GET /models. */
  readonly models: () => object;
  /** The JSON of GET /callers. */
  readonly callers: () => object;
}

export function serverPaths(options: ServerPathsOptions): readonly AdminPath[] {
  const { readiness, waitsFor, models, callers } = options;
  const probe = (path: string, says: string): AdminPath => ({
    ...get(path, says, ({ response }) => {
      const page = probePage(path, readiness, waitsFor)!;
      send(response, page.contentType, page.text, page.status);
    }),
    guard: 'anybody',
  });
  const json = (path: string, says: string, read: () => object): AdminPath =>
    get(path, says, ({ response }) => sendJson(response, read()));
  return [
    probe('/live', 'the process runs'),
    probe('/startup', 'it has been ready'),
    probe('/ready', 'it wants requests, or what it waits for'),
    json('/models', 'models, versions, memory and queues; /models/NAME is one in detail', models),
    json('/callers', 'the callers that take most of the cores', callers),
  ];
}

function get(path: string, says: string, answer: AdminPath['answer']): AdminPath {
  return { method: 'GET', path, says, answer };
}

/** The list of the paths themselves. */
export function helpPath(help: () => string): AdminPath {
  return get('/help', 'this list', ({ response }) => sendText(response, help()));
}
