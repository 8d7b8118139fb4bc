/** Attributes of requests over REST, by OpenTelemetry's conventions for HTTP. */
import { clip } from '../../../ledger/caller-text.ts';
import type { RequestRecord } from '../../../ledger/request-record.ts';
import { methodClass, OTHER_HTTP_METHOD } from '../../../ledger/tracing/http-methods.ts';
import { AttributeKey, type AttributeSink } from '../../../ledger/tracing/span-output.ts';
import { pathOf } from '../../../proxy/protocols/rest/route.ts';
import type { ServedNames } from './served-names.ts';

const SCHEME = new AttributeKey('url.scheme');
const PATH = new AttributeKey('url.path');
const ROUTE = new AttributeKey('http.route');
const METHOD = new AttributeKey('http.request.method');
const ORIGINAL_METHOD = new AttributeKey('http.request.method_original');
const VERSION = new AttributeKey('network.protocol.version');

/** Sets what the request's line says. A call within the process has none, and the method that it would have. */
export function setRequestLine(span: AttributeSink, record: RequestRecord, names: ServedNames): void {
  const { line, method } = record;
  span.set(SCHEME, record.client?.scheme ?? names.schemeOf(record));
  const asked = line?.method ?? usualMethod(method);
  const known = methodClass(asked);
  span.set(METHOD, known);
  if (known !== asked) span.set(ORIGINAL_METHOD, clip(asked));
  if (line?.url === undefined) return;
  const path = pathOf(line.url);
  span.set(PATH, clip(path));
  const route = names.routeOf(line, path);
  if (route !== undefined) span.set(ROUTE, route);
  span.set(VERSION, line.httpVersion);
}

function usualMethod(method: string): string {
  if (method === 'unknown') return OTHER_HTTP_METHOD;
  return method.startsWith('Get') || method.startsWith('List') ? 'GET' : 'POST';
}
