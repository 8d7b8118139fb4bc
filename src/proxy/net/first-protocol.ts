/**
 * Tells the protocol of a connection by its first bytes. The three protocols differ within four bytes:
 *
 *   TLS        a handshake record: 0x16
 *   HTTP/2     the preface: "PRI ", which begins no method of HTTP/1.1
 *   HTTP/1.1   the character of a method, or an empty line before it (RFC 9112, 2.2)
 *
 * "P", "PR" and "PRI" may still become PUT or PROPFIND: more bytes are wanted.
 */
import type { Buffer } from 'node:buffer';

export type FirstProtocol = 'http1' | 'http2' | 'tls' | 'unknown';

const TLS_HANDSHAKE = 0x16;
const HTTP2_PREFIX = 'PRI ';
const HTTP1_FIRST = /^[!#$%&'*+.^_`|~0-9A-Za-z\r\n-]/;

/** Undefined: more bytes are wanted, at most four in all. */
export function firstProtocol(bytes: Buffer): FirstProtocol | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] === TLS_HANDSHAKE) return 'tls';
  const begun = bytes.toString('latin1', 0, HTTP2_PREFIX.length);
  if (HTTP2_PREFIX.startsWith(begun)) return begun.length < HTTP2_PREFIX.length ? undefined : 'http2';
  return HTTP1_FIRST.test(begun) ? 'http1' : 'unknown';
}
