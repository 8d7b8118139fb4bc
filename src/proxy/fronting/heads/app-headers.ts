/**
 * Pure. What the application is sent of a request's headers, and its client of the answer's.
 *
 *   as they came        everything end to end, in its order and spelling, bytes of values included
 *   taken out           hop by hop (hop-headers.ts); of clients that are not trusted, what proxies say of them; twins with
 *                       underscores of what this server writes or takes out
 *   added               via, x-forwarded-for, -proto and -host, x-request-id, traceparent (or what OTEL_PROPAGATORS names), what is
 *                       left of the deadline
 */
import type { TraceHeaders } from '../../../core/executor.ts';
import { plainIPv4 } from '../../../ledger/plain-ipv4.ts';
import type { ToldClient } from '../../caller.ts';
import { formatGrpcTimeout } from './grpc-form.ts';
import type { RawHeaders } from './hop-headers.ts';
import { endToEnd, readAs, tokensOf, valuesOf, viaOf } from './hop-headers.ts';

/** The client, as far as it is believed. */
export interface ClientTrust {
  /** The peer is a trusted proxy. */
  readonly isTrusted: boolean;
  /** The client that it tells; undefined if it tells none. */
  readonly told: ToldClient | undefined;
  /** The peer's certificate as x-forwarded-client-cert has it; undefined = it has none, or that is not told. */
  readonly certificate: string | undefined;
}

/** The facts of a request that are not in its headers. */
export interface RequestFacts extends ClientTrust {
  readonly httpVersion: string;
  /** The client's address; 'unix' on a socket file. */
  readonly peer: string;
  readonly isTls: boolean;
  /** The id of a request that came without one. */
  readonly id: string;
  /** The headers that name a trace, in lower case. */
  readonly traceNames: ReadonlySet<string>;
  /** Those of the span whose children the application's are; undefined where this server makes none: they stay as they came. */
  readonly traceHeaders: TraceHeaders | undefined;
  /** It came with a trace that is well formed. */
  readonly hasTrace: boolean;
  /** Milliseconds that are left of its deadline; undefined if it has none. */
  readonly leftMs: number | undefined;
  /** Its deadline is written as gRPC does. */
  readonly isGrpc?: boolean;
  /** The authority of a target that is a whole URL: it counts, not the Host (RFC 9112, 3.2.2). */
  readonly authority: string | undefined;
  /** The Host of a request that may lack one, as it is of HTTP/1.0. */
  readonly defaultHost: string;
  /** The protocol that `upgrade` asks for; undefined = none is asked of the application. */
  readonly upgrade: string | undefined;
  readonly hasBody: boolean;
  readonly method: string;
}

export const TIMEOUT_HEADER = 'x-envoy-expected-rq-timeout-ms';

/** Envoy's header of clients' certificates (XFCC). */
const CERTIFICATE = 'x-forwarded-client-cert';

/** Methods whose requests have no body as a rule: a length of 0 would say nothing (RFC 9110, 8.6). */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE']);

/** Names and values in turn, for node's client. */
export function requestHeaders(raw: RawHeaders, facts: RequestFacts): string[] {
  const { upgrade, defaultHost } = facts;
  const left = leftHeader(facts);
  const authority = facts.authority ?? (valuesOf(raw, 'host').length === 0 ? defaultHost : undefined);
  const isReplaced = (name: string): boolean =>
    name === 'via' ||
    (name === 'host' && authority !== undefined) ||
    name === left?.[0] ||
    ((!facts.hasTrace || facts.traceHeaders !== undefined) && facts.traceNames.has(name)) ||
    isForwarded(name, facts) ||
    isTwin(name, facts.traceNames);
  const headers = endToEnd(raw, isReplaced);
  if (authority !== undefined) headers.unshift('host', authority);
  headers.push('via', viaOf(raw, facts.httpVersion), ...forwarded(raw, facts));
  if (valuesOf(raw, 'x-request-id').length === 0) headers.push('x-request-id', facts.id);
  if (facts.traceHeaders !== undefined) headers.push(...Object.entries(facts.traceHeaders).flat());
  if (left !== undefined) headers.push(...left);
  headers.push(...framing(raw, facts));
  if (upgrade !== undefined) headers.push('connection', 'upgrade', 'upgrade', upgrade);
  // Asked again, as this server passes trailers on.
  else if (tokensOf(raw, 'te').includes('trailers')) headers.push('te', 'trailers', 'connection', 'te');
  return headers;
}

/** The answer's headers for the client; node frames it. */
export function answerHeaders(raw: RawHeaders, httpVersion: string): string[] {
  const headers = endToEnd(raw, (name) => name === 'via');
  headers.push('via', viaOf(raw, httpVersion));
  return headers;
}

/** The header of the time that is left, rounded down. */
function leftHeader({ leftMs, isGrpc }: RequestFacts): [name: string, value: string] | undefined {
  if (leftMs === undefined) return undefined;
  return isGrpc === true ? ['grpc-timeout', formatGrpcTimeout(leftMs)] : [TIMEOUT_HEADER, String(Math.floor(leftMs))];
}

/** A client that no trusted proxy stands for could make up all of them. */
function isForwarded(name: string, { isTrusted, told, certificate }: RequestFacts): boolean {
  if (name === 'x-forwarded-for' || name === 'x-forwarded-proto') return true;
  if (name === CERTIFICATE) return !isTrusted || certificate !== undefined;
  if (name === 'forwarded') return told?.isForwardedSound !== true;
  return !isTrusted && (name === 'x-real-ip' || name.startsWith('x-forwarded-'));
}

/** The headers beside x-forwarded-* that an application believes to be from a proxy, or to say how the message is read. */
const WRITTEN_HERE: ReadonlySet<string> = new Set([
  'forwarded',
  'x-real-ip',
  'via',
  'x-request-id',
  TIMEOUT_HEADER,
  'grpc-timeout',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
]);

/** An application may read it as a header that this server writes. No proxy sends it, so that nobody's is trusted. */
function isTwin(name: string, traceNames: ReadonlySet<string>): boolean {
  const read = readAs(name);
  return read !== name && (WRITTEN_HERE.has(read) || traceNames.has(read) || read.startsWith('x-forwarded-'));
}

/** The peer stands behind the hops of which it tells. */
function forwarded(raw: RawHeaders, { peer, isTls, isTrusted, told, certificate, authority }: RequestFacts): string[] {
  const before = told === undefined || told.hops === '' ? [] : [told.hops];
  // A proxy on a socket file has no address.
  const hops = peer === 'unix' && before.length > 0 ? before : [...before, plainIPv4(peer)];
  const headers = ['x-forwarded-for', hops.join(', ')];
  headers.push('x-forwarded-proto', told?.scheme ?? (isTls ? 'https' : 'http'));
  const host = authority ?? valuesOf(raw, 'host')[0];
  const hasHost = isTrusted && valuesOf(raw, 'x-forwarded-host').length > 0;
  if (!hasHost && host !== undefined) headers.push('x-forwarded-host', host);
  if (certificate !== undefined) {
    headers.push(CERTIFICATE, [...(isTrusted ? valuesOf(raw, CERTIFICATE) : []), certificate].join(','));
  }
  return headers;
}

/** A content-length goes on as it came. */
function framing(raw: RawHeaders, { hasBody, method }: RequestFacts): string[] {
  if (valuesOf(raw, 'content-length').length > 0) return [];
  if (hasBody) return ['transfer-encoding', 'chunked'];
  return WITHOUT_BODY.has(method) ? [] : ['content-length', '0'];
}
