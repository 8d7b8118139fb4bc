/**
 * How long a REST client gives its request. TensorFlow Serving has no header for it; these are what clients and proxies
 * in front already send. The first that is there counts:
 *
 * | header                          | sent by | form |
 * |---------------------------------|---------|------|
 * | x-envoy-expected-rq-timeout-ms  | Envoy, for every request that its route gives a timeout | whole milliseconds |
 * | grpc-timeout                    | gRPC gateways | 1 to 8 digits and a unit: H M S m u n |
 * | request-timeout                 | clients | seconds, decimals allowed |
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { parseGrpcTimeout } from '../grpc-timeout.ts';

const WHOLE = /^[0-9]{1,15}$/;
const DECIMAL = /^(?:[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})$/;

/** Milliseconds from the request's arrival, undefined if the client set none; or what is wrong with the header. */
export function clientTimeout(headers: IncomingHttpHeaders): number | undefined | ServingError {
  const envoy = headers['x-envoy-expected-rq-timeout-ms'];
  if (envoy !== undefined) {
    const text = String(envoy);
    return WHOLE.test(text)
      ? Number(text)
      : malformed('x-envoy-expected-rq-timeout-ms', text, 'whole milliseconds, e.g. 250');
  }
  const grpc = headers['grpc-timeout'];
  if (grpc !== undefined) {
    const text = String(grpc);
    return (
      parseGrpcTimeout(text) ?? malformed('grpc-timeout', text, '1 to 8 digits and a unit of H M S m u n, e.g. 250m')
    );
  }
  const seconds = headers['request-timeout'];
  if (seconds === undefined) return undefined;
  const text = String(seconds);
  return DECIMAL.test(text) ? Number(text) * 1000 : malformed('request-timeout', text, 'seconds, e.g. 2 or 0.25');
}

function malformed(name: string, text: string, want: string): ServingError {
  return new ServingError('invalid_request', `the header ${name} is ${quoteName(text)}; send ${want}`);
}
