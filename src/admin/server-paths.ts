/**
 * The paths that every operators' server has; features bring more (admin-path.ts).
 *
 *   GET /live /startup /ready   the probes (proxy/servers/probes.ts); /ready says why not
 *   GET /models    models, versions, memory and queues as JSON (models-report.ts)
 *   GET /callers   the callers that take most of the cores (callers-report.ts)
 */
import type { Readiness } from '../proxy/readiness.ts';
import { probePage } from '../proxy/servers/probes.ts';
import { type AdminPath, jsonPath, send, sendText } from './admin-path.ts';

/** The readings that the paths answer with. */
interface ServerReadings {
  readonly readiness: Readiness;
  /** The models that the start still waits for, one line each. */
  readonly waitsFor: () => readonly string[];
  /** The JSON of GET /models. */
  readonly models: () => object;
  /** The JSON of GET /callers. */
  readonly callers: () => object;
}

export function serverPaths({ readiness, waitsFor, models, callers }: ServerReadings): readonly AdminPath[] {
  const probe = (path: string, says: string): AdminPath => ({
    ...{ method: 'GET', path, says, guard: 'anybody' },
    answer({ response }) {
      const page = probePage(path, readiness, waitsFor)!;
      send(response, page.contentType, page.text, page.status);
    },
  });
  return [
    probe('/live', 'the process runs'),
    probe('/startup', 'it has been ready'),
    probe('/ready', 'it wants requests, or what it waits for'),
    jsonPath('/models', 'models, versions, memory and queues; /models/NAME is one in detail', models),
    jsonPath('/callers', 'the callers that take most of the cores', callers),
  ];
}

/** The list of the paths themselves. */
export function helpPath(help: () => string): AdminPath {
  return { method: 'GET', path: '/help', says: 'this list', answer: ({ response }) => sendText(response, help()) };
}
