/** The headers of a request over HTTP/2 as node:http has those of HTTP/1.1, for whatever reads headers of REST. */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';

/** The first of these counts, as in node:http; others with the same name are one list. */
const SINGLE: ReadonlySet<string> = new Set(['authorization', 'content-length', 'content-type', 'host', 'user-agent']);

/** All values of each lower-case name, in the order sent. */
type DistinctHeaders = Record<string, string[]>;

export function distinctHeaders({ fields }: RequestHeaders): DistinctHeaders {
  const distinct = Object.create(null) as DistinctHeaders;
  for (const { name, value } of fields) {
    distinct[name] ??= [];
    distinct[name].push(value);
  }
  return distinct;
}

export function nodeHeaders(distinct: DistinctHeaders): IncomingHttpHeaders {
  const headers = Object.create(null) as Record<string, string>;
  for (const name in distinct) {
    const values = distinct[name]!;
    headers[name] = SINGLE.has(name) ? values[0]! : values.join(name === 'cookie' ? '; ' : ', ');
  }
  return headers;
}

/** No control characters but the tab (RFC 9110, 5.5). */
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * Why the head is refused; undefined if it is sound. Node's parser refuses the same over HTTP/1.1: HTTP/2 has values with
 * control characters, and needs no host.
 */
export function headFault({ fields, authority }: RequestHeaders): ServingError | undefined {
  for (const { name, value } of fields) {
    if (!NOT_IN_VALUES.test(value)) continue;
    return invalidRequest(`the header ${quoteName(name)} has a control character in its value; send it without`);
  }
  if (authority !== '' && !NOT_IN_VALUES.test(authority)) return undefined;
  return invalidRequest('the request names no host; HTTP/2 wants :authority, so send one, with any value');
}
