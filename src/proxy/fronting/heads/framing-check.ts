/**
 * Requests that another server could read otherwise than this one are not sent on (request smuggling, RFC 9112, 11.2).
 * node's parser refuses most: a length beside a transfer coding, lengths that differ, malformed chunks. These are what it
 * would take. The request that the application gets is written anew in any case, from what was read.
 */
import type { IncomingMessage } from 'node:http';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { tokensOf, valuesOf } from './hop-headers.ts';

/** Why the request is refused; undefined if there is one way to read it. */
export function framingFault({ rawHeaders, httpVersion }: IncomingMessage): ServingError | undefined {
  const lengths = valuesOf(rawHeaders, 'content-length');
  const hasCoding = valuesOf(rawHeaders, 'transfer-encoding').length > 0;
  if (lengths.length > 1) return invalidRequest('the request has more than one content-length; send one');
  if (hasCoding && lengths.length > 0) {
    return invalidRequest('the request has a content-length and a transfer-encoding; send one of them');
  }
  if (!hasCoding) return undefined;
  if (httpVersion !== '1.1') {
    return invalidRequest('the request is HTTP/1.0 and has a transfer-encoding; send a content-length');
  }
  const codings = tokensOf(rawHeaders, 'transfer-encoding');
  if (codings.length === 1 && codings[0] === 'chunked') return undefined;
  return new ServingError('unsupported', 'of transfer codings chunked alone is passed on; send the body in it');
}

/** The request has a body, be it an empty one that is chunked. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
