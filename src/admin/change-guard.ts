/**
 * Who may change something by the admin server. Host has been checked before (loopback-host.ts), but a browser on the same
 * machine reaches us on behalf of any page that it shows: so a change wants a header that a page of another origin cannot
 * send without asking first (we answer no such question), and no foreign Origin.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Wanted with every POST; its value is of no matter. */
export const CONSOLE_HEADER = 'x-pillion-console';

/** Undefined: it may. */
export function refuseForeignChange(headers: IncomingHttpHeaders): Refusal | undefined {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `http://${host}`) {
    return refusal(`Origin is ${quoted(origin)}; changes are made from this server's own page, or without Origin`);
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return refusal(`the request comes from another site (Sec-Fetch-Site: ${quoted(String(site))})`);
  }
  if (headers[CONSOLE_HEADER] === undefined) {
    return refusal(`the header ${CONSOLE_HEADER} is missing; send it with any value`);
  }
  return undefined;
}

function refusal(text: string): Refusal {
  return { status: 403, text };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
