/** How long the client of a fronted request waits. */

import { parseGrpcTimeout } from '../../grpc-timeout.ts';
import { clientTimeout } from '../../http1/deadline-headers.ts';
import type { RequestHead } from '../client-and-app.ts';
import { valuesOf } from './hop-headers.ts';

const HEADERS = ['x-envoy-expected-rq-timeout-ms', 'grpc-timeout', 'request-timeout'];

/** Milliseconds from its arrival; undefined if it has set none that can be read: the application may refuse that. */
export function timeoutOf({ headers, isGrpc }: RequestHead): number | undefined {
  if (isGrpc) {
    const text = valuesOf(headers, 'grpc-timeout')[0];
    return text === undefined ? undefined : parseGrpcTimeout(text);
  }
  const sent: Record<string, string> = {};
  for (const name of HEADERS) {
    const values = valuesOf(headers, name);
    if (values.length > 0) sent[name] = values.join(', ');
  }
  const timeout = clientTimeout(sent);
  return typeof timeout === 'number' ? timeout : undefined;
}
