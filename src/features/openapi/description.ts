/** GET /openapi.json: the REST surface in OpenAPI, of the tables of its protocols. */
import { Buffer } from 'node:buffer';
import { DEFAULT_METRICS_PATH } from '../../core/metrics-path.ts';
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import type { Page } from '../../proxy/http1/local-replies.ts';
import type { Operation } from '../../proxy/protocols/rest/operation.ts';
import { NO_MODEL, readable } from '../../proxy/protocols/rest/route.ts';
import { API_KEY } from '../../proxy/sent-token.ts';
import type { Described, RestPart } from '../../proxy/servers/rest-part.ts';
import { openApiDocument, pathsNow } from './document.ts';

const PATH = '/openapi.json';

const DESCRIPTION: Operation = {
  kind: 'openapi',
  method: 'Description',
  http: 'GET',
  paths: [PATH],
  summary: 'This description.',
  answer: { 'application/json': undefined },
  errors: [],
  isOpen: true,
};

export interface DescriptionOptions {
  /** The server's. */
  readonly version: string;
  /** The path of the metrics. Default DEFAULT_METRICS_PATH. */
  readonly metricsPath?: string | undefined;
  /** The prefix of all paths but that of the metrics. Default: nothing. */
  readonly prefix?: string;
}

/** The part of REST that describes `described`. The text is made when it is asked for and the paths are others than before. */
export function descriptionPart(options: DescriptionOptions, described: () => readonly Described[]): RestPart {
  let page: Page | undefined;
  let paths = '';
  const text = (): Buffer => Buffer.from(openApiText(described(), options), 'utf8');
  return {
    operations: [DESCRIPTION],
    schemas: {},
    match: (method, path) => (path === PATH ? readable(method, path, 'openapi', 'unknown', NO_MODEL) : undefined),
    methodOf: () => undefined,
    pageOf: () => (asked) => {
      const now = pathsNow(described())
        .map(({ path }) => path)
        .join(' ');
      if (page === undefined || now !== paths) page = { contentType: JSON_TYPE, bytes: text() };
      paths = now;
      return asked.answers.page(asked.to, page);
    },
  };
}

/** The document. */
export function openApiText(described: readonly Described[], options: DescriptionOptions): string {
  const { version, metricsPath = DEFAULT_METRICS_PATH, prefix = '' } = options;
  const { paths, ...rest } = openApiDocument(described, version, API_KEY);
  const named = Object.entries(paths).map(([path, item]) => [path === metricsPath ? path : prefix + path, item]);
  return JSON.stringify({ ...rest, paths: Object.fromEntries(named) }, undefined, 2);
}
