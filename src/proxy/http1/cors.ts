/**
 * Cross-origin headers: those of TensorFlow Serving's --rest_api_enable_cors_support, and those that let a page send
 * Pillion's request headers and read its answer headers. Any origin is allowed; credentials never are (a browser sends
 * none if the origin is "*").
 *
 *   answers and errors   access-control-allow-origin, -methods, -headers, -expose-headers
 *   preflight (OPTIONS)  access-control-allow-origin, -methods, -headers (as requested), -max-age
 */
import type { IncomingHttpHeaders } from 'node:http';
import { SERVED_BY_HEADER } from '../served-by.ts';
import { VERSION_HEADER } from './answer-head.ts';

/** Answer headers that a page may read. */
const EXPOSED = [
  VERSION_HEADER,
  SERVED_BY_HEADER,
  'x-request-id',
  'server-timing',
  'traceparent',
  'retry-after',
  'allow',
  'inference-header-content-length',
];

const COMMON: readonly string[] = ['access-control-allow-origin', '*', 'access-control-allow-methods', 'POST, GET'];
const ALLOW_HEADERS = 'access-control-allow-headers';
const DEFAULT_ALLOWED = 'Content-Type';

/** Headers of every answer: names and values in turn. */
export const CORS_HEADERS: readonly string[] = [
  ...COMMON,
  ALLOW_HEADERS,
  DEFAULT_ALLOWED,
  'access-control-expose-headers',
  EXPOSED.join(', '),
];

/** The maximum of most browsers. */
const MAX_AGE_SECONDS = '7200';
/** A list of header names and nothing else. */
const NAMES = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/;
const MAX_NAMES_LENGTH = 2048;

/** Headers of the answer to OPTIONS: a page may send any request header, because none does harm here. */
export function preflightHeaders(headers: IncomingHttpHeaders): readonly string[] {
  if (headers['access-control-request-method'] === undefined) return CORS_HEADERS;
  const wanted = headers['access-control-request-headers']?.trim() ?? '';
  const isList = wanted.length <= MAX_NAMES_LENGTH && NAMES.test(wanted);
  const allowed = isList ? wanted : DEFAULT_ALLOWED;
  return [...COMMON, ALLOW_HEADERS, allowed, 'access-control-max-age', MAX_AGE_SECONDS];
}
