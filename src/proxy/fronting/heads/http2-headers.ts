/**
 * Pure. Heads between the form that both sides of a fronted request have in common, which is HTTP/1.1's, and HTTP/2's
 * (RFC 9113, 8.2 and 8.3):
 *
 *   common                                      HTTP/2
 *   names in any spelling                       in lower case
 *   host                                        :authority
 *   one cookie                                  any number of crumbs
 *   connection, transfer-encoding, …            none; `te` may ask for trailers
 *   upgrade, sec-websocket-key and -accept      CONNECT with :protocol (RFC 8441), and 200
 */
import type { RequestHeaders } from '../../http2/streams/request-headers.ts';
import type { AnswerHead, AppRequest } from '../client-and-app.ts';
import { answerHeaders } from './app-headers.ts';
import { endToEnd, fieldsOf, type RawHeaders, tokensOf, trailersOf, valuesOf } from './hop-headers.ts';

type Fields = [name: string, value: string][];

/** A request of HTTP/2 in the common form. */
export function rawOfRequest({ fields, authority, contentLength }: RequestHeaders): RawHeaders {
  const raw: string[] = authority === '' ? [] : ['host', authority];
  // Once: the engine takes the same length twice.
  if (contentLength !== -1) raw.push('content-length', String(contentLength));
  const crumbs: string[] = [];
  for (const { name, value } of fields) {
    if (name === 'cookie') crumbs.push(value);
    else if (name !== 'host' && name !== 'content-length') raw.push(name, value);
  }
  if (crumbs.length > 0) raw.push('cookie', crumbs.join('; '));
  return raw;
}

/** An answer's head for a client of HTTP/2. `httpVersion`: in which it came; undefined for 1xx, which get no via. */
export function fieldsOfAnswer(status: number, headers: RawHeaders, httpVersion: string | undefined): Fields {
  const kept = httpVersion === undefined ? endToEnd(headers) : answerHeaders(headers, httpVersion);
  return [[':status', String(status)], ...lowerCase(kept)];
}

/** The head of a tunnel's answer, without the fields that only HTTP/1.1 has. */
export function tunnelAnswer({ headers, httpVersion }: AnswerHead): Fields {
  const kept = endToEnd(answerHeaders(headers, httpVersion), (name) => name === 'sec-websocket-accept');
  return [[':status', '200'], ...lowerCase(kept)];
}

export function fieldsOfTrailers(trailers: RawHeaders): Fields {
  return trailersOf(trailers).map(([name, value]) => [name.toLowerCase(), value.trim()]);
}

/** Headers for node:http2: an object with lower-case names; repeated ones have arrays. */
export type NodeHeaders = Record<string, string | string[]>;

/** A request in the common form for an application that speaks HTTP/2. */
export function nodeRequestHeaders(
  { method, path, headers, isTls }: Omit<AppRequest, 'user'>,
  defaultHost: string,
): NodeHeaders {
  const sent = emptyHeaders();
  sent[':method'] = method;
  sent[':scheme'] = isTls ? 'https' : 'http';
  sent[':authority'] = valuesOf(headers, 'host')[0] ?? defaultHost;
  sent[':path'] = path;
  addAll(
    sent,
    endToEnd(headers, (name) => name === 'host'),
  );
  if (tokensOf(headers, 'te').includes('trailers')) sent['te'] = 'trailers';
  return sent;
}

export function nodeTrailers(trailers: RawHeaders): NodeHeaders {
  const sent = emptyHeaders();
  addAll(sent, trailersOf(trailers).flat());
  return sent;
}

/** The headers without pseudo-headers, from the names and values in turn that node:http2 gives. */
export function rawOfAnswer(raw: RawHeaders): RawHeaders {
  const kept: string[] = [];
  for (const [lower, name, value] of fieldsOf(raw)) if (!lower.startsWith(':')) kept.push(name, value);
  return kept;
}

function emptyHeaders(): NodeHeaders {
  return Object.create(null) as NodeHeaders;
}

function addAll(headers: NodeHeaders, raw: RawHeaders): void {
  for (const [name, , value] of fieldsOf(raw)) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
}

function lowerCase(raw: RawHeaders): Fields {
  const fields: Fields = [];
  for (const [name, , value] of fieldsOf(raw)) fields.push([name, value.trim()]);
  return fields;
}
