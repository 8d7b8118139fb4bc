/**
 * Guards the admin server by who asks. It is bound to loopback, but a browser on this machine reaches it on behalf of
 * any page.
 *
 *   refuseForeignHost     a page that reaches it by a name of its own (DNS rebinding): the browser then sends that name
 *   refuseForeignName     the same, but any IP address will do: a scraper behind a proxy of the pod sends the pod's,
 *                         and no page's name is an address
 *   refuseForeignPage     a page of another origin, whatever it asks for
 *   refuseForeignChange   besides, for changing or costly requests: a sender without CONSOLE_HEADER. A page of
 *                         another origin cannot send it without a preflight, which is never answered; this guards old
 *                         browsers, which do not say where a request comes from
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Why an admin endpoint does not answer: a status and one line of text. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/** Required with every POST and each costly GET, with any value. */
export const CONSOLE_HEADER = 'x-pillion-console';

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** Undefined if the request was sent to a loopback name. */
export function refuseForeignHost(headers: IncomingHttpHeaders): Refusal | undefined {
  const host = hostOf(headers);
  if (LOOPBACK_NAMES.includes(host)) return undefined;
  return refusal(`Host is ${quoted(host)}; this server answers for localhost alone`);
}

/** Undefined if the request was sent to a loopback name, or to an address. */
export function refuseForeignName(headers: IncomingHttpHeaders): Refusal | undefined {
  const host = hostOf(headers);
  if (LOOPBACK_NAMES.includes(host) || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return undefined;
  return refusal(`Host is ${quoted(host)}; ask by localhost or by an IP address`);
}

/** The host without its port. */
function hostOf({ host = '' }: IncomingHttpHeaders): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

/** Undefined if the sender may read. */
export function refuseForeignPage({ origin, host, ...headers }: IncomingHttpHeaders): Refusal | undefined {
  if (origin !== undefined && origin !== `http://${host}`) {
    return refusal(`Origin is ${quoted(origin)}; ask from this server's own page, or without Origin`);
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return refusal(`the request comes from another site (Sec-Fetch-Site: ${quoted(String(site))})`);
  }
  return undefined;
}

/** Undefined if the sender may change something, or ask for something costly. */
export function refuseForeignChange(headers: IncomingHttpHeaders): Refusal | undefined {
  const foreign = refuseForeignPage(headers);
  if (foreign !== undefined || headers[CONSOLE_HEADER] !== undefined) return foreign;
  return refusal(`the header ${CONSOLE_HEADER} is missing; send it with any value`);
}

function refusal(text: string): Refusal {
  return { status: 403, text };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
