/**
 * The tables of REST (operation.ts) → an OpenAPI 3.1 document.
 *
 * https://spec.openapis.org/oas/v3.1.0
 */
import { object, TEXT } from '../../proxy/protocols/rest/json-schema.ts';
import { type Content, namesIn, type Operation } from '../../proxy/protocols/rest/operation.ts';
import type { Described } from '../../proxy/servers/rest-part.ts';
import { ANSWER_HEADERS, INFERENCE_HEADERS, REQUEST_HEADERS } from './headers.ts';

/** Errors that any request may get, and any request with a body. */
const COMMON_ERRORS: readonly number[] = [400, 401, 403, 429, 500, 503, 504];
const BODY_ERRORS: readonly number[] = [408, 413, 501];

const ERROR_TEXTS: Readonly<Record<number, string>> = {
  400: 'The request is wrong.',
  401: 'With an authorization file: no key, or nobody’s.',
  403: 'With an authorization file: not allowed.',
  404: 'There is no such model, version, label or region.',
  408: 'The body came too slowly.',
  409: 'A region of this name is registered.',
  413: 'The body is too large, as sent or inflated.',
  429: 'The queue is full, the caller has too much in hand, the request would be late, or memory is short.',
  500: 'The model or the server failed.',
  501: 'This server does not have what is asked for, such as the coding of the body.',
  503: 'The model is loading, its runtime is away, or the server ends.',
  504: 'The deadline passed.',
};

/** Headers of errors, by status. */
const ERROR_HEADERS: Readonly<Record<number, string>> = {
  429: 'retry-after',
  501: 'accept-encoding',
  503: 'retry-after',
};

const SOME_TEXT = { type: 'string', minLength: 1 };

const PATH_TEXTS: Readonly<Record<string, string>> = {
  model: 'The name of a model.',
  version: 'A version number; over the Open Inference Protocol a label, too.',
  label: 'A label of a version.',
  repository: 'The name of a repository.',
  region: 'The name of a region of shared memory.',
};

/** A document; only what is looked at has a type. */
interface OpenApiDocument {
  readonly paths: Readonly<Record<string, object>>;
  readonly [part: string]: unknown;
}

/** `version` is the server's. `keyHeader` is the header of a key that is no bearer's. */
export function openApiDocument(described: readonly Described[], version: string, keyHeader: string): OpenApiDocument {
  const paths: Record<string, Record<string, object>> = {};
  for (const { operation, path } of pathsNow(described)) {
    paths[path] ??= {};
    paths[path][operation.http.toLowerCase()] = operationOf(operation, path);
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
      schemas: Object.assign({ Error: object({ error: TEXT }, ['error']) }, ...described.map(({ schemas }) => schemas)),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: keyHeader },
      },
    },
    security: [{}, { token: [] }, { key: [] }],
  };
}

/** The paths that the server has now, with their operations. */
export function pathsNow(described: readonly Described[]): readonly { operation: Operation; path: string }[] {
  return described.flatMap(({ operations, hasPath }) =>
    operations.flatMap((operation) =>
      operation.paths.filter((path) => hasPath?.(path) !== false).map((path) => ({ operation, path })),
    ),
  );
}

function operationOf(operation: Operation, path: string): object {
  const { summary, request, isBodyOptional, isInference, isOpen, headers = [] } = operation;
  const names = [...headers, ...(isInference ? INFERENCE_HEADERS : [])];
  const parameters = [
    ...namesIn(path).map((name) => pathParameter(name, path)),
    ...names.map((name) => ({ in: 'header', name, ...REQUEST_HEADERS[name] })),
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
    ...(isOpen && { security: [] }),
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

/** TensorFlow Serving's versions are numbers. */
function pathParameter(name: string, path: string): object {
  const isNumber = name === 'version' && path.startsWith('/v1');
  const schema = isNumber ? { type: 'string', pattern: '^[0-9]+$' } : SOME_TEXT;
  return { in: 'path', name, required: true, schema, description: PATH_TEXTS[name] };
}

function responsesOf(operation: Operation): object {
  const { request, answer, answerHeaders = [], errors, errorSchema = 'Error', isOpen = false } = operation;
  const done = {
    description: answer === undefined ? 'Done: no body.' : 'Done.',
    ...headersOf(answerHeaders),
    ...(answer && { content: contentOf(answer) }),
  };
  const common = isOpen ? [] : [...COMMON_ERRORS, ...(request === undefined ? [] : BODY_ERRORS)];
  const statuses = [...new Set([...common, ...errors])].sort();
  return Object.fromEntries([
    [200, done],
    ...statuses.map((status) => [status, isOpen ? refusalOf(answer) : errorOf(status, errorSchema)]),
  ]);
}

function errorOf(status: number, schema: string): object {
  const header = ERROR_HEADERS[status];
  return {
    description: ERROR_TEXTS[status],
    ...headersOf(header === undefined ? [] : [header]),
    content: contentOf({ 'application/json': schema }),
  };
}

/** The answer says no. */
function refusalOf(answer: Content | undefined): object {
  return { description: 'Not now: the body says so.', ...(answer && { content: contentOf(answer) }) };
}

function headersOf(names: readonly string[]): object {
  return names.length === 0 ? {} : { headers: Object.fromEntries(names.map((name) => [name, ANSWER_HEADERS[name]])) };
}

/** Bytes have no schema. */
function contentOf(content: Content): object {
  return Object.fromEntries(
    Object.entries(content).map(([type, name]) => [type, name === undefined ? {} : mediaOf(name)]),
  );
}

function mediaOf(name: string): object {
  return { schema: { $ref: `#/components/schemas/${name}` } };
}
