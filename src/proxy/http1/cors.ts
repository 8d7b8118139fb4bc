/**
 * Cross-origin headers, as TensorFlow Serving's --rest_api_enable_cors_support has them, plus what a browser needs to
 * send our request headers and to see our answer headers. Any origin may ask; credentials are never allowed (a browser
 * sends none where the origin is "*").
 *
 *   answers and errors   access-control-allow-origin, -methods, -headers, -expose-headers
 *   preflight (OPTIONS)  the same, with the headers that the page wants to send, and how long that may be remembered
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
];

const COMMON: readonly string[] = ['access-control-allow-origin', '*', 'access-control-allow-methods', 'POST, GET'];
const ALLOW_HEADERS = 'access-control-allow-headers';
const DEFAULT_ALLOWED = 'Content-Type';

/** Of every answer: names and values in turn. */
export const CORS_HEADERS: readonly string[] = [
  ...COMMON,
  ALLOW_HEADERS,
  DEFAULT_ALLOWED,
  'access-control-expose-headers',
  EXPOSED.join(', '),
];

/** Browsers remember no longer than this, most of them. */
const MAX_AGE_SECONDS = '7200';
/** A list of header names, and nothing that could be more than that. */
const NAMES = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/;
const MAX_NAMES_LENGTH = 2048;

/** Of the answer to OPTIONS. A page asks for the headers that it wants to send: none of them does harm here. */
export function preflightHeaders(headers: IncomingHttpHeaders): readonly string[] {
  if (headers['access-control-request-method'] === undefined) return CORS_HEADERS;
  const wanted = headers['access-control-request-headers']?.trim() ?? '';
  const isList = wanted.length <= MAX_NAMES_LENGTH && NAMES.test(wanted);
  const allowed = isList ? wanted : DEFAULT_ALLOWED;
  return [...COMMON, ALLOW_HEADERS, allowed, 'access-control-max-age', MAX_AGE_SECONDS];
}
