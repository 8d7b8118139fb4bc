/**
 * The tables of REST (operation.ts) → an OpenAPI 3.1 document.
 *
 * https://spec.openapis.org/oas/v3.1.0
 */
import { OPENAPI_SCHEMAS, type SchemaName } from './openapi-schemas.ts';
import { type Content, namesIn, type Operation } from './operation.ts';

/** Errors that any request may get. */
const COMMON_ERRORS: readonly number[] = [400, 401, 403, 500];

const ERROR_TEXTS: Readonly<Record<number, string>> = {
  400: 'The request is wrong.',
  401: 'With an authorization file: no key, or nobody’s.',
  403: 'With an authorization file: not allowed.',
  404: 'There is no such model, version, label or region.',
  409: 'A region of this name is registered.',
  413: 'The body is too large, as sent or inflated.',
  429: 'The queue is full, the request would be late, or memory is short.',
  500: 'The model or the server failed.',
  501: 'This server does not have what is asked for.',
  503: 'The model is loading, or the server ends.',
  504: 'The deadline passed.',
};

const PATH_TEXTS: Readonly<Record<string, string>> = {
  model: 'The name of a model.',
  version: 'A version number; over the Open Inference Protocol a label, too.',
  label: 'A label of a version.',
  repository: 'The name of a repository.',
  region: 'The name of a region of shared memory.',
};

const HEADER_TEXTS: Readonly<Record<string, string>> = {
  'inference-header-content-length':
    'The bytes of the JSON in a body with binary tensors behind it; 0 = the body is the data of the only input.',
  'x-envoy-expected-rq-timeout-ms': 'The deadline, in whole milliseconds from the arrival.',
  'grpc-timeout': 'The deadline, as gRPC has it: 1 to 8 digits and a unit of H M S m u n.',
  'request-timeout': 'The deadline, in seconds.',
  'x-pillion-priority': 'critical, default or sheddable.',
  'x-request-id': 'Repeated in the answer.',
  traceparent: 'The trace that the request belongs to.',
};

const INFERENCE_HEADERS: readonly string[] = [
  'x-envoy-expected-rq-timeout-ms',
  'grpc-timeout',
  'request-timeout',
  'x-pillion-priority',
  'x-request-id',
  'traceparent',
];

/** `version`: the server's. */
export function openApiDocument(operations: readonly Operation[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    for (const path of operation.paths) {
      paths[path] ??= {};
      paths[path][operation.http.toLowerCase()] = operationOf(operation, path);
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pillion',
      version,
      description: "TensorFlow Serving's REST API and the Open Inference Protocol (KServe V2).",
    },
    paths,
    components: {
      schemas: OPENAPI_SCHEMAS,
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
    security: [{}, { key: [] }],
  };
}

function operationOf(operation: Operation, path: string): object {
  const { summary, request, isBodyOptional, isInference, headers = [] } = operation;
  const parameters = [
    ...namesIn(path).map((name) => parameterOf('path', name, PATH_TEXTS[name])),
    ...[...headers, ...(isInference ? INFERENCE_HEADERS : [])].map((name) =>
      parameterOf('header', name, HEADER_TEXTS[name]),
    ),
  ];
  return {
    operationId: operationIdOf(operation.http, path),
    summary,
    tags: [
      path.startsWith('/v2') ? 'Open Inference Protocol' : path.startsWith('/v1') ? 'TensorFlow Serving' : 'Server',
    ],
    ...(parameters.length > 0 && { parameters }),
    ...(request && { requestBody: { required: isBodyOptional !== true, content: contentOf(request) } }),
    responses: responsesOf(operation),
  };
}

/** 'postV2ModelsByModelInfer': one name for each path and method. */
function operationIdOf(http: string, path: string): string {
  const words = path.split(/[^\w{}]+/).filter((word) => word !== '');
  const named = words.map((word) => (word.startsWith('{') ? `By${capitalized(word.slice(1, -1))}` : capitalized(word)));
  return http.toLowerCase() + named.join('');
}

function capitalized(word: string): string {
  return word[0]!.toUpperCase() + word.slice(1);
}

function parameterOf(place: 'path' | 'header', name: string, description: string | undefined): object {
  return { in: place, name, ...(place === 'path' && { required: true }), schema: { type: 'string' }, description };
}

function responsesOf({ answer, errors }: Operation): object {
  const responses: Record<string, object> = {
    200:
      answer === undefined ? { description: 'Done: no body.' } : { description: 'Done.', content: contentOf(answer) },
  };
  for (const status of [...new Set([...COMMON_ERRORS, ...errors])].sort()) {
    const content = contentOf({ 'application/json': 'Error' });
    responses[status] = { description: ERROR_TEXTS[status] ?? 'An error.', content };
  }
  return responses;
}

function contentOf(content: Content): object {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, mediaOf(type, schema)]));
}

function mediaOf(type: string, schema: SchemaName | undefined): object {
  if (schema !== undefined) return { schema: { $ref: `#/components/schemas/${schema}` } };
  return type.startsWith('text/') || type.endsWith('json') ? {} : { schema: { type: 'string', format: 'binary' } };
}
