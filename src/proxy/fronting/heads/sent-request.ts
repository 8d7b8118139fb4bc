/** The request that the application gets: its target and its headers, read from the request that came. */
import type { Propagation } from '../../../ledger/tracing/propagation.ts';
import type { AppClient } from '../app/app-client.ts';
import type { RequestHead } from '../client-and-app.ts';
import type { FrontedRecord } from '../telemetry/fronted-record.ts';
import { type ClientTrust, requestHeaders } from './app-headers.ts';

export interface HeaderParts {
  readonly app: AppClient;
  readonly propagation: Propagation;
  /** The application is told the certificates of clients. Default false. */
  readonly tellsCertificate?: boolean;
}

/** `leftMs`: of its deadline; undefined if it has none. */
export function sentHeaders(
  { headers, target, httpVersion, method, peerAddress, isTls, hasBody, isGrpc, upgrade }: RequestHead,
  { app, propagation }: HeaderParts,
  trust: ClientTrust,
  { id, sentTrace, arrival }: FrontedRecord,
  leftMs: number | undefined,
): string[] {
  return requestHeaders(headers, {
    ...{ httpVersion, method, peer: peerAddress, isTls, hasBody, isGrpc, upgrade, leftMs, id },
    ...trust,
    defaultHost: app.address.authority,
    authority: targetOf(target).authority,
    hasTrace: arrival.callerTrace !== undefined,
    traceNames: propagation.names,
    traceHeaders: sentTrace && propagation.headersOf(sentTrace),
  });
}

/** The path of a target that is a whole URL, as sent to a proxy, and its authority (RFC 9112, 3.2.2). */
export function targetOf(url: string): { readonly path: string; readonly authority: string | undefined } {
  const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
  if (match === null) return { path: url, authority: undefined };
  const [, authority, rest = ''] = match;
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority: authority! };
}
