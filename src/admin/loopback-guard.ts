/**
 * Who may ask what of the admin server. It listens on the loopback address alone, but a browser on the same machine can
 * reach that too, on behalf of any page that it shows. So:
 *
 * - a name that is not loopback's is refused: a page whose own name was made to resolve to 127.0.0.1 (DNS rebinding)
 *   still sends that name as Host;
 * - what changes something wants POST, a header that a page of another origin cannot send without asking first (we answer
 *   no such question), and no foreign Origin.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** Wanted with every POST; its value is of no matter. */
export const CONSOLE_HEADER = 'x-pillion-console';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** Why a request must not be answered at all; undefined: it may. */
export function hostRefusal({ host = '' }: IncomingHttpHeaders): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (LOOPBACK_NAMES.includes(name)) return undefined;
  return `Host is ${JSON.stringify(name.slice(0, 120))}; this server answers to localhost alone: ask for http://localhost:PORT, through a tunnel if need be`;
}

/** Why a request must not change anything; undefined: it may. `hostRefusal` has been asked before. */
export function changeRefusal(headers: IncomingHttpHeaders): string | undefined {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `http://${host}`) {
    return `Origin is ${JSON.stringify(origin.slice(0, 120))}; changes are made from this server's own page, or without Origin`;
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return `the request comes from another site (Sec-Fetch-Site: ${String(site).slice(0, 40)})`;
  }
  if (headers[CONSOLE_HEADER] === undefined) {
    return `the header ${CONSOLE_HEADER} is missing; send it with any value`;
  }
  return undefined;
}
