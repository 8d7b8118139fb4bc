/**
 * The timeout that a REST client gives its request. TensorFlow Serving has no header for it; clients and proxies
 * already send these. The first one present counts:
 *
 * | header                          | sent by | form |
 * |---------------------------------|---------|------|
 * | x-envoy-expected-rq-timeout-ms  | Envoy, for every request that its route gives a timeout | whole milliseconds |
 * | grpc-timeout                    | gRPC gateways | 1 to 8 digits and a unit: H M S m u n |
 * | request-timeout                 | clients | seconds, decimals allowed |
 */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { parseGrpcTimeout } from '../grpc-timeout.ts';

const WHOLE = /^[0-9]{1,15}$/;
const DECIMAL = /^(?:[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})$/;

interface TimeoutHeader {
  readonly name: string;
  /** Milliseconds; undefined if the text cannot be read. */
  readonly parse: (text: string) => number | undefined;
  /** The expected form, for an error's text. */
  readonly form: string;
}

const HEADERS: readonly TimeoutHeader[] = [
  {
    name: 'x-envoy-expected-rq-timeout-ms',
    parse: (text) => (WHOLE.test(text) ? Number(text) : undefined),
    form: 'whole milliseconds, e.g. 250',
  },
  { name: 'grpc-timeout', parse: parseGrpcTimeout, form: '1 to 8 digits and a unit of H M S m u n, e.g. 250m' },
  {
    name: 'request-timeout',
    parse: (text) => (DECIMAL.test(text) ? Number(text) * 1000 : undefined),
    form: 'seconds, e.g. 2 or 0.25',
  },
];

/** Milliseconds from the request's arrival; undefined if the client set none; a ServingError if it cannot be read. */
export function clientTimeout(headers: IncomingHttpHeaders): number | undefined | ServingError {
  for (const { name, parse, form } of HEADERS) {
    const header = headers[name];
    if (header === undefined) continue;
    const text = String(header);
    return parse(text) ?? invalidRequest(`the header ${name} is ${quoteName(text)}; send ${form}`);
  }
  return undefined;
}
