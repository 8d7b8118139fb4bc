/**
 * The paths that every operators' server has; features bring more (admin-path.ts).
 *
 *   GET /live /startup /ready   the probes (proxy/servers/probes.ts); /ready says why not
 *   GET /metrics   Prometheus text or OpenMetrics; /monitoring/prometheus/metrics adds TensorFlow Serving's names
 *   GET /models    models, versions, memory and queues as JSON (models-report.ts)
 *   GET /callers   the callers that take most of the cores (callers-report.ts)
 */

import { METRICS_PATH, type MetricsPage, type MetricsPageOptions } from '../ledger/metrics/exposition.ts';
import type { Readiness } from '../proxy/readiness.ts';
import { probePage } from '../proxy/servers/probes.ts';
import { type AdminPath, type Asked, send, sendJson, sendText } from './admin-path.ts';

export interface ServerPathsOptions {
  readonly readiness: Readiness;
  /** The models that the start still waits for, one line each. */
  readonly waitsFor: () => readonly string[];
  /** The JSON of GET /models. */
  readonly models: () => object;
  /** The JSON of GET /callers. */
  readonly callers: () => object;
  readonly metrics: (options: MetricsPageOptions) => Promise<MetricsPage>;
}

export function serverPaths(options: ServerPathsOptions): readonly AdminPath[] {
  const { readiness, waitsFor, models, callers, metrics } = options;
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
    ...metricsPaths(metrics),
    json('/models', 'models, versions, memory and queues; /models/NAME is one in detail', models),
    json('/callers', 'the callers that take most of the cores', callers),
  ];
}

function get(path: string, says: string, answer: AdminPath['answer']): AdminPath {
  return { method: 'GET', path, says, answer };
}

function metricsPaths(metrics: ServerPathsOptions['metrics']): readonly AdminPath[] {
  const answer = async ({ path, request, response }: Asked): Promise<void> => {
    const page = await metrics({ accept: request.headers.accept, withAliases: path === METRICS_PATH });
    send(response, page.contentType, page.text);
  };
  return [
    { method: 'GET', path: '/metrics', says: 'metrics for Prometheus', guard: 'scraper', answer },
    { method: 'GET', path: METRICS_PATH, guard: 'scraper', answer },
  ];
}

/** The list of the paths themselves. */
export function helpPath(help: () => string): AdminPath {
  return get('/help', 'this list', ({ response }) => sendText(response, help()));
}
