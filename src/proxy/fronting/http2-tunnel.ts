/**
 * Pure. Tunnels between the two ways to ask for one: `upgrade` of HTTP/1.1, and CONNECT with a protocol of HTTP/2
 * (RFC 8441). A WebSocket's handshake has a key and its proof in the one, which the other leaves out.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { AnswerHead, AppRequest, RequestHead } from './client-and-app.ts';
import { valuesOf } from './heads/hop-headers.ts';
import type { NodeHeaders } from './heads/http2-headers.ts';

/** RFC 6455, 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = 'sec-websocket-key';

/** The request of a tunnel, for an application of HTTP/2. */
export function tunnelRequest(headers: NodeHeaders, protocol: string): NodeHeaders {
  const { [KEY]: _key, ...kept } = headers;
  return Object.assign(Object.create(null), kept, { ':method': 'CONNECT', ':protocol': protocol }) as NodeHeaders;
}

/** The 200 of such an application as HTTP/1.1's 101. */
export function tunnelHead(
  head: AnswerHead,
  { headers, upgrade }: Pick<AppRequest, 'headers' | 'upgrade'>,
): AnswerHead {
  const key = valuesOf(headers, KEY)[0];
  const proof = key === undefined ? [] : ['sec-websocket-accept', acceptOf(key)];
  return { ...head, status: 101, headers: [...head.headers, 'upgrade', upgrade!, ...proof] };
}

/** The method of a tunnel's request, and the headers it lacks, in HTTP/1.1. */
export function asUpgrade(head: RequestHead): RequestHead {
  if (head.method !== 'CONNECT' || head.upgrade === undefined) return head;
  const needsKey = head.upgrade.toLowerCase() === 'websocket' && valuesOf(head.headers, KEY).length === 0;
  const key = needsKey ? [KEY, randomBytes(16).toString('base64')] : [];
  return { ...head, method: 'GET', hasBody: false, headers: [...head.headers, ...key] };
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
}
