/** The request that the application gets: its target and its headers, read from the request that came. */
import { randomUUID } from 'node:crypto';
import type { CallerTrace } from '../../telemetry/request-record.ts';
import { formatTraceparent, parseTraceparent } from '../../telemetry/tracing/propagation.ts';
import type { TraceContext } from '../../telemetry/tracing/trace-context.ts';
import type { AppClient } from './app-client.ts';
import { requestHeaders } from './app-headers.ts';
import type { RawHeaders } from './hop-headers.ts';
import { valuesOf } from './hop-headers.ts';
import type { RequestHead } from './sides.ts';

export interface HeaderParts {
  readonly app: AppClient;
  readonly trustsForwarded: boolean;
  /** The context of a new trace; undefined where traces are not exported, so that none begins here. */
  readonly startTrace: (caller: CallerTrace | undefined) => TraceContext | undefined;
}

/** `leftMs`: of its deadline; undefined if it has none. */
export function sentHeaders(
  { headers, target, httpVersion, method, peer, isTls, hasBody, isGrpc, upgrade }: RequestHead,
  { app, trustsForwarded, startTrace }: HeaderParts,
  leftMs: number | undefined,
): string[] {
  return requestHeaders(headers, {
    ...{ httpVersion, method, peer, isTls, hasBody, isGrpc, upgrade, trustsForwarded, leftMs },
    defaultHost: app.address.authority,
    authority: targetOf(target).authority,
    hasTrace: hasTrace(headers),
    newId: randomUUID,
    newTraceparent: () => {
      const context = startTrace(undefined);
      return context && formatTraceparent(context);
    },
  });
}

/** The path of a target that is a whole URL, as sent to a proxy, and its authority (RFC 9112, 3.2.2). */
export function targetOf(url: string): { readonly path: string; readonly authority: string | undefined } {
  const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
  if (match === null) return { path: url, authority: undefined };
  const [, authority, rest = ''] = match;
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority: authority! };
}

/** As the standard has it, a malformed one, and two, are none. */
function hasTrace(raw: RawHeaders): boolean {
  const sent = valuesOf(raw, 'traceparent');
  return sent.length === 1 && parseTraceparent(sent[0]!) !== undefined;
}

/** The ids by which the application can say for which request it asks: that of the trace, and of the request. */
export function toldIds(headers: RawHeaders): readonly [string | undefined, string | undefined] {
  const [traces, ids] = [valuesOf(headers, 'traceparent'), valuesOf(headers, 'x-request-id')];
  const trace = traces.length === 1 ? parseTraceparent(traces[0]!) : undefined;
  return [trace?.traceId, ids.length === 1 ? ids[0] : undefined];
}
