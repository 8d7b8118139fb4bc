/**
 * Refuses heads that are no request to a server: node's parser takes any target without spaces,
 * any value as Host, and HTTP/0.9. Applications that read them find other hosts and paths in them than this server does.
 * HTTP/2 carries more than HTTP/1.1 can: methods in lower case, which node's client would write in upper case, and
 * control characters in values.
 */
import { invalidRequest, type ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { RequestHead } from '../client-and-app.ts';
import { fieldsOf, type RawHeaders, valuesOf } from './hop-headers.ts';
import { targetOf } from './sent-request.ts';

/** A name, an IPv4 or bracketed IPv6 address, perhaps a port (RFC 3986, 3.2.2); empty where a URL has no authority. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::\d{0,5})?$/;

/** The values of RequestHead.httpVersion that are served. */
const VERSIONS: ReadonlySet<string> = new Set(['1.0', '1.1', '2']);

/** Why the request is refused; undefined if it is one. */
export function headFault({ httpVersion, method, headers, target }: RequestHead): ServingError | undefined {
  if (!VERSIONS.has(httpVersion)) {
    return invalidRequest(`the request is HTTP/${httpVersion}; send HTTP/1.1`);
  }
  if (/[a-z]/.test(method)) {
    const other = method.toUpperCase();
    return invalidRequest(`${quoteName(method)} is another method than ${other}, and is not passed on; send ${other}`);
  }
  const { path, authority } = targetOf(target);
  if (!path.startsWith('/')) {
    return invalidRequest(`the target ${quoteName(path)} is no path; it begins with /, or is a whole http URL`);
  }
  if (path.includes('#')) {
    return invalidRequest(`the target ${quoteName(path)} has a fragment, which is for clients alone; write # as %23`);
  }
  if (authority !== undefined && (!HOST.test(authority) || /^(?::|$)/.test(authority))) {
    return invalidRequest(`${quoteName(authority)}, the authority of the target, is no host`);
  }
  const wrong = valuesOf(headers, 'host').find((host) => !HOST.test(host));
  return wrong === undefined ? undefined : invalidRequest(`${quoteName(wrong)}, in host, is no host`);
}

/** No control characters but the tab (RFC 9110, 5.5). */
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;

/** Why the fields of HTTP/2 are refused, a head's or trailers: HTTP/1.1 has no way to carry a value. */
export function valueFault(raw: RawHeaders, what: 'header' | 'trailer'): ServingError | undefined {
  for (const [, name, value] of fieldsOf(raw)) {
    if (NOT_IN_VALUES.test(value)) {
      return invalidRequest(`the ${what} ${quoteName(name)} has a control character in its value; send it without`);
    }
  }
  return undefined;
}
