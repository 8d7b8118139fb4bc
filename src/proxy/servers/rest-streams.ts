/** REST over HTTP/2: the requests of gRPC's port that are no calls of gRPC. */
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { JSON_TYPE } from '../http1/answer-head.ts';
import { errorBody, HEADERS_TOO_LARGE } from '../http1/http-errors.ts';
import type { TransportParts } from '../http1/transport.ts';
import { encodeHeaders } from '../http2/hpack/hpack-encoder.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import type { Http2Stream } from '../http2/streams/stream.ts';
import { headFault } from '../http2-rest/stream-headers.ts';
import { StreamTransport } from '../http2-rest/stream-transport.ts';
import { failure } from '../protocols/rest/route.ts';
import type { RestRoute } from './rest-part.ts';
import type { RestRequests } from './rest-requests.ts';
import type { RestMatcher } from './rest-routes.ts';

export class RestStreams {
  readonly #requests: RestRequests;
  readonly #routes: RestMatcher;
  readonly #parts: TransportParts;

  constructor(requests: RestRequests, routes: RestMatcher, parts: TransportParts) {
    this.#requests = requests;
    this.#routes = routes;
    this.#parts = parts;
  }

  /** Takes a request, but for CONNECT. */
  serve(stream: Http2Stream, headers: RequestHeaders): void {
    const transport = new StreamTransport(stream, headers, this.#parts);
    stream.sink = transport;
    this.#requests.begin(transport, this.#routeOf(headers), transport.open);
  }

  /** Answers a request whose header list is too large. */
  refuseHeaders(stream: Http2Stream): void {
    const body = errorBody(HEADERS_TOO_LARGE);
    const fields: [string, string][] = [
      [':status', '431'],
      ['content-type', JSON_TYPE],
      ['content-length', String(body.length)],
    ];
    const { common } = this.#parts.heads;
    for (let i = 0; i < common.length; i += 2) fields.push([common[i]!, common[i + 1]!]);
    stream.respond(encodeHeaders(fields));
    stream.write(body);
    stream.end();
  }

  #routeOf(headers: RequestHeaders): RestRoute {
    const fault = headFault(headers);
    if (fault !== undefined) return failure(fault);
    const route = this.#routes.match(headers.method, headers.path);
    return route.kind === 'app' ? failure(noCall(headers.path)) : route;
  }
}

/** A path of a service here is not the application's either. */
function noCall(path: string): ServingError {
  return new ServingError('route_not_found', `${quoteName(path)} is a method of gRPC; send application/grpc to it`);
}
