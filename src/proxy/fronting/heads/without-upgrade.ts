/**
 * A request that asks for another protocol and does not get it is answered as if it had not asked (RFC 9110, 7.8): Java's
 * client asks for h2c in its first request, whatever the path. node gives such a request away before its body, so its
 * head is written anew without the wish, for node to read again.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { hasBody } from './framing-check.ts';
import { fieldsOf, tokensOf } from './hop-headers.ts';

const WISHES: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);

/** An application is asked for any protocol but HTTP/2, which is not spoken with it, and never beside a body. */
export function mayUpgrade(request: IncomingMessage): boolean {
  const protocols = tokensOf(request.rawHeaders, 'upgrade');
  return !hasBody(request) && protocols.length > 0 && !protocols.includes('h2c');
}

/** The bytes of its head, up to the body. */
export function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (const [lower, name, value] of fieldsOf(rawHeaders)) {
    if (!WISHES.has(lower) && lower !== 'connection') lines.push(`${name}: ${value}`);
  }
  const options = tokensOf(rawHeaders, 'connection').filter((option) => !WISHES.has(option));
  if (options.length > 0) lines.push(`connection: ${options.join(', ')}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
