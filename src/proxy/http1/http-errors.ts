/**
 * Errors as HTTP answers: {"error": "<text>"} as in TensorFlow Serving, and Retry-After. Also the answers to parser
 * errors, for which no request and no record exist.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';

/** The WWW-Authenticate of a 401 (RFC 6750, 3). */
export const CHALLENGE = 'Bearer realm="pillion"';

export function errorBody(message: string): Buffer {
  return Buffer.from(JSON.stringify({ error: message }), 'utf8');
}

/** A body took longer than a request may. */
export function lateBody(): ServingError {
  return new ServingError('deadline_exceeded', 'the body did not arrive in time; send it faster');
}

/** `bytes`: the length of the body, or what is known of it. */
export function bodyTooLarge(maxBytes: number, bytes: number | string): ServingError {
  const limit = `the limit is ${maxBytes} bytes, but the body has ${bytes}`;
  return new ServingError('too_large', `${limit}; send fewer rows a request, or raise --max_message_bytes`);
}

/** The text of a 431, over either version of HTTP. */
export const HEADERS_TOO_LARGE = 'the request headers are too large; send fewer or shorter ones';

interface ParserAnswer {
  readonly status: string;
  readonly message: string;
}

/** The fault of a target that is no URL's. */
export const WRONG_TARGET =
  'the target of the request has characters beyond ASCII, or others that none may have (RFC 3986); write their UTF-8 bytes with %, as /caf%C3%A9 for /café';

/** The errors by the error code of node's HTTP parser or timeouts. */
const PARSER_ANSWERS: Readonly<Record<string, ParserAnswer>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    message: HEADERS_TOO_LARGE,
  },
  HPE_INVALID_URL: { status: '400 Bad Request', message: WRONG_TARGET },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    message: 'the request did not arrive in time; send it faster',
  },
};

function malformed(isSecure: boolean): ParserAnswer {
  return {
    status: '400 Bad Request',
    message: `the request is not valid HTTP/1.1; speak HTTP/1.1 with${isSecure ? '' : 'out'} TLS on this port`,
  };
}

/** A whole response, after which the connection must be closed. `headers` are added: names and values in turn. */
export function parserErrorResponse(
  code: string | undefined,
  isSecure = false,
  headers: readonly string[] = [],
): string {
  const { status, message } = PARSER_ANSWERS[code ?? ''] ?? malformed(isSecure);
  const further: string[] = [];
  for (let i = 0; i < headers.length; i += 2) further.push(`${headers[i]}: ${headers[i + 1]}`);
  const body = JSON.stringify({ error: message });
  return [
    `HTTP/1.1 ${status}`,
    'connection: close',
    'content-type: application/json',
    ...further,
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
