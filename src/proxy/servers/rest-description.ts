/** The description of the REST surface in OpenAPI, of the tables of its protocols. */
import { API_KEY } from '../../access/sent-token.ts';
import { METRICS_PATH } from '../../telemetry/metrics/exposition.ts';
import { OPEN_INFERENCE } from '../protocols/open-inference/rest/operations.ts';
import { openApiDocument } from '../protocols/rest/openapi.ts';
import type { Operation } from '../protocols/rest/operation.ts';
import { servingOperations } from '../protocols/tensorflow-serving/rest/operations.ts';
import { OPENAPI_PATH, type RestKind } from './rest-routes.ts';

const DESCRIPTION: Operation<RestKind> = {
  kind: 'openapi',
  method: 'Description',
  http: 'GET',
  paths: [OPENAPI_PATH],
  summary: 'This description.',
  answer: { 'application/json': undefined },
  errors: [],
  isOpen: true,
};

/** All methods. `metricsPath`: as for the routes. */
export function restOperations(metricsPath = METRICS_PATH): readonly Operation<RestKind>[] {
  return [...servingOperations(metricsPath), ...OPEN_INFERENCE, DESCRIPTION];
}

/** The document of /openapi.json. `version`: the server's. `prefix`: before all paths but that of the metrics. */
export function openApiText(version: string, metricsPath = METRICS_PATH, prefix = ''): string {
  const { paths, ...rest } = openApiDocument(restOperations(metricsPath), version, API_KEY);
  const named = Object.entries(paths).map(([path, item]) => [path === metricsPath ? path : prefix + path, item]);
  return JSON.stringify({ ...rest, paths: Object.fromEntries(named) }, undefined, 2);
}
