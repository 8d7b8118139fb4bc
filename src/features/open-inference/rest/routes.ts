/**
 * The routes of the Open Inference Protocol, by its table (operations.ts). As in Triton, paths are case-sensitive and a
 * query is ignored. HEAD is GET without a body, and OPTIONS lists the methods of a path.
 */
import { ServingError } from '../../../core/errors.ts';
import { listNames, quoteName } from '../../../core/list-names.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import { type Operation, OperationTable } from '../../../proxy/protocols/rest/operation.ts';
import {
  decodedSegment,
  failure,
  NO_MODEL,
  READ,
  type Route,
  route,
  WRITE,
  wrongMethod,
} from '../../../proxy/protocols/rest/route.ts';
import type { RestPart } from '../../../proxy/servers/rest-part.ts';
import type { Extension } from '../exported/extension.ts';
import { modelSpecOf } from '../exported/model-reference.ts';
import { OPEN_INFERENCE } from './operations.ts';

const MAIN_PATHS: readonly string[] = [
  '/v2',
  '/v2/health/live',
  '/v2/health/ready',
  '/v2/models/<name>[/versions/<n>][/infer|/ready|/config|/stats]',
];

/** The protocol's own, and those of its extensions. */
export function openInferenceOperations(extensions: readonly Extension[]): readonly Operation[] {
  const inferences = extensions.flatMap((each) => each.inferences ?? []);
  return [...OPEN_INFERENCE, ...extensions.flatMap(({ rest }) => rest), ...inferences];
}

/** Pure. Finds the route of a path below /v2; undefined for any other path. */
export function openInferenceRoutes(extensions: readonly Extension[]): RestPart['match'] {
  const table = new OperationTable(openInferenceOperations(extensions));
  const mainPaths = [...MAIN_PATHS, ...extensions.flatMap((each) => each.mainPaths ?? [])];
  return (method, path) =>
    path === '/v2' || path.startsWith('/v2/') ? routeOf(table, mainPaths, method, path) : undefined;
}

function routeOf(table: OperationTable<string>, mainPaths: readonly string[], method: string, path: string): Route {
  const matches = table.match(path);
  const [first] = matches;
  if (first === undefined) {
    const text = `no such path: ${quoteName(path)}; there are ${listNames(mainPaths)}`;
    return failure(new ServingError('route_not_found', text));
  }
  const asked = method === 'HEAD' ? 'GET' : method;
  const found = matches.find(({ operation }) => operation.http === asked);
  if (found === undefined) {
    const there = matches.map(({ operation }) => operation.http);
    return withoutMethod(method, path, there);
  }
  const spec = specOf(found.names, found.segments);
  if (spec instanceof ServingError) return failure(spec);
  const { kind, method: name } = found.operation;
  const region = found.names[0] === 'region' ? decodedSegment(found.segments[0]!) : '';
  if (region instanceof ServingError) return failure(region);
  return region === '' ? route<string>(kind, name, spec) : { ...route<string>(kind, name, spec), region };
}

function withoutMethod(method: string, path: string, there: readonly string[]): Route {
  const isRead = there.includes('GET');
  const allow = there.length === 2 ? `GET, HEAD, ${WRITE}` : isRead ? READ : WRITE;
  if (method === 'OPTIONS') return route<never>('options', 'unknown', NO_MODEL, allow);
  return wrongMethod(method, path, allow, there.join(' or '));
}

function specOf(names: readonly string[], segments: readonly string[]): ModelSpec | ServingError {
  let model: string | undefined;
  let version = '';
  for (const [i, name] of names.entries()) {
    const value = decodedSegment(segments[i]!);
    if (value instanceof ServingError) return value;
    if (name === 'model') model = value;
    else if (name === 'version') version = value;
  }
  if (model === undefined) return NO_MODEL;
  try {
    return modelSpecOf(model, version);
  } catch (thrown) {
    if (thrown instanceof ServingError) return thrown;
    throw thrown;
  }
}
